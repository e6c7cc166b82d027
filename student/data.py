"""Read labelled rows from files, every fault named with its place; write rows. Light: no torch, no scikit-learn."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from agents.messages import InputError
from student.tasks import Example, TaskCodec

Row = tuple[int, dict[str, Any]]
"""A line number (from 1) and the row that starts there."""


def read_examples(path: Path, codec: TaskCodec) -> list[Example]:
    """Read a data file: .jsonl, .csv with a header, or .parquet when pyarrow is installed.

    Raises:
        InputError: `path:line: what; how to mend it` for the first fault found.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: unknown kind of data file; use {', '.join(_READERS)}")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the data file in it")
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path in `data`")
    examples = []
    for line, row in reader(path):
        try:
            examples.append(codec.read_row(row))
        except ValueError as exc:
            raise InputError(f"{path}:{line}: {exc}") from exc
    if not examples:
        raise InputError(f"{path}: holds no rows; add at least one or leave the file out")
    return examples


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as JSON lines; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as exc:
        raise InputError(f"{path}: cannot be read ({exc.strerror}); check its permissions") from exc
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        # The codec counts from behind a byte order mark.
        start = exc.start + (3 if raw.startswith(b"\xef\xbb\xbf") else 0)
        line = raw.count(b"\n", 0, start) + 1
        fault = f"byte 0x{raw[start]:02x} at offset {start} is not UTF-8"
        raise InputError(f"{path}:{line}: {fault}; save the file with encoding UTF-8") from exc


def _read_jsonl(path: Path) -> Iterator[Row]:
    # Not splitlines(): it also breaks at characters such as U+2028, which JSON allows inside a string.
    for line, text in enumerate(_read_text(path).split("\n"), start=1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except json.JSONDecodeError as exc:
            fault = f"broken JSON at column {exc.colno}: {exc.msg}"
            raise InputError(f"{path}:{line}: {fault}; a line is one object in braces") from exc
        except (ValueError, RecursionError) as exc:  # a number of thousands of digits, brackets without end
            raise InputError(f"{path}:{line}: unreadable JSON ({exc}); a line is one flat object") from exc
        if not isinstance(row, dict):
            raise InputError(f'{path}:{line}: not a JSON object; write {{"text": ..., ...}}')
        yield line, row


def _read_csv(path: Path) -> Iterator[Row]:
    rows = csv.reader(io.StringIO(_read_text(path), newline=""), strict=True)
    header: list[str] | None = None
    last = 0
    try:
        for cells in rows:
            line, last = last + 1, rows.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = _check_header(path, line, [cell.strip() for cell in cells])
                continue
            if len(cells) != len(header):
                fault = f"{len(cells)} cells where the header has {len(header)}"
                raise InputError(f"{path}:{line}: {fault}; put a text with commas in double quotes")
            yield line, dict(zip(header, cells, strict=True))
    except csv.Error as exc:
        raise InputError(f"{path}:{rows.line_num}: broken CSV: {exc}; check the double quotes") from exc


def _check_header(path: Path, line: int, header: list[str]) -> list[str]:
    if "text" not in header:
        found = ",".join(header)[:80]
        raise InputError(f'{path}:{line}: the header lacks "text", found {found!r}; start with the line text,label')
    if len(set(header)) != len(header):
        raise InputError(f"{path}:{line}: a column is named twice; name every column once")
    return header


def _read_parquet(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as exc:
        fault = "reading .parquet needs the package pyarrow"
        raise InputError(f"{path}: {fault}; install it or convert the file to .jsonl") from exc
    try:
        rows = parquet.read_table(path).to_pylist()
    except (ArrowException, OSError) as exc:
        raise InputError(f"{path}: not a readable parquet file ({str(exc).splitlines()[0]})") from exc
    yield from enumerate(rows, start=1)


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
