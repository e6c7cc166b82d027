"""Rows of the first sheet of an .xlsx workbook, where openpyxl is installed."""

from pathlib import Path
from typing import Any

from evokd.intake.table import Table
from evokd.messages import InputError


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
        book = load_workbook(path, read_only=True, data_only=True)
        sheets = {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}
        book.close()
    except Exception as exc:  # the library raises whatever a broken archive or XML brings
        raise InputError(
            f"{path}: not a readable workbook ({type(exc).__name__}); save it again as .xlsx or CSV"
        ) from exc
    filled = [title for title, rows in sheets.items() if any(_is_filled(row) for row in rows)]
    if not filled:
        return Table(path, "XLSX", [], "row")
    numbered = [(at, row) for at, row in enumerate(sheets[filled[0]], start=1) if _is_filled(row)]
    header = [_write(cell) for cell in numbered[0][1]]
    doubled = next((name for name in header if name and header.count(name) > 1), None)
    if doubled is not None:
        raise InputError(f"{path}: row {numbered[0][0]}: a column is named twice ({doubled!r}); name every column once")
    rows = [(at, _name_cells(header, row)) for at, row in numbered[1:]]
    notes = [f"the sheet {filled[0]!r} is read; passed over: {', '.join(map(repr, filled[1:]))}"] if filled[1:] else []
    return Table(path, "XLSX", rows, "row", notes)


def _is_filled(row: tuple[Any, ...]) -> bool:
    return any(cell is not None and str(cell).strip() for cell in row)


def _name_cells(header: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    return {name: _write(cell) for name, cell in zip(header, row, strict=False) if name}


def _write(cell: Any) -> str:
    """Write a cell as it is seen: whole numbers without a point."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
