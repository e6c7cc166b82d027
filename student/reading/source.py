"""Where rows come from, a file or a stream, and its text: UTF-8 line by line, whatever ends the lines."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from evokd.messages import InputError
from evokd.messages.files import decode_utf8
from evokd.student.reading.layout import refusal

LONGEST = 10_000_000
"""Characters of the longest line, and of the longest cell of a table."""
_MOST_BYTES = 4 * LONGEST
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive, as .xlsx and .docx are; save it as CSV",
    b"\x1f\x8b": "packed with gzip; unpack it first",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file; save it as CSV",
    b"%PDF": "a PDF; save its texts in a .txt or .csv file",
    b"PAR1": "a Parquet file; name it .parquet",
    b"BZh": "packed with bzip2; unpack it first",
    b"\xfd7zXZ": "packed with xz; unpack it first",
}


@dataclass(frozen=True)
class Source:
    """Bytes and the name by which faults call them."""

    name: str
    open_bytes: Callable[[], AbstractContextManager[BinaryIO]]
    path: Path | None = None
    """The file; None for a stream."""
    rows: range | None = None
    """The rows of a Parquet file that are read, from 0; None: all."""

    @property
    def mend(self) -> str:
        """What is mended: the file or the input."""
        return "the input" if self.path is None else "the file"


def file_source(path: Path) -> Source:
    """Read from a file."""
    return Source(str(path), lambda: path.open("rb"), path)


def stream_source(name: str, open_again: Callable[[], BinaryIO]) -> Source:
    """Read from what is no file, each time from its beginning."""
    return Source(name, open_again)


def read_text(source: Source) -> Iterator[str]:
    """Give the lines of a text with their ends; byte order marks at their beginning are left out.

    Lines end at LF or CRLF. Where there is no LF at all they end at CR, as on old Macs.

    Raises:
        InputError: it cannot be read, is no UTF-8 or no text at all; names the line.
    """
    number, offset = 0, 0
    try:
        with source.open_bytes() as file:
            for number, raw in enumerate(_cut(file), start=1):
                if len(raw) >= _MOST_BYTES:
                    raise refusal(source.name, number, f"a line of more than {_MOST_BYTES:,} bytes; break it up")
                yield _decode(source, number, offset, raw)
                offset += len(raw)
    except FileNotFoundError as exc:
        raise InputError(f"{source.name}: no such file") from exc
    except IsADirectoryError as exc:
        raise InputError(f"{source.name}: is a folder; name a file") from exc
    except OSError as exc:
        raise InputError(f"{source.name}: cannot be read ({exc.strerror}); check its permissions") from exc


def _cut(file: BinaryIO) -> Iterator[bytes]:
    first = file.readline(_MOST_BYTES)
    rest = iter(lambda: file.readline(_MOST_BYTES), b"")
    if b"\r" not in first or b"\n" in first or len(first) >= _MOST_BYTES:
        return chain([first] if first else [], rest)
    return iter(first.splitlines(keepends=True))  # of bytes: at CR and LF alone


def _decode(source: Source, number: int, offset: int, raw: bytes) -> str:
    if number == 1:
        _check_start(source, raw)
    text = decode_utf8(raw, source.name, number, offset, source.mend)
    if "\0" in text:
        raise refusal(source.name, number, f"holds a NUL byte, as no text does; save {source.mend} with encoding UTF-8")
    if len(text) > LONGEST:
        raise refusal(source.name, number, f"a line of {len(text):,} characters; at most {LONGEST:,} are read")
    return text


def _check_start(source: Source, raw: bytes) -> None:
    """Refuse what is no text in UTF-8, by what it begins with."""
    wide = raw[:200]
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or wide.count(0) * 3 > len(wide):
        fault = f"is written in UTF-16 or UTF-32, not UTF-8; save {source.mend} with encoding UTF-8"
        raise refusal(source.name, 1, fault)
    for mark, description in _FOREIGN.items():
        if raw.startswith(mark):
            raise refusal(source.name, None, f"is no text but {description}")
