"""Read labelled rows from files, every fault named with its place; write rows. Light: no torch, no scikit-learn."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any

from evokd.messages import InputError
from evokd.messages.files import write_atomically
from evokd.student.reading.columns import LABEL_NAMES, TEXT_NAMES, ColumnNames, guess_name
from evokd.student.reading.layout import Layout, refusal
from evokd.student.reading.rows import TABLES, check_file, read_rows
from evokd.student.reading.source import file_source
from evokd.student.tasks.base import LabeledExample, Row, TaskCodec
from evokd.student.tasks.row_checks import RowFault

MAX_BYTES = 512 * 2**20
"""Size of the largest data file; it is read as a whole."""
_ANSWERS = ("label", "labels", "entities", "tags")
"""Keys under which rows of any task have their answers."""


def read_examples(
    path: Path,
    codec: TaskCodec,
    notes: list[str] | None = None,
    layout: Layout | None = None,
    columns: Mapping[str, str] | None = None,
    or_known: bool = False,
    but_no_slip: bool = False,
) -> list[LabeledExample]:
    """Read a data file: .jsonl, .csv or .tsv with a header, CoNLL columns, or .parquet when pyarrow is installed.

    Args:
        path: the file; its ending says what it is.
        codec: the task.
        notes: where `path: note` is added for what was read otherwise than it is written.
        layout: what was recognised is written here.
        columns: known name ("text", "label", ...) -> the file's name for it; other columns are then passed over.
        or_known: whether a file that has none of these columns is read by the known names.
        but_no_slip: whether such a file is refused where one of its names may be one of these, written otherwise.

    Raises:
        InputError: `path:line: what; how to mend it` for the first fault found.
    """
    layout = layout or Layout()
    rows = _read_table(path, codec, layout, ColumnNames(columns or {}, or_known, but_no_slip))
    if not rows:
        raise InputError(f"{path}: holds no rows; add at least one or leave the file out")
    examples, said = _to_examples(path, codec, layout, rows, _advise_domain)
    for example in examples:
        layout.show(codec.write_row(example.text, example.gold))
    if notes is not None:
        notes += [f"{path}: {note}" for note in chain(layout.notes, said)]
    return examples


@dataclass(frozen=True)
class PartlyLabelled:
    """The rows of a file of which some may have no answer."""

    examples: list[LabeledExample]
    """Those with an answer."""
    unlabelled: tuple[int, ...]
    """Lines of the others, from 1."""
    notes: tuple[str, ...]
    """`path: note` for what was read otherwise than it is written."""


def read_partly_labelled(path: Path, codec: TaskCodec, columns: Mapping[str, str]) -> PartlyLabelled:
    """Read a data file as `read_examples` does, but pass over rows without an answer, as `evokd init` does.

    An empty cell, null and a missing key are no answer; an empty list is one, and so is `(none)` in a cell.

    Args:
        path: the file.
        codec: the task.
        columns: as of `read_examples`; faults name the options `--text-column` and `--label-column`.

    Raises:
        InputError: `path:line: what; how to mend it` for the first fault found, or no row has an answer.
    """
    layout = Layout()
    may_lack = (codec.answer_key,) if TABLES.get(path.suffix.lower()) == "jsonl" else ()
    rows = _read_table(path, codec, layout, ColumnNames(columns, may_lack=may_lack))
    if not rows:
        raise InputError(f"{path}: holds no rows; add at least one with a label")
    labelled = [(line, row) for line, row in rows if _has_answer(row)]
    if not labelled and (codec.answer_key in columns or any(codec.answer_key in row for _, row in rows)):
        column = columns.get(codec.answer_key, codec.answer_key)
        mend = "label some, or name the column of the labels with --label-column"
        raise refusal(str(path), rows[0][0], f"no row has a label in {column!r}; {mend}")
    examples, said = _to_examples(path, codec, layout, labelled or rows[:1], _advise_flags)
    notes = tuple(f"{path}: {note}" for note in chain(layout.notes, said))
    return PartlyLabelled(examples, tuple(line for line, row in rows if not _has_answer(row)), notes)


def _has_answer(row: Mapping[str, Any]) -> bool:
    """Say whether a row has an answer, be it one that the task cannot read."""
    answers = [row.get(key) for key in _ANSWERS]
    return any(answer is not None and (not isinstance(answer, str) or bool(answer.strip())) for answer in answers)


def _read_table(path: Path, codec: TaskCodec, layout: Layout, names: ColumnNames) -> list[Row]:
    form = TABLES.get(path.suffix.lower())
    if form is None:
        raise InputError(f"{path}: unknown kind of data file; use {', '.join(TABLES)}")
    check_file(path)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; take a part of the rows")
    return list(read_rows(file_source(path), form, layout, labels=codec.labels, columns=names))


def _to_examples(
    path: Path,
    codec: TaskCodec,
    layout: Layout,
    rows: list[Row],
    advise: Callable[[ValueError, Layout, dict[str, Any]], str],
) -> tuple[list[LabeledExample], list[str]]:
    """Turn rows into examples, with notes on what was changed; `advise` adds to a fault how columns are named."""
    try:
        rows, said = codec.harmonise(rows)
    except RowFault as exc:
        raise refusal(str(path), fault_line(layout, 0, exc), exc) from exc
    examples = []
    for line, row in rows:
        try:
            examples.append(replace(codec.read_row(row), line=line))
        except ValueError as exc:
            raise refusal(
                str(path), fault_line(layout, line, exc), f"{layout.spell(exc)}{advise(exc, layout, row)}"
            ) from exc
    return examples, said


def _advise_domain(exc: ValueError, layout: Layout, row: dict[str, Any]) -> str:
    """Tell which columns there are, and where to name those that are read, where that is what is wrong."""
    if "is missing" in str(exc) and (layout.delimiter is not None or '"text"' in str(exc)[:12]):
        found = [*layout.columns, *layout.passed_over] if layout.delimiter is not None else list(row)
        listed = ", ".join(str(name) for name in found)[:160]
        return f"; its columns are {listed}; name the column under data.columns in domain.yaml" if found else ""
    if _is_unknown_key(exc):
        return ", or name the columns to read under data.columns in domain.yaml, such as columns: {text: text}"
    return ""


def _advise_flags(exc: ValueError, layout: Layout, row: dict[str, Any]) -> str:
    """Tell which columns there are, and the option that names the one that is read, where that is what is wrong."""
    if "is missing" in str(exc):
        text_is_missing = str(exc).startswith('key "text"')
        option, usual = ("--text-column", TEXT_NAMES) if text_is_missing else ("--label-column", LABEL_NAMES)
        passed = [name.strip("'\"") for name in layout.passed_over] or [name for name in row if name != "text"]
        guess = guess_name(passed, usual) or (passed[0] if len(passed) == 1 else "NAME")
        found = ", ".join([*layout.columns, *layout.passed_over])[:160]
        columns = f"; its columns are {found}" if found else ""
        return f"{columns}; name the one that holds it, such as {option} {quote(guess)}"
    return ", or name the columns to read with --text-column and --label-column" if _is_unknown_key(exc) else ""


def _is_unknown_key(exc: ValueError) -> bool:
    return str(exc).startswith("unknown key") and "a row has" in str(exc)


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
