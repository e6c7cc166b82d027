"""Calls that failed: an error is told when it comes first, then at most once a minute with how often it came."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from evokd.cli.markup import literal
from evokd.cli.views.unusable_replies import name_kind

_SECONDS = 60.0
"""For so long an error that was told is only counted."""
_STATUS = len("HTTP 429:")
"""Characters at the beginning of an error that hold the server's status."""


@dataclass
class _Told:
    at: float
    """When the error was last told."""
    more: int = 0
    """How often it has come since then."""


class FailedCalls:
    """Keeps count of failed calls by their error: in an outage each of many calls fails again and again.

    Args:
        clock: seconds, from any zero.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], _Told] = {}

    def tell(self, event: Mapping[str, Any]) -> str | None:
        """Say why a call failed.

        Args:
            event: the call.

        Returns:
            A line as markup, without the cycle; None where it is only counted.
        """
        fault, now = event["faults"][0], self._clock()
        line = f"{event['role']}: {literal(fault, 200)}"
        kind = (fault[:_STATUS], name_kind(fault))
        told = self._known.get(kind)
        if told is None:
            self._known[kind] = _Told(now)
            return line
        told.more += 1
        if now - told.at < _SECONDS:
            return None
        seconds, more = now - told.at, told.more
        told.at, told.more = now, 0
        return f"{line} ({_count(more)} in {seconds:.0f} s)"

    def close_cycle(self) -> list[str]:
        """Say how many calls were only counted since the last time."""
        more = sum(told.more for told in self._known.values())
        for told in self._known.values():
            told.more = 0
        return [f"{_count(more)} with errors told before"] if more else []


def _count(calls: int) -> str:
    return "1 more failed call" if calls == 1 else f"{calls:,} more failed calls"
