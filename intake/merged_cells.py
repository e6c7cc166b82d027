"""Merged cells of a sheet: a value merged over rows holds for each of them; one merged over columns is refused."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from evokd.messages import InputError

Row = tuple[Any, ...]
"""The cells of a row, None where one is empty."""
_ELEMENT = b"mergeCell"
_PIECE = 2**20
"""Bytes that are searched at once."""
_SHOWN = 3
"""Ranges that a note names."""


@dataclass(frozen=True)
class MergedRange:
    """Cells of which the first one shows its value in the place of all. Rows and columns count from 1."""

    name: str
    """As the spreadsheet names it, such as B2:B4."""
    rows: range
    columns: range


def read_merged_ranges(path: Path, title: str) -> list[MergedRange]:
    """List the merged cells of a sheet, from top to bottom; the file is a workbook that openpyxl has read.

    What openpyxl reads row by row does not tell them, so a workbook that has any is read as a whole.

    Raises:
        InputError: it can be read row by row alone.
    """
    from openpyxl import load_workbook

    if not _may_hold_merges(path):
        return []
    try:
        ranges = load_workbook(path, data_only=True)[title].merged_cells.ranges
    except Exception as exc:  # the library raises whatever a broken archive or XML brings
        mend = "unmerge them all and save the workbook again, or save the sheet as CSV"
        raise InputError(f"{path}: its merged cells cannot be read ({type(exc).__name__}); {mend}") from exc
    found = [
        MergedRange(merged.coord, range(merged.min_row, merged.max_row + 1), range(merged.min_col, merged.max_col + 1))
        for merged in ranges
    ]
    return sorted(found, key=lambda merged: (merged.rows.start, merged.columns.start))


def _may_hold_merges(path: Path) -> bool:
    """Whether a part of a workbook names the element; also where it is a word of a text."""
    with ZipFile(path) as archive:
        return any(_names_element(archive, name) for name in archive.namelist() if "/worksheets/" in name)


def _names_element(archive: ZipFile, name: str) -> bool:
    with archive.open(name) as part:
        end = b""
        while piece := part.read(_PIECE):
            if _ELEMENT in end + piece:
                return True
            end = piece[-len(_ELEMENT) :]
    return False


def check_merged(path: Path, merged: Sequence[MergedRange], header_row: int, header: Sequence[str]) -> None:
    """Refuse cells that are merged over columns, where it is not clear what stands in which of them.

    Raises:
        InputError: names the first of them.
    """
    for cells in merged:
        covered = [header[at - 1] for at in cells.columns if at <= len(header) and header[at - 1]]
        if len(cells.columns) == 1 or header_row >= cells.rows.stop:
            continue
        place = f"{path}: row {cells.rows.start}: merged cells ({cells.name})"
        if header_row in cells.rows:
            mend = "unmerge them and give each column a name, or delete the row if it is a title"
            raise InputError(f"{place} in the header; {mend}")
        if len(covered) > 1:
            over = " and ".join(map(repr, covered[:2])) + (" and others" if covered[2:] else "")
            mend = "unmerge them and fill in each cell, or delete the row if it is a heading"
            raise InputError(f"{place} over the columns {over}; {mend}")


def fill_down(
    rows: Sequence[Row], merged: Sequence[MergedRange], header_row: int
) -> tuple[list[Row], list[MergedRange]]:
    """Give the value of cells merged over rows to each of the rows that holds anything besides.

    Args:
        rows: all rows of the sheet.
        merged: its merged cells.
        header_row: number of the header, from 1; cells merged above its end stay as they are.

    Returns:
        The rows, and the cells of which any were filled.
    """
    used = [cells for cells in merged if cells.rows.start > header_row and len(cells.rows) > 1]
    filled = [list(row) for row in rows]
    found = [cells for cells in used if _fill(filled, cells)]
    return [tuple(row) for row in filled], found


def _fill(rows: list[list[Any]], cells: MergedRange) -> bool:
    """Fill one range below its first row; whether anything was filled in."""
    row, column = cells.rows.start - 1, cells.columns.start - 1
    value = rows[row][column] if row < len(rows) and column < len(rows[row]) else None
    if value is None:
        return False
    has_filled = False
    for below in rows[cells.rows.start : cells.rows.stop - 1]:
        if any(cell is not None and str(cell).strip() for cell in below):
            below[column] = value
            has_filled = True
    return has_filled


def tell_filled(filled: Sequence[MergedRange]) -> Iterator[str]:
    """Say that cells were filled, and name the first of them."""
    names = [cells.name for cells in filled]
    if names:
        more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
        yield f"merged cells are read as if their value stood in each of their rows: {', '.join(names[:_SHOWN])}{more}"
