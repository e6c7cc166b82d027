"""Rows of JSON lines: one object a line."""

import json
from collections.abc import Iterator
from typing import Any

from evokd.messages.json_faults import describe_json_fault
from evokd.student.reading.columns import ColumnNames
from evokd.student.reading.layout import Layout, refusal
from evokd.student.reading.source import Source, read_text

_MEND = "write one object a line, without brackets around and commas between them"


class _DoubledKeyError(ValueError):
    """A key that an object has twice."""


def read_json_rows(
    source: Source,
    layout: Layout,
    columns: ColumnNames = ColumnNames(),  # noqa: B008 - it cannot be changed
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read JSON lines; blank lines are passed over.

    Args:
        source: the lines.
        layout: what was recognised is written here.
        columns: which keys have other names than the known ones.

    Raises:
        InputError: a line is no JSON object, has a key twice, or lacks a mapped one; names the line.
    """
    layout.format = "JSON lines"
    is_first = True
    chosen: dict[str, str] = {}
    for line, text in enumerate(read_text(source), start=1):
        if not text.strip():
            continue
        row = _read_object(source, line, text, is_first)
        if is_first:
            found = [str(key) for key in row]
            chosen = columns.choose(source.name, line, found)
            columns.describe(layout, found, chosen)
        is_first = False
        yield line, columns.rename(source.name, line, row, chosen)


def parse_object(text: str) -> Any:
    """Read JSON in which no object has a key twice.

    Raises:
        ValueError: it is broken, or a key is doubled.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, object_pairs_hook=_check_pairs)


def _check_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) < len(pairs):
        keys = [key for key, _ in pairs]
        doubled = next(key for key in keys if keys.count(key) > 1)
        raise _DoubledKeyError(f"the key {json.dumps(doubled)} is there twice in one object; keep one of them")
    return parsed


def _read_object(source: Source, line: int, text: str, is_first: bool) -> dict[str, Any]:
    try:
        row = parse_object(text.rstrip("\r\n"))
    except _DoubledKeyError as exc:
        raise refusal(source.name, line, exc) from exc
    except json.JSONDecodeError as exc:
        if is_first and text.lstrip().startswith("["):
            raise refusal(source.name, line, f"one JSON array over several lines; {_MEND}") from exc
        if text.strip() == "{":
            raise refusal(source.name, line, f"a JSON object over several lines; {_MEND}") from exc
        fault = f"broken JSON {describe_json_fault(exc)}; a line is one object in braces"
        raise refusal(source.name, line, fault) from exc
    except (ValueError, RecursionError) as exc:  # a number of thousands of digits, brackets without end
        fault = f"unreadable JSON {describe_json_fault(exc)}; a line is one flat object"
        raise refusal(source.name, line, fault) from exc
    if isinstance(row, list) and is_first and any(isinstance(item, dict) for item in row):
        raise refusal(source.name, line, f"a JSON array of objects in one line; {_MEND}")
    if not isinstance(row, dict):
        raise refusal(source.name, line, 'not a JSON object; write {"text": ..., ...}')
    return row
