"""Texts to predict, from a file or standard input, in any supported format."""

from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from evokd.messages import InputError
from evokd.student.lines import cut_texts
from evokd.student.reading.csv_rows import looks_like_header
from evokd.student.reading.json_rows import parse_object
from evokd.student.reading.layout import Layout
from evokd.student.reading.rows import ENDINGS, FORMATS, check_file, looks_like_json
from evokd.student.reading.source import Source, file_source, read_text, stream_source

STDIN = "standard input"
_FOREIGN = (".xlsx", ".xls", ".ods", ".docx", ".doc", ".odt", ".rtf", ".pdf", ".zip", ".gz", ".bz2", ".xz", ".zst")
_LOOKED_AT = 100
"""Lines of standard input by which its format is recognised."""


@dataclass(frozen=True)
class Texts:
    """Texts and how they were understood."""

    source: str
    """Where they come from, as a message names it."""
    texts: list[str]
    layout: Layout
    lines: list[int]
    """Where each text stands: the line of its row, from 1; of Parquet the row."""
    is_guess: bool
    """Whether the format was recognised by what stands there, and neither given nor said by the ending."""

    def describe(self) -> list[str]:
        """Say how the texts were understood: always where the format is a guess, else what is odd."""
        notes = [f"note: {self.source}: {note}" for note in self.layout.notes]
        if not self.is_guess:
            return notes
        count = "1 text" if len(self.texts) == 1 else f"{len(self.texts):,} texts"
        return [f"{self.source}: {count}, read as {self.layout.tell()}", *notes]


def read_texts(name: str, stdin: BinaryIO, form: str | None, text_column: str | None = None) -> Texts:
    """Read the texts of a file, or of standard input.

    Args:
        name: a path, or "-" for standard input.
        stdin: standard input.
        form: one of `FORMATS`; None takes it from the ending, of standard input from its first lines.
        text_column: the column or key of the texts, where it is not called "text".

    Raises:
        InputError: `name:line: what; how to mend it`; also where there is no text at all.
    """
    if form is not None and form not in FORMATS:
        raise InputError(f"--format {form}: unknown format; one of: {', '.join(FORMATS)}")
    if name == "-":
        return _read_stream(STDIN, stdin.read(), form, text_column)
    path = Path(name)
    if path.is_fifo():  # as a shell makes of <(...)
        return _read_stream(name, path.read_bytes(), form, text_column)
    check_file(path)
    source, ending = file_source(path), path.suffix.lower()
    if form is None and ending in _FOREIGN:
        advice = "save its texts as .txt, .csv or .jsonl"
        raise InputError(f"{path}: {ending} files are not read; {advice}")
    form = form or ENDINGS.get(ending) or ("jsonl" if ending == ".json" else None)
    return _read(source, name, form, text_column)


def _read_stream(name: str, raw: bytes, form: str | None, text_column: str | None) -> Texts:
    source = stream_source(name, lambda: BytesIO(raw))
    if form == "parquet":
        raise InputError(f"--format parquet: {name} cannot be read so; name a file")
    return _read(source, name, form, text_column)


def _read(source: Source, name: str, known: str | None, text_column: str | None) -> Texts:
    form, layout = known or _recognise(source, text_column or "text"), Layout()
    if text_column is not None and form in ("lines", "conll"):
        found = "plain lines have" if form == "lines" else "CoNLL rows have"
        raise InputError(f"{name}: {found} no column {text_column!r}; leave --text-column out, or give --format")
    try:
        lines = list(cut_texts(source, form, layout, text_column))
    except InputError as exc:
        hint = "; for plain texts, one a line: --format lines" if known is None and form != "lines" else ""
        raise InputError(f"{exc}{hint}") from exc
    if not lines:
        raise InputError(f"{source.name}: no texts; give one a line, or rows with a column or key 'text'")
    texts = [line.text.strip() if form == "lines" else line.text for line in lines]
    return Texts(name, texts, layout, [line.number for line in lines], is_guess=known is None)


def _recognise(source: Source, text_column: str) -> str:
    """Find the format by the first lines: JSON lines, a table with a header, or plain texts."""
    first = list(islice((line for line in read_text(source) if line.strip()), _LOOKED_AT))
    if not first:
        return "lines"
    if looks_like_header(first[0], text_column):
        return "csv"
    has_rows = first[0].lstrip().startswith(("{", "[")) and any(_is_row(line) for line in first)
    return "jsonl" if has_rows or looks_like_json(first[0]) else "lines"


def _is_row(line: str) -> bool:
    try:
        row = parse_object(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) or (isinstance(row, list) and any(isinstance(item, dict) for item in row))
