"""An input cut into parts by position: a machine reads its own part alone, and sees that it is the right one."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

from evokd.inference.input_rows import InputRow, read_input
from evokd.messages import InputError
from evokd.student.reading.layout import Layout
from evokd.student.reading.source import Source, file_source, read_text, stream_source
from evokd.student.tasks.row_checks import is_blank

FORMATS = ("jsonl", "lines", "parquet")
"""Formats whose rows can be found by their position; a cell of CSV may run over several lines."""


@dataclass(frozen=True)
class InputPart:
    """Rows that are answered together."""

    start: int
    """Where it begins: byte of the file, from 0; of Parquet its first row."""
    end: int
    """The byte, or the row, behind its last one."""
    line: int
    """Number of its first line, from 1; of Parquet of its first row."""
    sha256: str
    """Of its bytes; of Parquet empty."""


def cut_input(path: Path, form: str, size: int) -> list[InputPart]:
    """Cut an input into parts.

    Args:
        path: the file.
        form: one of `FORMATS`.
        size: lines of a part, of Parquet rows; the last part may have fewer.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        if form == "parquet":
            from pyarrow import parquet

            count = parquet.ParquetFile(path).metadata.num_rows
            return [InputPart(start, min(start + size, count), start + 1, "") for start in range(0, count, size)]
        return list(_cut_lines(path, size))
    except OSError as exc:
        raise InputError(f"{path}: cannot be read ({exc.strerror}); check its permissions") from exc


def _cut_lines(path: Path, size: int) -> Iterator[InputPart]:
    start = end = lines = 0
    line = 1
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for raw in file:
            digest.update(raw)
            end += len(raw)
            lines += 1
            if lines == size:
                yield InputPart(start, end, line, digest.hexdigest())
                start, line, lines, digest = end, line + lines, 0, hashlib.sha256()
    if lines:
        yield InputPart(start, end, line, digest.hexdigest())


def digest_input(path: Path) -> str:
    """Give the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_part(path: Path, form: str, text_column: str | None, part: InputPart) -> Iterator[InputRow]:
    """Read the rows of a part; numbers are those of the whole file.

    Args:
        path: the file.
        form: one of `FORMATS`.
        text_column: the column or key of the texts; None: "text".
        part: which rows.

    Raises:
        InputError: the file is not the one that was cut.
    """
    if form == "parquet":
        whole = file_source(path)
        yield from read_input(replace(whole, rows=range(part.start, part.end)), form, Layout(), text_column)
        return
    source, before = _open_bytes(path, part)
    if form == "jsonl":
        for row in read_input(source, form, Layout(), text_column):
            yield replace(row, number=before + row.number)
        return
    # as plain lines are read as a whole, but for what is guessed from the first of them
    for number, line in enumerate(read_text(source), start=1):
        if line.strip():
            text = line.strip()
            yield InputRow(before + number, None if is_blank(text) else text, {"text": line.strip("\r\n")})


def _open_bytes(path: Path, part: InputPart) -> tuple[Source, int]:
    """Give the bytes of a part, and what is added to the numbers of its lines.

    A part from the middle begins with a line end: what tells the kind of a file by its first bytes is not for it.
    """
    try:
        with path.open("rb") as file:
            file.seek(part.start)
            raw = file.read(part.end - part.start)
    except OSError as exc:
        raise InputError(f"{path}: cannot be read there ({exc.strerror}); share it between all machines") from exc
    if hashlib.sha256(raw).hexdigest() != part.sha256:
        fault = f"lines from {part.line:,} on are not those that were there at the start"
        raise InputError(f"{path}: {fault}; restore the file, or answer it anew into another folder")
    head = b"\n" if part.start else b""
    return stream_source(str(path), lambda: BytesIO(head + raw)), part.line - 1 - len(head)
