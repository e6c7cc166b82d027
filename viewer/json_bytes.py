"""JSON that every browser reads."""

import json
import math
from collections.abc import Mapping
from typing import Any


def write_json(content: Any) -> bytes:
    """Write content as JSON in ASCII; numbers that JSON does not have, such as NaN, become null."""
    # ASCII: a lone surrogate that a model wrote (as \\ud800) cannot be written in UTF-8.
    try:
        text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    except ValueError:  # such as the loss of a training that diverged
        text = json.dumps(_without_nan(content), separators=(",", ":"))
    return text.encode("ascii")


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
