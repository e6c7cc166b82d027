"""Names of labels that a file writes as numbers, as Hugging Face data sets do.

Source: huggingface.co/docs/datasets (ClassLabel; `dataset_info` in README.md, dataset_info.json, Parquet metadata).
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from evokd.intake.table import Table

_WHOLE = re.compile(r"\s*\d{1,4}(\.0)?\s*")
_FRONT = re.compile(r"---\n(.*?)\n---", re.DOTALL)
_DEEPEST = 5
"""Levels of a card that are looked into."""
_LARGEST = 4_000_000
"""Bytes of a card that is read."""


def find_names(table: Table, column: str) -> list[str] | None:
    """Find what the numbers in a column stand for, in the file itself or in the data set's card beside or above it.

    A note of the table tells where they were found.
    """
    for source, features in _find_features(table.path):
        names = _read_names(features, column)
        if names:
            shown = ", ".join(f"{number} = {name}" for number, name in enumerate(names[:4]))
            more = ", ..." if len(names) > 4 else ""
            table.notes.append(f"the numbers in {column!r} are named by {source}: {shown}{more}")
            return names
    return None


def name_numbers(table: Table, column: str, given: list[str] | None, is_tags: bool) -> dict[int, str]:
    """Give the names of the numbers in a column of labels or tags; empty where these are no numbers.

    Args:
        table: the table.
        column: its column of labels or tags.
        given: the names in order, where the user gives them.
        is_tags: they are tags of tokens, not labels of texts.

    Raises:
        InputError: the numbers have no names, or too few.
    """
    numbers = sorted({number for value in table.values(column) for number in _numbers(value)})
    in_lists = any(isinstance(value, list) for value in table.values(column))
    if not numbers or (not in_lists and given is None and numbers != list(range(len(numbers)))):
        return {}
    names = given or find_names(table, column)
    what = "tags" if is_tags else "labels"
    example = "O,B-PER,I-PER" if is_tags else "sports,politics"
    if names is None:
        fault = f"the {what} in {column!r} are numbers ({numbers[0]} to {numbers[-1]})"
        raise table.refuse(f"{fault}; say what 0, 1, ... stand for, in order: --label-names {example}")
    if numbers[0] < 0 or numbers[-1] >= len(names):
        fault = f"{numbers[-1]} in {column!r} has no name: {len(names)} are given, for 0 to {len(names) - 1}"
        raise table.refuse(f"{fault}; give one for every number: --label-names {example},...")
    return dict(enumerate(names))


def _numbers(value: Any) -> list[int]:
    items = value if isinstance(value, list) else [value]
    found = [int(float(item)) if isinstance(item, str) and _WHOLE.fullmatch(item) else item for item in items]
    if all(isinstance(item, int) and not isinstance(item, bool) for item in found):
        return found
    return []


def _find_features(path: Path) -> Iterator[tuple[Path, Any]]:
    if path.suffix.lower() == ".parquet":
        yield path, _read_metadata(path)
    for folder in (path.parent, path.parent.parent):
        for name in ("dataset_info.json", "dataset_infos.json", "README.md"):
            card = folder / name
            if card.is_file() and card.stat().st_size <= _LARGEST:
                yield from ((card, features) for features in _read_card(card))


def _read_metadata(path: Path) -> Any:
    from pyarrow import parquet

    metadata = parquet.read_schema(path).metadata or {}
    try:
        return json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features")
    except (ValueError, AttributeError):
        return None


def _read_card(card: Path) -> Iterator[Any]:
    try:
        text = card.read_text(encoding="utf-8")
        is_page = card.suffix == ".md"
        front = _FRONT.match(text) if is_page else None
        tree = json.loads(text) if not is_page else yaml.safe_load(front[1]) if front else None
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return
    for node in _walk(tree):
        yield node.get("features")


def _walk(node: Any, depth: int = _DEEPEST) -> Iterator[dict[str, Any]]:
    """Give every object with features in a tree; only so deep, as aliases of YAML can make it all but endless."""
    if not depth:
        return
    if isinstance(node, dict):
        if "features" in node:
            yield node
        node = [value for key, value in node.items() if key != "features"]
    if isinstance(node, list):
        for value in node:
            yield from _walk(value, depth - 1)


def _read_names(features: Any, column: str) -> list[str] | None:
    """Find the names of a column among features, which are an object or a list of objects with names."""
    if isinstance(features, list):
        feature = next((item for item in features if isinstance(item, dict) and item.get("name") == column), None)
    else:
        feature = features.get(column) if isinstance(features, dict) else None
    return _find_list(feature)


def _find_list(node: Any, depth: int = _DEEPEST) -> list[str] | None:
    if not isinstance(node, dict) or not depth:
        return None
    names = node.get("names")
    if isinstance(names, dict):
        ordered = sorted(names, key=lambda key: int(key) if str(key).isdecimal() else 0)
        names = [names[key] for key in ordered]
    if isinstance(names, list) and names:
        return [str(name) for name in names]
    return next((found for value in node.values() if (found := _find_list(value, depth - 1)) is not None), None)
