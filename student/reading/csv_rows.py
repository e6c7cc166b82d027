"""Rows of tables with a header: cells parted by commas, semicolons, tabs or vertical bars."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from evokd.messages import InputError
from evokd.student.reading.columns import ColumnNames, advise_columns
from evokd.student.reading.layout import Layout, name_delimiter, refusal
from evokd.student.reading.source import LONGEST, Source, read_text

DELIMITERS = ",;\t|"
_NAMES = ("text", "label", "note")
_LISTS = {"tokens", "tags", "entities"}
_COUNTS = re.compile(r"(Unnamed: \d+(\.\d+)?|index|level_0)?")
"""Headers that pandas and R give to the numbers of rows."""
_SEP = re.compile(r'"?sep=(.)"?\s*')
"""A first line with which spreadsheets tell each other the delimiter."""


_MEND_QUOTES = "double the double quotes inside texts, or close the one that opens this cell"


@dataclass(frozen=True)
class _Header:
    names: list[str]
    counts: frozenset[int]
    """Indices of columns that number the rows."""
    empty: frozenset[int]
    """Indices of columns without name or content, behind the others."""
    read: dict[int, str]
    """Indices of the columns that are read -> the name that each is read as."""


def read_csv_rows(
    source: Source,
    layout: Layout,
    usual: str = ",",
    wanted: str | None = None,
    columns: ColumnNames = ColumnNames(),  # noqa: B008 - it cannot be changed
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the rows of a table, each with the line where it starts; blank lines are passed over.

    Args:
        source: the table.
        layout: what was recognised is written here.
        usual: the delimiter that is taken where the header tells none.
        wanted: the only column that is read, and so the only one that can be faulty; None reads all of them.
        columns: which columns have other names than the known ones.

    Raises:
        InputError: the header lacks the column of the texts, is ambiguous, or a row does not fit it; names the line.
    """
    lines = read_text(source)
    skipped, head, declared = read_head(lines)
    mark = declared or _find_delimiter(source.name, len(skipped), head, usual, columns.texts)
    layout.format, layout.delimiter = "TSV" if usual == "\t" else "CSV", mark
    if mark != usual:
        layout.notes.append(f"cells are parted by {name_delimiter(mark)}, as the header shows")
    cells = read_cells(source.name, chain(skipped, [head], lines), mark)
    header: _Header | None = None
    swallowed: list[int] = []
    for line, row in cells:
        if header is None:
            header = _read_header(source.name, line, row, mark, wanted, declared, columns)
            _describe(layout, header, columns)
            continue
        if any("\n" in cell and _holds_rows(cell, mark, len(header.names)) for cell in row):
            if mark == "\t":
                raise refusal(source.name, line, f"a quoted cell takes in whole rows; {_MEND_QUOTES}")
            swallowed.append(line)
        yield line, _read_row(source.name, line, row, header, mark)
    if swallowed:
        subject = "a quoted cell" if len(swallowed) == 1 else f"{len(swallowed):,} quoted cells"
        layout.notes.append(
            f"{subject} with lines that could be rows, the first at line {swallowed[0]}; if they are, {_MEND_QUOTES}"
        )


def looks_like_header(line: str, text_column: str = "text") -> bool:
    """Say whether a line of plain text is beyond doubt the header of a table that has a column of texts."""
    shape = r"[\w.-]{0,30}" if text_column == "text" else r"[\w. -]{0,40}"
    for mark in DELIMITERS:
        cells = line.strip("\r\n").split(mark)
        names = [cell.strip('"') for cell in cells]
        if len(cells) > 1 and text_column in names and all(re.fullmatch(shape, name) for name in names):
            return True
    return False


def read_head(lines: Iterator[str]) -> tuple[list[str], str, str | None]:
    """Find the header's first line.

    Returns:
        The lines before it (blank where nothing is to be read), the line, and the delimiter if one is declared.
    """
    skipped: list[str] = []
    declared = None
    for line in lines:
        declaration = _SEP.fullmatch(line)
        if declaration and not skipped:
            declared = declaration[1]
        elif line.strip():
            return skipped, line, declared
        skipped.append("\n")
    return skipped, "", declared


