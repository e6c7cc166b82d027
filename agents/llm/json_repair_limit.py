"""json-repair under a limit of steps: broken JSON is mended, or given up soon."""

from typing import Any, SupportsIndex

from json_repair import repair_json

MAX_REPAIRED = 100_000
MAX_STEPS = 60_000
"""Looks at a character that a repair may take, about a microsecond each; without a limit some wreckage of 20,000
characters takes it minutes. Steps and not seconds, so that a reply ends alike on every machine. A sound text takes one
a character, one in single quotes two to three."""


def mend(text: str) -> Any:
    """Mend broken JSON; None where that cannot be done, takes too long, or the text is too long to begin with.

    Never raises.
    """
    if len(text) > MAX_REPAIRED:
        return None
    try:
        return repair_json(_Metered.of(text, [MAX_STEPS]), return_objects=True, skip_json_loads=True)
    except (_Spent, ValueError, RecursionError, AssertionError, LookupError, TypeError, AttributeError):
        return None  # json-repair trips over itself on some wreckage, over an assertion of its own for one


class _Spent(Exception):
    """A repair has taken all its steps."""


class _Metered(str):
    """A text of which only so many characters can be looked at; json-repair reads whatever it reads through this.

    It also puts texts together anew out of slices, so these count on.
    """

    left: list[int]

    @classmethod
    def of(cls, text: str, left: list[int]) -> "_Metered":
        """Make one that shares a counter of the steps left."""
        made = cls(text)
        made.left = left
        return made

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        """Give a character or a slice, and count it."""
        found = str.__getitem__(self, key)
        self.left[0] -= 1
        if isinstance(key, slice):
            self.left[0] -= len(found) // 64
            found = _Metered.of(found, self.left)
        if self.left[0] < 0:
            raise _Spent
        return found

    def __add__(self, other: str) -> str:
        """Put together, and count on."""
        return _Metered.of(str.__add__(self, other), self.left)
