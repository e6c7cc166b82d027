"""json-repair with a limit of steps: broken JSON is repaired, or given up soon."""

from typing import Any, SupportsIndex

from json_repair import repair_json

MAX_REPAIRED = 100_000
"""Characters of the longest text that is repaired."""
MAX_STEPS = 60_000
"""Reads of a character in one repair, about a microsecond each. The time of json-repair grows with the square of the
length or faster: 2.7 s for 6,000 characters of `"#`. Steps, not seconds, so that every machine gives the same result.
A sound text takes one step per character, one in single quotes two to three."""


def repair(text: str) -> Any:
    """Repair broken JSON; None if that is impossible, takes too many steps, or the text is too long.

    Never raises.
    """
    if len(text) > MAX_REPAIRED:
        return None
    try:
        return repair_json(_CountingText.of(text, [MAX_STEPS]), return_objects=True, skip_json_loads=True)
    except (_OutOfSteps, ValueError, RecursionError, AssertionError, LookupError, TypeError, AttributeError):
        return None  # json-repair itself fails on some texts, on one with an AssertionError


class _OutOfSteps(Exception):
    """A repair has used up its steps."""


class _CountingText(str):
    """A text that counts its reads; json-repair also joins slices of it to new texts, which share the counter."""

    steps_left: list[int]

    @classmethod
    def of(cls, text: str, steps_left: list[int]) -> "_CountingText":
        """Make one that shares a counter."""
        made = cls(text)
        made.steps_left = steps_left
        return made

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        """Give a character or a slice, and count it."""
        part = str.__getitem__(self, key)
        self.steps_left[0] -= 1
        if isinstance(key, slice):
            self.steps_left[0] -= len(part) // 64
            part = _CountingText.of(part, self.steps_left)
        if self.steps_left[0] < 0:
            raise _OutOfSteps
        return part

    def __add__(self, other: str) -> str:
        """Join, with the same counter."""
        return _CountingText.of(str.__add__(self, other), self.steps_left)
