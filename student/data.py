"""Read labelled rows from files, every fault named with its place; write rows. Light: no torch, no scikit-learn."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from evokd.messages import InputError
from evokd.messages.files import write_atomically
from evokd.student.reading.columns import ColumnNames
from evokd.student.reading.layout import Layout, refusal
from evokd.student.reading.rows import TABLES, check_file, read_rows
from evokd.student.reading.source import file_source
from evokd.student.tasks.base import LabeledExample, TaskCodec
from evokd.student.tasks.row_checks import RowFault

MAX_BYTES = 512 * 2**20
"""Size of the largest data file; it is read as a whole."""


def read_examples(
    path: Path,
    codec: TaskCodec,
    notes: list[str] | None = None,
    layout: Layout | None = None,
    columns: Mapping[str, str] | None = None,
    or_known: bool = False,
) -> list[LabeledExample]:
    """Read a data file: .jsonl, .csv or .tsv with a header, CoNLL columns, or .parquet when pyarrow is installed.

    Args:
        path: the file; its ending says what it is.
        codec: the task.
        notes: where `path: note` is added for what was read otherwise than it is written.
        layout: what was recognised is written here.
        columns: known name ("text", "label", ...) -> the file's name for it; other columns are then passed over.
        or_known: whether a file that has none of these columns is read by the known names.

    Raises:
        InputError: `path:line: what; how to mend it` for the first fault found.
    """
    layout = layout or Layout()
    form = TABLES.get(path.suffix.lower())
    if form is None:
        raise InputError(f"{path}: unknown kind of data file; use {', '.join(TABLES)}")
    check_file(path)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; take a part of the rows")
    names = ColumnNames(columns or {}, or_known)
    rows = list(read_rows(file_source(path), form, layout, labels=codec.labels, columns=names))
    try:
        rows, said = codec.harmonise(rows)
    except RowFault as exc:
        raise refusal(str(path), fault_line(layout, 0, exc), exc) from exc
    examples = []
    for line, row in rows:
        try:
            examples.append(replace(codec.read_row(row), line=line))
        except ValueError as exc:
            raise refusal(str(path), fault_line(layout, line, exc), f"{exc}{_advise(exc, layout, row)}") from exc
    if not examples:
        raise InputError(f"{path}: holds no rows; add at least one or leave the file out")
    for example in examples:
        layout.show(codec.write_row(example.text, example.gold))
    if notes is not None:
        notes += [f"{path}: {note}" for note in chain(layout.notes, said)]
    return examples


def _advise(exc: ValueError, layout: Layout, row: dict[str, Any]) -> str:
    """Tell which columns there are, and where to name those that are read, where that is what is wrong."""
    if "is missing" in str(exc) and (layout.delimiter is not None or '"text"' in str(exc)[:12]):
        found = [*layout.columns, *layout.passed_over] if layout.delimiter is not None else list(row)
        listed = ", ".join(str(name) for name in found)[:160]
        return f"; its columns are {listed}; name the column under data.columns in domain.yaml" if found else ""
    if str(exc).startswith("unknown key") and "a row has" in str(exc):
        return ", or name the columns to read under data.columns in domain.yaml, such as columns: {text: text}"
    return ""


def fault_line(layout: Layout, line: int, exc: ValueError) -> int:
    """Find the line of the token where the fault lies, if tokens have lines of their own."""
    if not isinstance(exc, RowFault):
        return line
    line = exc.line or line
    lines = layout.token_lines.get(line, [])
    return lines[exc.token] if exc.token is not None and exc.token < len(lines) else line


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as JSON lines; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
