"""How long a call that failed is tried again, and when the whole endpoint is given up (the circuit breaker)."""

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

FIRST_WAIT = 0.5
"""Seconds before the second try, at most; doubled with each further one."""
LONGEST_WAIT = 30.0


class RetryPolicy:
    """What is known of an endpoint's failures.

    An endpoint that has not answered yet gets `retries` repeats of a call. One that has answered before is given up
    when nothing has worked for `seconds`. Where other calls work between two failures of a call, it is the call: after
    `retries` repeats that one is left alone; where the server says that it failed over this very request (500), one
    answer since it was first sent is enough.

    Args:
        retries: repeats of a call.
        seconds: time of failures, without any answer between them, after which the endpoint is given up.
        clock: seconds, monotonic.
    """

    def __init__(self, retries: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._retries = retries
        self._seconds = seconds
        self._clock = clock
        self._answered_at: float | None = None
        self._failing_since: float | None = None
        self._chance = random.Random()

    def now(self) -> float:
        """The time by this clock."""
        return self._clock()

    def answered(self) -> None:
        """Note that the endpoint works."""
        self._answered_at = self._clock()
        self._failing_since = None

    def judge(
        self,
        tries: int,
        since: float,
        last: float,
        asked: float | None,
        own: bool = False,
        bounded: bool = False,
    ) -> float | Literal["park", "leave"]:
        """Decide after a failed try.

        Args:
            tries: how often this call has failed.
            since: when it was first sent.
            last: when it failed before this time; when it was first sent, for the first failure.
            asked: seconds that the server asks to wait, None if it does not say.
            own: the server says that it failed over this request, and not that it is down or busy.
            bounded: it has worked on the request, so that it is there, whatever became of the reply.

        Returns:
            Seconds to wait before the next try; `park` to give the endpoint up; `leave` to give up this call alone.
        """
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        if tries > self._retries:
            if bounded:
                return "leave"
            if self._answered_at is None:
                return "park"
            # else an answer of before the last failure does not count: the server may have gone down since
            if self._answered_at > (since if own else last):
                return "leave"
        # failures before this call began are old news: perhaps nothing was asked for a long time since
        left = max(self._failing_since, since) + self._seconds - now
        if left <= 0 or (asked is not None and asked > left):
            return "park"
        if asked is not None:
            return asked
        longest = min(FIRST_WAIT * 2 ** min(tries - 1, 10), LONGEST_WAIT)
        return min(longest * self._chance.uniform(0.5, 1.0), left)


def read_retry_after(headers: Mapping[str, str]) -> float | None:
    """Read how many seconds a server asks to wait, from `retry-after-ms` or `retry-after` (seconds or a date)."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        date = parsedate_to_datetime(headers["retry-after"])
        known = date if date.tzinfo else date.replace(tzinfo=UTC)  # "-0000" is a time in UTC as well
        return max(0.0, (known - datetime.now(UTC)).total_seconds())
    except (KeyError, ValueError, OverflowError):
        return None