def _find_delimiter(name: str, before: int, head: str, usual: str, texts: Sequence[str]) -> str:
    """Find what parts the cells: the one mark by which one cell of the header is the column of the texts."""
    wanted = {text.casefold() for text in texts}
    fitting = [mark for mark in DELIMITERS if wanted & {cell.casefold() for cell in _cut(head, mark)}]
    several = [mark for mark in fitting if len(_cut(head, mark)) > 1]
    if len(several) > 1:
        marks = " or ".join(name_delimiter(mark) for mark in several)
        raise refusal(name, before + 1, f"the cells may be parted by {marks}; use one of them in the header")
    if several or "text" in texts:
        return several[0] if several else usual
    widest = usual
    for mark in DELIMITERS:  # so that the fault lists the columns
        widest = mark if len(_cut(head, mark)) > len(_cut(head, widest)) else widest
    return widest


def _holds_rows(cell: str, mark: str, width: int) -> bool:
    """Say whether a line of a cell, but for the last, could be the rest of a row: as many cells, none of them empty."""
    if width < 2:
        return False
    return any(
        len(cut := line.split(mark)) == width and all(part.strip() for part in cut) for line in cell.split("\n")[:-1]
    )


def _cut(head: str, mark: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([head], delimiter=mark, strict=True), [])]
    except csv.Error:
        return []


def read_cells(name: str, lines: Iterator[str], mark: str) -> Iterator[tuple[int, list[str]]]:
    """Cut lines into rows of cells, each with the line where it starts; blank rows are left out.

    Raises:
        InputError: the quotes are broken; names the line.
    """
    rows = csv.reader(lines, delimiter=mark, strict=True)
    while True:
        line = rows.line_num + 1
        # The limit holds for the whole process, so it is raised for no longer than a row takes.
        before = csv.field_size_limit(LONGEST)
        try:
            cells = next(rows, None)
        except csv.Error as exc:
            raise _broken(name, line, rows.line_num, mark, exc) from exc
        finally:
            csv.field_size_limit(before)
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _broken(name: str, start: int, line: int, mark: str, exc: csv.Error) -> InputError:
    if "field larger" in str(exc):
        return refusal(name, start, f"a cell of more than {LONGEST:,} characters; check the double quotes")
    if "new-line character" in str(exc):
        return refusal(name, line, "broken CSV: a lone carriage return ends a line; end all lines with LF or CRLF")
    if "unexpected end" in str(exc):
        return refusal(name, start, "broken CSV: a double quote of this row is never closed; check the double quotes")
    inner = f"; inside {name_delimiter(mark)} and quotes write a quote twice" if "expected after" in str(exc) else ""
    return refusal(name, line, f"broken CSV: {exc}; check the double quotes{inner}")


def _read_header(
    name: str,
    line: int,
    cells: list[str],
    mark: str,
    wanted: str | None,
    declared: str | None,
    columns: ColumnNames,
) -> _Header:
    names = [cell.strip() for cell in cells]
    chosen = columns.choose(name, line, names)
    if not columns.holds_text(chosen):
        above = f"; cells are cut at {declared!r}, as the line sep={declared} says" if declared is not None else ""
        raise refusal(name, line, _no_text(names, mark) + above)
    if wanted is not None:
        header = _Header(names, frozenset(), frozenset(), {_place(names, chosen, wanted): wanted})
    else:
        if not columns.keeps_all:
            _check_spelling(name, line, names, columns)
        empty = _trailing(names)
        leading = next((column for column, cell in enumerate(names) if not _COUNTS.fullmatch(cell)), len(names))
        counts = frozenset() if columns.keeps_all else frozenset(range(leading)) - empty
        counts -= {place for place, cell in enumerate(names) if cell and cell in columns.mapping.values()}
        places = [place for place in range(len(names)) if place not in counts | empty and names[place] in chosen]
        header = _Header(names, counts, empty, {place: chosen[names[place]] for place in places})
    named = [cell for place, cell in enumerate(names) if place not in header.counts | header.empty]
    doubled = next((names[column] for column in header.read if named.count(names[column]) > 1), None)
    if doubled == "":
        raise refusal(name, line, "two columns have no name; give each of them one, or remove it")
    if doubled is not None:
        raise refusal(name, line, f"a column is named twice ({doubled!r}); name every column once")
    return header


