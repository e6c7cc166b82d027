"""Texts to predict, from a file or standard input, in whatever format they stand."""

from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from evokd.graph import predict
from evokd.graph.setup.run_folder import RunFolder
from evokd.messages import InputError
from evokd.student.lines import cut_texts
from evokd.student.reading.csv_rows import looks_like_header
from evokd.student.reading.json_rows import parse_object
from evokd.student.reading.layout import Layout
from evokd.student.reading.rows import ENDINGS, FORMATS, check_file, looks_like_json
from evokd.student.reading.source import Source, file_source, read_text, stream_source
from evokd.tracing.text import clean

if TYPE_CHECKING:
    from rich.console import Console

STDIN = "standard input"
_FOREIGN = (".xlsx", ".xls", ".ods", ".docx", ".doc", ".odt", ".rtf", ".pdf", ".zip", ".gz", ".bz2", ".xz", ".zst")
_LOOKED_AT = 100
"""Lines of standard input by which its format is recognised."""


@dataclass(frozen=True)
class Texts:
    """Texts and how they were understood."""

    texts: list[str]
    layout: Layout
    lines: list[int]
    """Where each text stands: the line of its row, from 1; of Parquet the row."""


def read_texts(name: str, stdin: BinaryIO, form: str | None) -> Texts:
    """Read the texts of a file, or of standard input.

    Args:
        name: a path, or "-" for standard input.
        stdin: standard input.
        form: one of `FORMATS`; None takes it from the ending, of standard input from its first lines.

    Raises:
        InputError: `name:line: what; how to mend it`; also where there is no text at all.
    """
    if form is not None and form not in FORMATS:
        raise InputError(f"--format {form}: unknown format; one of: {', '.join(FORMATS)}")
    if name == "-":
        return _read_stream(STDIN, stdin.read(), form)
    path = Path(name)
    if path.is_fifo():  # as a shell makes of <(...)
        return _read_stream(name, path.read_bytes(), form)
    check_file(path)
    source, ending = file_source(path), path.suffix.lower()
    if form is None and ending in _FOREIGN:
        told = "save its texts as .txt, .csv or .jsonl"
        raise InputError(f"{path}: {ending} files are not read; {told}")
    form = form or ENDINGS.get(ending) or ("jsonl" if ending == ".json" else _recognise(source))
    return _read(source, form)


def _read_stream(name: str, raw: bytes, form: str | None) -> Texts:
    source = stream_source(name, lambda: BytesIO(raw))
    if form == "parquet":
        raise InputError(f"--format parquet: {name} cannot be read so; name a file")
    return _read(source, form or _recognise(source), is_guess=form is None)


def _read(source: Source, form: str, is_guess: bool = False) -> Texts:
    layout = Layout()
    try:
        found = list(cut_texts(source, form, layout))
    except InputError as exc:
        hint = "; for plain texts, one a line: --format lines" if is_guess and form != "lines" else ""
        raise InputError(f"{exc}{hint}") from exc
    if not found:
        raise InputError(f"{source.name}: no texts; give one a line, or rows with a column or key 'text'")
    texts = [line.text.strip() if form == "lines" else line.text for line in found]
    return Texts(texts, layout, [line.number for line in found])


def _recognise(source: Source) -> str:
    """Find the format by the first lines: JSON lines, a table with a header, or plain texts."""
    first = list(islice((line for line in read_text(source) if line.strip()), _LOOKED_AT))
    if not first:
        return "lines"
    if looks_like_header(first[0]):
        return "csv"
    has_rows = first[0].lstrip().startswith(("{", "[")) and any(_is_row(line) for line in first)
    return "jsonl" if has_rows or looks_like_json(first[0]) else "lines"


def _is_row(line: str) -> bool:
    try:
        row = parse_object(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) or (isinstance(row, list) and any(isinstance(item, dict) for item in row))


def tell(name: str, found: Texts, form: str | None) -> list[str]:
    """Say how texts were understood: always where neither the ending nor `--format` says it; else what is odd."""
    source = STDIN if name == "-" else name
    told = [f"note: {source}: {note}" for note in found.layout.notes]
    is_guess = name == "-" or Path(name).suffix.lower() not in (*ENDINGS, ".json")
    if is_guess and form is None:
        count = "1 text" if len(found.texts) == 1 else f"{len(found.texts):,} texts"
        told = [f"{source}: {count}, read as {found.layout.tell()}", *told]
    return told


def predict_from(
    folder: RunFolder, name: str, stdin: BinaryIO, form: str | None, console: "Console"
) -> list[dict[str, Any]]:
    """Read texts, say how they were understood, and let a run's student answer them.

    Returns:
        Per text its line, and what `graph.predict.predict_texts` gives.

    Args:
        folder: the run's.
        name: see `read_texts`.
        stdin: standard input.
        form: see `read_texts`.
        console: where it is said.

    Raises:
        InputError: see `read_texts`.
        EvokdError: see `graph.predict.predict_texts`.
    """
    found = read_texts(name, stdin, form)
    for line in [*tell(name, found, form), *(f"note: {note}" for note in predict.note_sight(folder, found.texts))]:
        console.print(clean(line), markup=False, highlight=False, soft_wrap=True)
    answers = predict.predict_texts(folder, found.texts)
    return [{"line": line, **answer} for line, answer in zip(found.lines, answers, strict=True)]
