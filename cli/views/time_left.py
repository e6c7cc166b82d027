"""How long a run goes on: from the newest estimate, else from the pace so far."""

from collections.abc import Callable

_SMALLEST = 1.0
"""Seconds below which nothing is said."""


class TimeLeft:
    """Estimates the seconds that are left.

    Args:
        clock: seconds, from any zero.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._before: float | None = 0.0
        self._done = 0.0
        self._is_revised = False
        self._end: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    def resume(self) -> None:
        """Take note that an earlier process has done part of the work: it does not count for the pace."""
        self._before = None

    def report(self, done: float) -> None:
        """Take in the share of the work that is done, 0 to 1; ignored once there was a revised estimate."""
        if self._before is None:
            self._before = self._done = done
        if self._is_revised or done == self._done:
            return
        self._done = done
        self._end = None
        if self._before < done < 1:
            self._end = self._clock() + self.elapsed * (1 - done) / (done - self._before)

    def revise(self, seconds: float) -> None:
        """Take in an estimate of the seconds that are left."""
        self._is_revised = True
        self._end = self._clock() + seconds

    @property
    def seconds(self) -> float | None:
        """Seconds that are left; None where nobody can say, and where the estimate has run out."""
        if self._end is None:
            return None
        left = self._end - self._clock()
        return left if left >= _SMALLEST else None