def _place(names: list[str], chosen: Mapping[str, str], wanted: str) -> int:
    """Find the index of the column that is read as the wanted one."""
    return next(place for place, cell in enumerate(names) if chosen.get(cell) == wanted)


def _check_spelling(name: str, line: int, names: list[str], columns: ColumnNames) -> None:
    """Refuse a column that is known but for its capitals: it would be passed over."""
    for known in _NAMES:
        near = next((cell for cell in names if cell != known and cell.casefold() == known), None)
        is_named = known in columns.mapping or near in columns.mapping.values()
        if near is not None and known not in names and not is_named:
            raise refusal(name, line, f"unknown column {near!r}; did you mean {known!r}? write it in small letters")


def _trailing(names: list[str]) -> frozenset[int]:
    last = max(column for column, cell in enumerate(names) if cell)
    return frozenset(range(last + 1, len(names)))


def _no_text(names: list[str], mark: str) -> str:
    if _LISTS & set(names):
        return "a .csv file cannot hold lists such as tokens; use .jsonl or .conll"
    near = next((cell for cell in names if cell.casefold() == "text"), None)
    if near is not None:
        head = mark.join(names)[:80]
        return f'the header lacks "text", found {head!r}; did you mean "text" by {near!r}? write it in small letters'
    head = mark.join(names)
    cells = max((_cut(head, rival) for rival in (mark, *DELIMITERS)), key=len)
    if len(cells) < 2:
        columns = f"found {head[:80]!r}; write the line text above the texts, save plain lines as .txt, or"
        columns += f" {advise_columns(cells)}"
    else:
        shown = ", ".join(map(repr, cells))[:120]
        columns = f"its columns are {shown}; {advise_columns(cells)}"
    hint = "; for a token and its tag a line name the file .conll" if mark == "\t" else ""
    return f'the header lacks "text", {columns}{hint}'


def _describe(layout: Layout, header: _Header, columns: ColumnNames) -> None:
    unread = header.counts | header.empty
    layout.passed_over = [repr(header.names[column]) for column in sorted(unread)]
    found = [cell for column, cell in enumerate(header.names) if column not in unread]
    chosen = {header.names[column]: meaning for column, meaning in header.read.items()}
    columns.describe(layout, found, chosen if columns.mapping else {cell: cell for cell in found})
    if header.counts:
        named = ", ".join(repr(header.names[column]) for column in sorted(header.counts))
        layout.notes.append(f"the column {named} numbers the rows and is passed over")


def _read_row(name: str, line: int, cells: list[str], header: _Header, mark: str) -> dict[str, Any]:
    if len(cells) != len(header.names):
        raise refusal(name, line, _tell_width(cells, header, mark))
    for column in header.counts:
        if not cells[column].strip().isdecimal():
            fault = f"{cells[column][:40]!r} in the column {header.names[column]!r}, which seems to number the rows"
            raise refusal(name, line, f"{fault}; give the column a name, or remove it")
    for column in header.empty:
        if cells[column].strip():
            raise refusal(name, line, f"cell {column + 1} ({cells[column][:40]!r}) stands in a column without a name")
    return {meaning: cells[column] for column, meaning in header.read.items()}


def _tell_width(cells: list[str], header: _Header, mark: str) -> str:
    """Say that a row has more or fewer cells than the header, and how to mend it."""
    count = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
    fault = f"{count} where the header has {len(header.names)}"
    if len(cells) > len(header.names):
        return f"{fault}; put a text with {name_delimiter(mark)} inside in double quotes"
    other = next((rival for rival in DELIMITERS if rival != mark and rival in cells[0]), None)
    if len(cells) == 1 and other is not None and len(_cut(cells[0], other)) == len(header.names):
        return f"{fault}; this row is parted by {name_delimiter(other)}, the header by {name_delimiter(mark)}: use one"
    return f"{fault}; leave a cell empty"
