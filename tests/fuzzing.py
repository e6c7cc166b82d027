"""What the fuzz tests share: how many examples, mutations of JSON values and of texts, and a tally for the summary."""

import copy
import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

LONG = bool(os.environ.get("FUZZ"))
"""Set by `make fuzz`: thousands of examples, and a summary."""
SLOWEST = 2.0
"""Seconds of processor time that one example may take; many times what any takes, for slow and busy machines."""


def few_or_many(few: int, many: int) -> settings:
    """Settings of a fuzz test; the same examples in every run."""
    return settings(
        max_examples=many if LONG else few,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),  # shrinking a slow example takes minutes
        suppress_health_check=list(HealthCheck),
    )


class Tally:
    """Counts how examples ended and keeps the slowest."""

    made: list["Tally"] = []  # noqa: RUF012

    def __init__(self, what: str) -> None:
        self.what = what
        self.ends: dict[str, int] = {}
        self.slowest, self.example = 0.0, ""
        Tally.made.append(self)

    @contextmanager
    def timed(self, example: str) -> Iterator[None]:
        start = time.thread_time()
        yield
        taken = time.thread_time() - start
        if taken > self.slowest:
            self.slowest, self.example = taken, example
        assert taken < SLOWEST, f"{taken:.2f} s for {example[:200]!r}"

    def count(self, end: str) -> None:
        self.ends[end] = self.ends.get(end, 0) + 1

    def __str__(self) -> str:
        ends = ", ".join(f"{count:,} {end}" for end, count in sorted(self.ends.items()))
        slowest = f"slowest {self.slowest:.3f} s ({len(self.example):,} characters, {self.example[:50]!r} ...)"
        return f"{sum(self.ends.values()):,} {self.what}: {ends}; {slowest}"


# ------------------------------------------------------------------------------------------------------------ values

STRANGE: list[Any] = [
    None, True, -1, 0, 10**18, 1e308, math.nan, math.inf, -math.inf, "", " ", "O", "t1", "\x00", "\ud800", "\u202e",
    [], {}, [[]], [None], {"": None}, "[" * 50, "</message>", "a" * 3_000, "bug", "person",
]  # fmt: skip
Step = tuple[int, int, int]
"""What is done, where, and with what; all three are taken modulo what there is."""
steps = st.lists(st.tuples(*[st.integers(0, 10_000)] * 3), max_size=5)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """All (container, key) of a JSON value."""
    found: list[tuple[Any, Any]] = []
    todo = [value]
    while todo and len(found) < 5_000:
        holder = todo.pop()
        items = list(holder.items()) if isinstance(holder, dict) else list(enumerate(holder))
        found += [(holder, key) for key, _ in items]
        todo += [item for _, item in items if isinstance(item, dict | list)]
    return found


def _nest(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


def mutate_value(value: Any, changes: list[Step]) -> Any:
    """Damage a JSON value at some places: wrong types, left out, doubled, renamed and nested parts."""
    value = {"": copy.deepcopy(value)}
    for kind, where, what in changes:
        places = _places(value)
        holder, key = places[where % len(places)]
        strange = copy.deepcopy(STRANGE[what % len(STRANGE)])
        match kind % 7:
            case 0 | 1:
                holder[key] = strange
            case 2 if len(places) > 1:
                del holder[key]
            case 3 if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case 3 | 4 if isinstance(holder, dict):
                holder[str(strange)[:40]] = copy.deepcopy(holder[key])
            case 5:
                holder[key] = _nest(holder[key], (1, 3, 60, 400)[what % 4])
            case 6 if isinstance(holder, list):
                holder *= 1 + (0, 1, 30, 400)[what % 4] // (1 + len(holder) // 10)
        if not value:
            value = {"": strange}
    return next(iter(value.values()))


# ------------------------------------------------------------------------------------------------------------- texts


def mutate_text(text: str, changes: list[Step], splinters: list[str]) -> str:
    """Damage a text at some places: cut, doubled, cut off, splinters put in, bytes changed, other encoding."""
    for kind, where, what in changes:
        at = where * len(text) // 10_000
        splinter = splinters[what % len(splinters)]
        match kind % 10:
            case 0:
                text = text[:at] + text[at + what % 40 :]
            case 1 | 2 | 3:
                text = text[:at] + splinter + text[at:]
            case 4:
                text = text[:at] + splinter + text[at + len(splinter) :]
            case 5:
                text = text[:at] + splinter * (what // 10 % 300) + text[at:]
            case 6:
                text = text[:at]
            case 7:
                text = text[: at + what % 400] + text[at:]
            case 8:
                text = _change_bytes(text, at, what)
            case 9:
                text = text[at:] + text[:at]
    return text


def _change_bytes(text: str, at: int, what: int) -> str:
    raw = bytearray(text.encode("utf-8", "surrogatepass"))
    for offset in range(1 + what % 5):
        place = at + offset * (1 + what % 7)
        if place < len(raw):
            raw[place] ^= 1 << (what + offset) % 8
    if what % 5 == 4:
        return bytes(raw).decode("utf-16-le", "replace")
    return bytes(raw).decode("latin-1" if what % 5 == 3 else "utf-8", ("replace", "surrogateescape")[what % 2])


def write_json(value: Any) -> str:
    """Write a value as a language model may: NaN and half surrogate pairs included."""
    return json.dumps(value, ensure_ascii=False)
