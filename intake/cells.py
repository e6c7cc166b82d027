"""Cells that hold several values: lists that were written as text, choices of Label Studio, scores per label."""

import ast
import json
from collections.abc import Mapping
from typing import Any

_APPLIES = 0.5
"""Score from which on a label applies."""
CHOICES = "choices"
"""The key under which Label Studio keeps what was chosen."""


def read_list(cell: str) -> list[Any] | None:
    """Read a list that stands in a cell as JSON or Python writes it, such as ["a", "b"] or ['a', 'b'].

    Returns:
        The list; None where the cell holds none.
    """
    shown = cell.strip()
    if not (shown.startswith("[") and shown.endswith("]")):
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(shown)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
            return value
    return None


def is_choices(value: Any) -> bool:
    """Say whether a value is {"choices": [...]}, as Label Studio's JSON-MIN has it where several were chosen."""
    return isinstance(value, dict) and list(value) == [CHOICES] and isinstance(value[CHOICES], list)


def read_scores(value: Mapping[str, Any]) -> list[str]:
    """Take the labels that apply from scores per label.

    Raises:
        ValueError: a value is no number.
    """
    for label, score in value.items():
        if not isinstance(score, int | float):
            raise ValueError(f"the score of {label!r} is {score!r}; write a number from 0 to 1")
    return [label for label, score in value.items() if score >= _APPLIES]
