"""Rows of JSON files: lines, a list of objects, and the nested forms of spaCy, Label Studio and dataset viewers."""

import json
from pathlib import Path
from typing import Any

from evokd.intake.exports import flatten
from evokd.intake.table import Table
from evokd.messages import InputError
from evokd.messages.files import read_utf8
from evokd.messages.json_faults import describe_json_fault
from evokd.student.reading.json_rows import parse_object, read_json_rows
from evokd.student.reading.layout import Layout, refusal
from evokd.student.reading.source import file_source, read_text

_LISTS = ("data", "rows", "examples", "items", "results", "train")
"""Keys under which an object holds the list of its rows."""


def read_json_table(path: Path) -> Table:
    """Read a .json or .jsonl file, whichever of the two it is written as.

    Raises:
        InputError: it is broken, or holds no objects; names the line or the item.
    """
    first = next((line for line in read_text(file_source(path)) if line.strip()), "")
    if not _is_row(first):
        return _read_whole(path)
    layout = Layout()
    rows = list(read_json_rows(file_source(path), layout))
    return flatten(Table(path, "JSON lines", rows, notes=layout.notes, layout=layout))


def _is_row(line: str) -> bool:
    """Say whether a line is a row of its own, and no object around a list of them."""
    try:
        value = parse_object(line)
    except (ValueError, RecursionError):
        return False
    lists = (value.get(key) for key in _LISTS) if isinstance(value, dict) else ()
    return isinstance(value, dict) and not any(isinstance(items, list) and _holds_rows(items) for items in lists)


def _holds_rows(items: list[Any]) -> bool:
    return bool(items) and all(isinstance(item, dict) for item in items)


def _read_whole(path: Path) -> Table:
    text = read_utf8(path)
    try:
        value = parse_object(text)
    except json.JSONDecodeError as exc:
        if path.suffix.lower() == ".jsonl":
            next(iter(read_json_rows(file_source(path), Layout())), None)  # tells the fault of the first line
        raise refusal(str(path), exc.lineno, f"broken JSON {describe_json_fault(exc)}") from exc
    except (ValueError, RecursionError) as exc:
        raise refusal(str(path), None, f"unreadable JSON {describe_json_fault(exc)}; write a list of objects") from exc
    if isinstance(value, dict):
        key = next((key for key in _LISTS if isinstance(value.get(key), list) and value[key]), None)
        value = value[key] if key is not None else [value]
    if not isinstance(value, list):
        raise InputError(f'{path}: holds no list of objects; write [{{"text": ..., "label": ...}}, ...]')
    items = [_unpack(path, number, item) for number, item in enumerate(value, start=1)]
    return flatten(Table(path, "a JSON list", list(enumerate(items, start=1)), "item"))


def _unpack(path: Path, number: int, item: Any) -> dict[str, Any]:
    """Take an item as a row; spaCy's training data is pairs of a text and its annotations."""
    if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], dict):
        return {"text": item[0], **item[1]}
    if isinstance(item, dict):
        return item["row"] if isinstance(item.get("row"), dict) and "row_idx" in item else item
    raise InputError(f'{path}: item {number}: no object; write {{"text": ..., "label": ...}}')
