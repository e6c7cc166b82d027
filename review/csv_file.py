"""A review as a table for spreadsheets.

A cell that a spreadsheet would compute as a formula gets an apostrophe in front, which is taken off when it is read.
"""

import csv
import io
from collections.abc import Callable, Mapping
from pathlib import Path

from evokd.messages import NO_LABEL, InputError, name_set
from evokd.messages.escape import clean
from evokd.messages.suggest import find_closest
from evokd.review.marking import mark_answer, read_marked
from evokd.review.pending import Pending, ReviewItem, check_answer
from evokd.review.rows import FileRow
from evokd.tracing.rows import Answer

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet takes for a formula."""
_DELIMITERS = (",", ";", "\t")
"""Spreadsheets of some languages write semicolons."""
_NEEDED = ("id", "decision")
_BEHIND = ("decision", "reviewer", "why", "weakness", "opinions", "student", "time")


def shield(cell: str) -> str:
    """Put an apostrophe in front of what a spreadsheet would compute, or would take an apostrophe away from."""
    return f"'{cell}" if cell.lstrip("' ").startswith(_FORMULA) or cell.startswith(_FORMULA) else cell


def unshield(cell: str) -> str:
    """Take off what `shield` has put in front."""
    return cell[1:] if cell.startswith("'") and shield(cell[1:]) == cell else cell


def answer_column(pending: Pending) -> str:
    """Name of the column that holds the answer: the label, the labels, or the text with its entities marked."""
    return "marked" if pending.has_entities else pending.codec.answer_key


def write(pending: Pending) -> str:
    """Write the table, with the mark by which spreadsheets see that it is UTF-8."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["id", "text", answer_column(pending), *_BEHIND])
    for item in pending.items:
        table.writerow([shield(cell) for cell in _make_cells(pending, item)])
    return "\ufeff" + out.getvalue()


def _make_cells(pending: Pending, item: ReviewItem) -> list[str]:
    decision = item.decision
    answer = decision.answer if decision and decision.answer is not None else item.proposed
    opinions = "; ".join(f"{opinion.who}: {_show(pending, item, opinion.answer)}" for opinion in item.opinions)
    student = f"{item.student['confidence']:.2f} sure" if item.student else ""
    return [
        item.id,
        item.text,
        _show(pending, item, answer),
        decision.action if decision else "",
        decision.reviewer if decision else "",
        item.why,
        item.weakness or "",
        opinions,
        student,
        decision.time if decision else "",
    ]


def _show(pending: Pending, item: ReviewItem, answer: Answer | None) -> str:
    if isinstance(answer, list):
        if pending.has_sets:
            return name_set(answer)
        return mark_answer(item.text, answer)
    return answer or ""


def parse(path: Path, text: str, pending: Pending) -> list[FileRow]:
    """Read the table; the order of columns does not matter, and those for reading alone may be missing.

    Raises:
        InputError: a needed column is missing, or the file is no table.
    """
    if not text.strip():
        raise InputError(f"{path}: the file is empty; write it anew with --out")
    header = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    rows = list[FileRow]()
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        _check_names(path, names, answer_column(pending))
        begin = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(_parse_row(str(begin), names, cells, pending))
            begin = reader.line_num + 1
    except csv.Error as exc:
        raise InputError(f"{path}:{reader.line_num}: not a table ({exc}); save it as CSV again") from exc
    return rows


def _check_names(path: Path, names: list[str], answer: str) -> None:
    for name in (*_NEEDED, answer):
        if name not in names:
            close = find_closest(name, names)
            hint = f" ({clean(close, 40)!r} is there)" if close else ""
            raise InputError(f"{path}:1: no column {name!r}{hint}; the columns are: id, text, {answer}, decision, ...")
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}:1: two columns are called {clean(twice, 40)!r}; keep one of them")


def _parse_row(place: str, names: list[str], cells: list[str], pending: Pending) -> FileRow:
    if len(cells) > len(names) and any(cell.strip() for cell in cells[len(names) :]):
        return FileRow(place, fault=f"{len(cells)} cells, but the table has {len(names)} columns; quote the text")
    row = {name: unshield(cell) for name, cell in zip(names, cells, strict=False)}
    gives = row.get("decision", "").strip().lower() in ("accept", "correct")
    if pending.has_sets and gives and not row.get(answer_column(pending), "").strip():
        return FileRow(place, fault=f'the cell of "labels" is empty; write {NO_LABEL} if no label applies')
    return FileRow(
        place,
        id=row.get("id", "").strip(),
        text=row.get("text"),
        decision=row.get("decision", ""),
        reviewer=row.get("reviewer", ""),
        time=row.get("time", "").strip(),
        read_answer=_reader_of(pending, row),
    )


def _reader_of(pending: Pending, row: Mapping[str, str]) -> Callable[[str], Answer] | None:
    value = row.get(answer_column(pending), "")
    if not value.strip():
        return None
    if not pending.has_entities:
        return lambda text: check_answer(pending.codec, text, value.strip())

    def read(text: str) -> Answer:
        return check_answer(pending.codec, text, read_marked(_fold(text), _fold(value), pending.codec.labels))

    return read


def _fold(text: str) -> str:
    return text.replace("\r\n", "\n")
