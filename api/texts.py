"""Rows to predict, from a file or standard input, in any supported format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from evokd.inference.input_rows import InputRow, read_input
from evokd.messages import InputError
from evokd.messages.suggest import suggest
from evokd.student.reading.csv_rows import looks_like_header
from evokd.student.reading.json_rows import parse_object
from evokd.student.reading.layout import Layout
from evokd.student.reading.rows import ENDINGS, FORMATS, check_file, looks_like_json
from evokd.student.reading.source import Source, file_source, read_text, stream_source

STDIN = "standard input"
_FOREIGN = (".xlsx", ".xls", ".ods", ".docx", ".doc", ".odt", ".rtf", ".pdf", ".zip", ".gz", ".bz2", ".xz", ".zst")
_LOOKED_AT = 100
"""Lines of standard input by which its format is recognised."""
_FIRST = 1_000
"""Texts that are looked at for what the student cannot read."""


@dataclass(frozen=True)
class Input:
    """Rows to answer; all of them were read once, so that no fault is found when half of them are answered."""

    name: str
    """Where they come from, as a message names it."""
    count: int
    """How many there are."""
    texts: int
    """How many of them have a text."""
    columns: tuple[str, ...]
    """The columns of all rows, also those that only later ones have, in the order in which they appear."""
    first: tuple[str, ...]
    """The first texts, up to a thousand."""
    layout: Layout
    """How they were understood."""
    is_guess: bool
    """Whether the format was recognised by what stands there, and neither given nor said by the ending."""
    source: Source
    form: str
    text_column: str | None

    def __iter__(self) -> Iterator[InputRow]:
        """Read the rows, from the first."""
        return read_input(self.source, self.form, Layout(), self.text_column)

    def describe(self, only_odd: bool = False) -> list[str]:
        """Say how the rows were understood, where that is a guess, and what is odd; `only_odd`: the latter alone."""
        notes = [f"note: {self.name}: {note}" for note in self.layout.notes]
        if self.texts < self.count:
            blanks = self.count - self.texts
            blank = "1 row without a text; no answer is given to it"
            many = f"{blanks:,} rows without a text; no answer is given to them"
            notes.append(f"note: {self.name}: {blank if blanks == 1 else many}")
        if only_odd or not self.is_guess:
            return notes
        count = "1 text" if self.texts == 1 else f"{self.texts:,} texts"
        return [f"{self.name}: {count}, read as {self.layout.tell()}", *notes]


def open_input(name: str, stdin: BinaryIO, form: str | None = None, text_column: str | None = None) -> Input:
    """Find the rows of a file, or of standard input, and read them once.

    Args:
        name: a path, or "-" for standard input.
        stdin: standard input.
        form: one of `FORMATS`; None takes it from the ending, of standard input from its first lines.
        text_column: the column or key of the texts, where it is not called "text".

    Raises:
        InputError: `name:line: what; how to mend it`; also where there is no text at all.
    """
    if form is not None and form not in FORMATS:
        raise InputError(f"--format {form}: unknown format{suggest(form, FORMATS)}; one of: {', '.join(FORMATS)}")
    if name == "-":
        return _open_stream(STDIN, stdin.read, form, text_column)
    path = Path(name)
    ending = path.suffix.lower()
    if form is None and ending in _FOREIGN and path.exists():
        advice = "save its texts as .txt, .csv or .jsonl"
        raise InputError(f"{path}: {ending} files are not read; {advice}")
    form = form or ENDINGS.get(ending) or ("jsonl" if ending == ".json" else None)
    if path.is_fifo():  # as a shell makes of <(...)
        return _open_stream(name, path.read_bytes, form, text_column)
    check_file(path)
    return _open(file_source(path), name, form, text_column)


def _open_stream(name: str, read: Callable[[], bytes], form: str | None, text_column: str | None) -> Input:
    if form == "parquet":
        raise InputError(f"{name}: Parquet is not read from a stream; name a file")
    raw = read()
    source = stream_source(name, lambda: BytesIO(raw))
    return _open(source, name, form, text_column)


def _open(source: Source, name: str, known: str | None, text_column: str | None) -> Input:
    form, layout = known or _recognise(source, text_column or "text"), Layout()
    count, texts, first, columns = 0, 0, list[str](), dict[str, None]()
    try:
        for row in read_input(source, form, layout, text_column):
            count += 1
            columns |= dict.fromkeys(row.fields)
            if row.text is not None:
                texts += 1
                first += [row.text] if texts <= _FIRST else []
    except InputError as exc:
        hint = "; for plain texts, one a line: --format lines" if known is None and form != "lines" else ""
        raise InputError(f"{exc}{hint}") from exc
    if not texts:
        raise InputError(
            f"{source.name}: no texts; {_ask_for_texts(form, known is None, text_column or 'text', count)}"
        )
    return Input(name, count, texts, tuple(columns), tuple(first), layout, known is None, source, form, text_column)


def _ask_for_texts(form: str, is_guess: bool, column: str, rows: int) -> str:
    if form == "lines":
        return "give one a line, or rows with a column or key 'text'" if is_guess else "give one a line"
    what = "key" if form == "jsonl" else "column"
    if rows:
        where = "its only row" if rows == 1 else f"all of its {rows:,} rows"
        return f"the {what} {column!r} is empty in {where}; if another holds them, name it with --text-column"
    return f"give each a row, in the {what} {column!r}"


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
