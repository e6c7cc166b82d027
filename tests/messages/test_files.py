"""Text files are read with faults that name the line, and written whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from evokd.messages import InputError
from evokd.messages.files import decode_utf8, read_utf8, replacing, write_atomically

MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        ("é\u2028x\n".encode(), "é\u2028x\n"),
        (MARK + b"a\r\nb\rc", "a\nb\nc"),
        (MARK + MARK + b"a", "a"),
    ],
    ids=["empty", "plain", "mark and foreign line ends", "two marks"],
)
def test_a_text_is_read_with_plain_line_ends_and_no_mark(tmp_path: Path, raw: bytes, text: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(raw)
    assert read_utf8(path) == text
    assert read_utf8(path, limit=len(raw)) == text


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"\xe9", r"a\.txt:1: byte 0xe9 at offset 0 is not UTF-8; save the file with encoding UTF-8"),
        (MARK + b"one\r\ntw\xff\n", r"a\.txt:2: byte 0xff at offset 10 is not UTF-8"),
        (b"one\n\xc3", r"a\.txt:2: byte 0xc3 at offset 4 is not UTF-8"),
    ],
)
def test_a_byte_that_is_not_utf_8_is_named_with_its_line(tmp_path: Path, raw: bytes, fault: str) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=fault):
        read_utf8(path)


def test_a_part_of_a_text_is_named_by_its_position_in_the_whole() -> None:
    with pytest.raises(InputError, match=r"^stdin:7: byte 0xff at offset 102 is not UTF-8; save the input with"):
        decode_utf8(b"ab\xff", "stdin", line=7, offset=100, source="the input")


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: no such file"):
        read_utf8(tmp_path / "none.txt")
    with pytest.raises(InputError, match="cannot be read: "):
        read_utf8(tmp_path)
    # cut at the limit, the last letter would be no UTF-8
    (tmp_path / "long.txt").write_text("aé", encoding="utf-8")
    with pytest.raises(InputError, match=r"long\.txt: larger than 1 bytes; take less"):
        read_utf8(tmp_path / "long.txt", limit=1, advice="take less")


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    for text in ("old", "né\u2028w\n"):
        write_atomically(tmp_path / "a.json", text)
    assert (tmp_path / "a.json").read_bytes() == "né\u2028w\n".encode()
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_file_that_cannot_be_written_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "a.json"
    write_atomically(path, "old")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "elsewhere")

    with monkeypatch.context() as full:
        full.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), refuse)
        with pytest.raises(OSError, match=r"No space left on device: .*a\.json") as caught:
            write_atomically(path, "new")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "\ud800")
    assert {name.name: name.read_text() for name in tmp_path.iterdir()} == {"a.json": "old"}


def test_a_block_that_fails_or_is_interrupted_replaces_nothing(tmp_path: Path) -> None:
    path, part = tmp_path / "a.bin", tmp_path / ".a.partial"
    with replacing(path, part) as file:
        file.write(b"old")
        assert not path.exists()

    def fail(fault: type[BaseException]) -> None:
        with replacing(path, part) as file:
            file.write(b"new")
            raise fault

    for fault in (ValueError, KeyboardInterrupt):
        with pytest.raises(fault):
            fail(fault)
    assert {name.name: name.read_bytes() for name in tmp_path.iterdir()} == {"a.bin": b"old"}
