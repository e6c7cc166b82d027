import sys
from pathlib import Path

import pytest

from agents.messages import InputError
from student.data import read_examples, write_jsonl
from student.tasks import Example, codec

CODEC = codec("classification", ["bug", "billing"])
GOOD = '{"text": "it crashes", "label": "bug"}\n'

FAULTS = {
    "broken_json": ("a.jsonl", GOOD + '{"text": "x", \n', ":2: broken JSON at column"),
    "not_an_object": ("a.jsonl", GOOD + "[1]\n", ":2: not a JSON object"),
    "missing_text": ("a.jsonl", '{"label": "bug"}', ':1: key "text" is missing'),
    "missing_label": ("a.jsonl", GOOD + "\n" + '{"text": "x"}', ':3: key "label" is missing'),
    "unknown_key": ("a.jsonl", '{"text": "x", "label": "bug", "lable": 1}', ":1: unknown key 'lable'"),
    "text_type": ("a.jsonl", '{"text": 3, "label": "bug"}', ':1: "text" must be a string, not a number'),
    "label_type": ("a.jsonl", '{"text": "x", "label": ["bug"]}', ':1: "label" must be a string, not a list'),
    "label_null": ("a.jsonl", '{"text": "x", "label": null}', ':1: "label" must be a string, not null'),
    "empty_text": ("a.jsonl", '{"text": " \\n", "label": "bug"}', ':1: "text" is empty'),
    "surrogate": ("a.jsonl", '{"text": "\\ud800", "label": "bug"}', ":1: "),
    "unknown_label_near": (
        "a.jsonl",
        '{"text": "x", "label": "Biling"}',
        ":1: unknown label 'Biling'; did you mean 'bil",
    ),
    "unknown_label_far": ("a.jsonl", '{"text": "x", "label": "zzz"}', "'zzz'; known labels: bug, billing"),
    "empty_file": ("a.jsonl", "", ": holds no rows"),
    "blank_lines_only": ("a.jsonl", "\n \n", ": holds no rows"),
    "unknown_kind": ("a.txt", GOOD, ": unknown kind of data file; use .jsonl, .csv, .parquet"),
    "csv_header": ("a.csv", "it crashes,bug\n", ':1: the header lacks "text"'),
    "csv_header_twice": ("a.csv", "text,text\n", ":1: a column is named twice"),
    "csv_cells": ("a.csv", "text,label\nno, it crashes,bug\n", ":2: 3 cells where the header has 2"),
    "csv_quotes": ("a.csv", 'text,label\n"it "crashes,bug\n', ":2: broken CSV"),
    "csv_unknown_label": (
        "a.csv",
        'text,label\n"two\nlines",bug\nx,bugs\n',
        ":4: unknown label 'bugs'; did you mean 'bug'",
    ),
    "csv_header_only": ("a.csv", "text,label\n", ": holds no rows"),
}


@pytest.mark.parametrize(("name", "content", "expected"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_one_line_with_its_place(tmp_path: Path, name: str, content: str, expected: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_examples(path, CODEC)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    assert expected in message
    assert "\n" not in message


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_examples(tmp_path / "none.jsonl", CODEC)
    (tmp_path / "d.jsonl").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        read_examples(tmp_path / "d.jsonl", CODEC)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
def test_wrong_encoding_is_named_with_line_and_offset(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes(mark + GOOD.encode() + b'{"text": "caf\xe9"}')
    raw = path.read_bytes()
    with pytest.raises(InputError, match=f":2: byte 0xe9 at offset {raw.index(0xE9)} is not UTF-8"):
        read_examples(path, CODEC)


def test_marks_blank_lines_notes_and_odd_separators_are_read(tmp_path: Path) -> None:
    path = tmp_path / "ok.jsonl"
    rows = '\n{"text": "one\u2028two", "label": "bug", "note": "hard"}\r\n\n' + GOOD
    path.write_bytes(b"\xef\xbb\xbf" + rows.encode())
    assert read_examples(path, CODEC) == [Example("one\u2028two", "bug"), Example("it crashes", "bug")]


def test_csv_is_read_with_quotes_and_any_column_order(tmp_path: Path) -> None:
    path = tmp_path / "ok.csv"
    path.write_bytes('\ufefflabel,text,note\r\nbilling,"paid, twice",n\r\n\r\nbug,"two\nlines",\r\n'.encode())
    assert read_examples(path, CODEC) == [Example("paid, twice", "billing"), Example("two\nlines", "bug")]


def test_parquet_without_pyarrow_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match="needs the package pyarrow; install it or convert"):
        read_examples(path, CODEC)


def test_written_rows_are_read_back_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.jsonl"
    write_jsonl(path, [{"text": "é\u2028", "label": "bug"}])
    assert read_examples(path, CODEC) == [Example("é\u2028", "bug")]

    def broken() -> object:
        yield {"text": "x", "label": "bug"}
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write_jsonl(path, broken())  # type: ignore[arg-type]
    assert read_examples(path, CODEC) == [Example("é\u2028", "bug")]
