"""Read unlabelled texts from files line by line, however many there are. Light: no torch."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from agents.messages import InputError
from student.checks import has_half_pair

MAX_CELL = 10_000_000
"""Characters of the longest cell of a .csv file that is read."""


class Line(NamedTuple):
    """A text and where it stands."""

    number: int
    """Line of the file, from 1; of .parquet the row."""
    text: str


def read_lines(path: Path) -> Iterator[Line]:
    """Read texts one by one: .txt (a text a line), .jsonl, .csv with a header, or .parquet when pyarrow is installed.

    A row of .jsonl, .csv or .parquet has a column "text"; other columns are passed over. A .csv file of one column
    needs no such name. Blank texts are passed over.

    Args:
        path: the file; its ending says what it is.

    Raises:
        InputError: `path:line: what; how to mend it` for the first fault found.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: unknown kind of file for unlabelled texts; use {', '.join(_READERS)}")
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise InputError(f"{path}: {what}; name a file of unlabelled texts")
    for line in reader(path):
        if line.text.strip():
            yield line


def _open(path: Path) -> Iterator[str]:
    """Give the lines of a UTF-8 file with their ends."""
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, line in enumerate(file, start=1):  # noqa: B007 - read when a later line is broken
                yield line
    except UnicodeDecodeError as exc:
        fault = f"byte 0x{exc.object[exc.start]:02x} is not UTF-8"
        raise InputError(f"{path}: after line {number}: {fault}; save the file with encoding UTF-8") from exc
    except OSError as exc:
        raise InputError(f"{path}: cannot be read ({exc.strerror}); check its permissions") from exc


def _read_txt(path: Path) -> Iterator[Line]:
    for number, line in enumerate(_open(path), start=1):
        yield Line(number, line.strip("\r\n"))


def _read_jsonl(path: Path) -> Iterator[Line]:
    for number, line in enumerate(_open(path), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as exc:
            raise InputError(
                f'{path}:{number}: broken JSON ({exc}); a line is an object such as {{"text": "..."}}'
            ) from exc
        yield Line(number, _text_of(row, path, number))


def _text_of(row: Any, path: Path, number: int) -> str:
    found = row.get("text") if isinstance(row, dict) else None
    if found is None and isinstance(row, dict) and isinstance(row.get("tokens"), list):
        found = " ".join(map(str, row["tokens"]))
    if not isinstance(found, str):
        raise InputError(f'{path}:{number}: no text; write {{"text": "..."}}')
    if has_half_pair(found):
        raise InputError(f'{path}:{number}: "text" holds half a surrogate pair; write the character itself')
    return found


def _read_csv(path: Path) -> Iterator[Line]:
    before = csv.field_size_limit(MAX_CELL)
    try:
        yield from _read_cells(path)
    finally:
        csv.field_size_limit(before)


def _read_cells(path: Path) -> Iterator[Line]:
    rows = csv.reader(_open(path), strict=True)
    place: int | None = None
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            if place is None:
                place = _find_column(path, rows.line_num, [cell.strip() for cell in cells])
                continue
            if len(cells) <= place:
                raise InputError(f"{path}:{rows.line_num}: {len(cells)} cells, the text would be number {place + 1}")
            yield Line(rows.line_num, cells[place])
    except csv.Error as exc:
        raise InputError(f"{path}:{rows.line_num}: broken CSV: {exc}; check the double quotes") from exc


def _find_column(path: Path, line: int, header: list[str]) -> int:
    if "text" in header:
        return header.index("text")
    other = next((mark for mark in ";\t|" if len(header) == 1 and mark in header[0]), None)
    if other is not None:
        raise InputError(f"{path}:{line}: the cells seem to be parted by {other!r}; save the file with commas")
    if len(header) == 1 and len(header[0].split()) <= 3:
        return 0
    found = ",".join(header)[:80]
    raise InputError(
        f'{path}:{line}: no column is called "text" (found {found!r}); name the one that holds the texts so'
    )


def _read_parquet(path: Path) -> Iterator[Line]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as exc:
        raise InputError(
            f"{path}: reading .parquet needs pyarrow: pip install 'evokd[parquet]', or convert the file"
        ) from exc
    try:
        file = parquet.ParquetFile(path)
        if "text" not in file.schema_arrow.names:
            found = ", ".join(file.schema_arrow.names)[:80]
            raise InputError(
                f'{path}: no column is called "text" (found {found!r}); name the one that holds the texts so'
            )
        number = 0
        for batch in file.iter_batches(columns=["text"]):
            for value in batch.column(0).to_pylist():
                number += 1
                yield Line(number, value if isinstance(value, str) else "")
    except (ArrowException, OSError) as exc:
        raise InputError(f"{path}: not a readable parquet file ({exc})") from exc


_READERS: dict[str, Callable[[Path], Iterator[Line]]] = {
    ".txt": _read_txt,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
