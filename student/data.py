"""Read labelled rows from files, every fault named with its place; write rows. Light: no torch, no scikit-learn."""

import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from agents.messages import InputError
from student.checks import RowFault
from student.tasks import Example, Row, TaskCodec

MAX_BYTES = 512 * 2**20
"""Size of the largest data file; it is read as a whole."""
MAX_FAULT = 600
"""Characters of a fault that are told."""
_TAG = re.compile(r"O|[BIESLU]-\S+")


def read_examples(path: Path, codec: TaskCodec, notes: list[str] | None = None) -> list[Example]:
    """Read a data file: .jsonl, .csv with a header, .conll columns, or .parquet when pyarrow is installed.

    Args:
        path: the file; its ending says what it is.
        codec: the task.
        notes: where `path: note` is added for what was read otherwise than it is written.

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
    if not path.is_file():  # a pipe or a device: reading might never end
        raise InputError(f"{path}: is no regular file; save the rows in one")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES // 2**20} MiB; take a part of the rows")
    rows = list(reader(path))
    try:
        rows, said = codec.harmonise(rows)
    except RowFault as exc:
        raise InputError(f"{path}:{_fault_line(path, 0, exc)}: {_shorten(exc)}") from exc
    examples = []
    for line, row in rows:
        try:
            examples.append(codec.read_row(row))
        except ValueError as exc:
            raise InputError(f"{path}:{_fault_line(path, line, exc)}: {_shorten(exc)}") from exc
    if not examples:
        raise InputError(f"{path}: holds no rows; add at least one or leave the file out")
    if notes is not None:
        notes += [f"{path}: {note}" for note in said]
    return examples


def _shorten(exc: ValueError) -> str:
    """Leave out the middle of a fault that quotes a long value: what and where stand before it, the remedy behind."""
    told = " ".join("".join(char if char.isprintable() else " " for char in str(exc)).split())
    half = MAX_FAULT // 2
    return told if len(told) <= MAX_FAULT else f"{told[:half]} ... {told[-half:]}"


def _fault_line(path: Path, line: int, exc: ValueError) -> int:
    if not isinstance(exc, RowFault):
        return line
    line = exc.line or line
    if exc.token is None or path.suffix.lower() not in _COLUMNS:
        return line
    tokens = (number for number, columns in _read_columns(path) if columns and number >= line)
    return next(islice(tokens, exc.token, None), line)


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
    if "text" not in header and {"tokens", "tags", "entities"} & set(header):
        raise InputError(f"{path}:{line}: a .csv file cannot hold lists such as tokens; use .jsonl or .conll")
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
        raise InputError(f"{path}: not a readable parquet file ({_shorten(ValueError(exc))})") from exc
    yield from enumerate(rows, start=1)


def _read_conll(path: Path) -> Iterator[Row]:
    tokens: list[str] = []
    tags: list[str] = []
    first = width = 0
    for line, columns in _read_columns(path):
        if not columns:
            if tokens:
                yield first, {"tokens": tokens, "tags": tags}
            tokens, tags = [], []
            continue
        if len(columns) < 2:
            fault = f"only one column ({columns[0][:40]!r}); write a token, a space or tab, and its tag"
            raise InputError(f"{path}:{line}: {fault}")
        width = width or len(columns)
        if len(columns) != width:
            fault = f"{len(columns)} columns where the first token has {width}"
            raise InputError(f"{path}:{line}: {fault}; columns are cut at every space and tab")
        first = first if tokens else line
        tokens.append(columns[0])
        tags.append(columns[-1])


def _read_columns(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Give the columns of each line that holds a token; none for a line that ends a sentence, and at the end."""
    width = 0
    for line, text in enumerate(_read_text(path).split("\n"), start=1):
        columns = re.split(r"[ \t]+", text.strip(" \t\r")) if text.strip() else []
        if columns and _is_comment(columns, width):
            continue
        if columns and columns[0].startswith("-DOCSTART-"):
            columns = []
        width = width or len(columns)
        yield line, columns
    yield line + 1, []


def _is_comment(columns: list[str], width: int) -> bool:
    """Tell a comment from the token "#", which has as many columns as the other tokens and a tag as the last.

    Args:
        columns: the columns of the line.
        width: the number of columns of the first token, 0 before it.
    """
    if columns[0] != "#" or len(columns) < 2:
        return False
    is_pair = "=" in columns[1] or columns[2:3] == ["="]
    if not width and is_pair and len(columns) > 2:
        return True
    is_token = len(columns) == (width or len(columns)) and _TAG.fullmatch(columns[-1]) is not None
    return (is_pair or len(columns) > 2) and not is_token


_COLUMNS = (".conll", ".bio", ".iob")
_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    **dict.fromkeys(_COLUMNS, _read_conll),
}
