"""Rows of the first sheet of an .xlsx workbook, where openpyxl is installed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evokd.intake.header import find_header_fault
from evokd.intake.merged_cells import check_merged, fill_down, read_merged_ranges, tell_filled
from evokd.intake.table import Table
from evokd.messages import InputError

Row = tuple[Any, ...]
"""The cells of a row, None where one is empty."""


def read_sheet(path: Path) -> Table:
    """Read the first sheet that holds anything; its first row with content is the header.

    Raises:
        InputError: openpyxl is missing, or the file is no workbook.
    """
    try:
        from openpyxl import load_workbook
    except ImportError as exc:
        mend = "install it (pip install 'evokd[xlsx]') or save the sheet as CSV"
        raise InputError(f"{path}: reading .xlsx needs the package openpyxl; {mend}") from exc
    try:
        sheets = _read_values(load_workbook(path, read_only=True, data_only=True))
    except Exception as exc:  # the library raises whatever a broken archive or XML brings
        raise InputError(
            f"{path}: not a readable workbook ({type(exc).__name__}); save it again as .xlsx or CSV"
        ) from exc
    filled = [title for title, rows in sheets.items() if any(_is_filled(row) for row in rows)]
    if not filled:
        return Table(path, "XLSX", [], "row")
    start, header = next((at, row) for at, row in enumerate(sheets[filled[0]], start=1) if _is_filled(row))
    names = [_write(cell) for cell in header]
    merged = read_merged_ranges(path, filled[0])
    check_merged(path, merged, start, names)
    fault = find_header_fault(names)
    if fault is not None:
        raise InputError(f"{path}: row {start}: {fault}")
    if any(cell is None for row in sheets[filled[0]] if _is_filled(row) for cell in row):
        formulas = _read_values(load_workbook(path, read_only=True))[filled[0]]
        _check_formulas(path, sheets[filled[0]], formulas)
    filled_down, used = fill_down(sheets[filled[0]], merged, start)
    numbered = [(at, row) for at, row in enumerate(filled_down, start=1) if at > start and _is_filled(row)]
    rows = [(at, _name_cells(names, row)) for at, row in numbered]
    notes = [*_tell_left_out(filled, names, numbered), *tell_filled(used)]
    named = [(cells, names[cells.columns.start - 1]) for cells in used if cells.columns.start <= len(names)]
    merged_cells = {(row, name): cells.name for cells, name in named for row in cells.rows}
    return Table(path, "XLSX", rows, "row", notes, merged=merged_cells)


def _tell_left_out(filled: Sequence[str], header: Sequence[str], numbered: Sequence[tuple[int, Row]]) -> list[str]:
    """Say what of a workbook is not read: other sheets, cells in columns without a name."""
    notes = [f"the sheet {filled[0]!r} is read; passed over: {', '.join(map(repr, filled[1:]))}"] if filled[1:] else []
    nameless = sum(_is_filled(_list_nameless(header, row)) for _, row in numbered)
    notes += [f"rows with cells in columns without a name, which are passed over: {nameless:,}"] if nameless else []
    return notes


def _read_values(book: Any) -> dict[str, list[Row]]:
    """Read all cells of a workbook and close it: title of each sheet -> its rows."""
    sheets = {}
    for sheet in book.worksheets:
        sheet.reset_dimensions()  # programs state a size that leaves out rows
        rows = list(sheet.iter_rows(values_only=True))
        width = max(map(len, rows), default=0)
        sheets[sheet.title] = [(*row, *[None] * (width - len(row))) for row in rows]
    book.close()
    return sheets


def _check_formulas(path: Path, values: Sequence[Row], formulas: Sequence[Row]) -> None:
    """Refuse formulas without a result: spreadsheets store one, programs that write workbooks often do not.

    Raises:
        InputError: names the first of them.
    """
    for at, (row, written) in enumerate(zip(values, formulas, strict=False), start=1):
        for value, formula in zip(row, written, strict=False):
            if value is None and isinstance(formula, str) and formula.startswith("="):
                fault = f"a formula without a stored result ({formula[:40]!r})"
                mend = "open the workbook in a spreadsheet and save it there, or save the sheet as CSV"
                raise InputError(f"{path}: row {at}: {fault}; {mend}")


def _list_nameless(header: Sequence[str], row: Row) -> Row:
    named = len(header)
    return tuple(cell for at, cell in enumerate(row) if at >= named or not header[at])


def _is_filled(row: Row) -> bool:
    return any(cell is not None and str(cell).strip() for cell in row)


def _name_cells(header: list[str], row: Row) -> dict[str, Any]:
    return {name: _write(cell) for name, cell in zip(header, row, strict=False) if name}


def _write(cell: Any) -> str:
    """Write a cell as it is seen: whole numbers without a point."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
