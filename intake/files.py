"""Open a file of any kind that people keep texts in, as a table."""

import csv
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from evokd.intake.header import find_header_fault
from evokd.intake.json_files import read_json_table
from evokd.intake.sheets import read_sheet
from evokd.intake.table import Table
from evokd.messages import InputError
from evokd.student.data import MAX_BYTES
from evokd.student.reading.conll_rows import read_conll_rows
from evokd.student.reading.csv_rows import DELIMITERS, read_cells, read_head
from evokd.student.reading.layout import Layout, name_delimiter, refusal
from evokd.student.reading.parquet_rows import read_parquet_rows
from evokd.student.reading.rows import CONLL_ENDINGS, check_file, read_rows
from evokd.student.reading.source import file_source, read_text

_SAMPLE = 60
"""Lines by which the delimiter of a table is found."""
_LOOKED_AT = 10_000
"""Characters of each of these lines that are looked at."""
FASTTEXT = "__label__"
_BINARY = {".spacy": "save it as JSON lines", ".xls": "save it as .xlsx or CSV", ".ods": "save it as .xlsx or CSV"}


def open_table(path: Path) -> Table:
    """Read a file as a table.

    Raises:
        InputError: `file:line: what; how to mend it` for the first fault found.
    """
    check_file(path)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; take a part of the rows")
    if size == 0:
        raise InputError(f"{path}: the file is empty; give one with a text a row")
    ending = path.suffix.lower()
    if ending in _BINARY:
        raise InputError(f"{path}: {ending} files are not read; {_BINARY[ending]}")
    if ending not in _READERS:
        known = ", ".join(_READERS)
        raise InputError(f"{path}: unknown kind of file; its ending must say what it is, one of: {known}")
    table = _READERS[ending](path)
    if not table.rows:
        raise InputError(f"{path}: holds no rows; give one with a text a row")
    return table


def _read_lines(path: Path) -> Table:
    layout = Layout()
    rows = list(read_rows(file_source(path), "lines", layout))
    if any(row["text"].startswith(FASTTEXT) for _, row in rows):
        return Table(path, "fastText", [(line, _cut_label(row["text"])) for line, row in rows])
    return Table(path, "plain lines", rows, notes=layout.notes, layout=layout)


def _cut_label(line: str) -> dict[str, Any]:
    words = line.split(" ")
    labels = [word.removeprefix(FASTTEXT) for word in words if word.startswith(FASTTEXT)]
    text = " ".join(word for word in words if not word.startswith(FASTTEXT)).strip()
    return {"label": labels or None, "text": text}


def _read_conll(path: Path) -> Table:
    layout = Layout()
    rows = list(read_conll_rows(file_source(path), layout, labels=()))
    return Table(path, "CoNLL", rows, notes=layout.notes, layout=layout)


def _read_parquet(path: Path) -> Table:
    layout = Layout()
    return Table(path, "Parquet", list(read_parquet_rows(file_source(path), layout, None)), "row", layout.notes)


def _read_csv(path: Path) -> Table:
    lines = read_text(file_source(path))
    skipped, head, declared = read_head(lines)
    rest = list(lines)
    mark = declared or _find_delimiter([head, *rest[:_SAMPLE]], "\t" if path.suffix.lower() == ".tsv" else ",")
    name = f"{path.suffix[1:].upper()} cut at {name_delimiter(mark)}"
    cells = read_cells(str(path), chain(skipped, [head], rest), mark)
    line, names = next(cells, (1, []))
    if not names:
        return Table(path, name, [])
    header = _check_header(path, line, [cell.strip() for cell in names])
    return Table(path, name, list(_name_cells(path, header, cells, mark)))


def _find_delimiter(lines: list[str], usual: str) -> str:
    """Find what cuts most rows into as many cells as the header has, and into more than one."""
    shown = [line[:_LOOKED_AT] for line in lines]

    def fit(mark: str) -> tuple[float, int]:
        try:
            widths = [len(row) for row in csv.reader(shown, delimiter=mark) if row]
        except csv.Error:
            return 0.0, 0
        if not widths or widths[0] < 2:
            return 0.0, 0
        return sum(width == widths[0] for width in widths) / len(widths), widths[0]

    best = max((usual, *DELIMITERS), key=fit)
    return best if fit(best)[0] > 0 else usual


def _check_header(path: Path, line: int, names: list[str]) -> list[str]:
    fault = find_header_fault(names)
    if fault is not None:
        raise refusal(str(path), line, fault)
    return names


def _name_cells(
    path: Path, header: list[str], cells: Iterator[tuple[int, list[str]]], mark: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, row in cells:
        if len(row) != len(header):
            fault = f"{len(row)} cell{'' if len(row) == 1 else 's'} where the header has {len(header)}"
            inside = f"put a text with {name_delimiter(mark)} inside in double quotes"
            raise refusal(str(path), line, f"{fault}; {inside if len(row) > len(header) else 'leave a cell empty'}")
        yield line, {name: cell for name, cell in zip(header, row, strict=True) if name}


_READERS: dict[str, Callable[[Path], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": read_json_table,
    ".json": read_json_table,
    ".parquet": _read_parquet,
    ".xlsx": read_sheet,
    ".txt": _read_lines,
    **dict.fromkeys(CONLL_ENDINGS, _read_conll),
}
"""Ending of a file -> its reader."""
