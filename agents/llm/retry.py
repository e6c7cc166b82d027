"""How long a failed call is repeated, and when the run gives up an endpoint (the circuit breaker)."""

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
    """Decides on repeats from the failures and answers of an endpoint.

    While the endpoint has never answered, a call is repeated `retries` times. Once it has answered, the run gives it up
    after `seconds` without any answer. If other calls work between two failures of a call, the call is at fault and is
    skipped after `retries` repeats. If the server says that it failed over this very request (500), one answer to
    another call since it was first sent is enough.

    Args:
        retries: repeats of a call.
        seconds: time of failures without any answer, after which the run gives up the endpoint.
        clock: seconds, monotonic.
    """

    def __init__(self, retries: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._retries = retries
        self._seconds = seconds
        self._clock = clock
        self._answered_at: float | None = None
        self._failing_since: float | None = None
        self._random = random.Random()

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
        requested_wait: float | None,
        blames_request: bool = False,
        server_works: bool = False,
    ) -> float | Literal["abort_run", "skip_call"]:
        """Decide after a failed try.

        Args:
            tries: times that this call has failed.
            since: when it was first sent.
            last: when it last failed before; when it was first sent, for the first failure.
            requested_wait: seconds that the server asks to wait; None if it does not say.
            blames_request: the server says that it failed over this request, and is not down or busy.
            server_works: the server has processed the request, so it is up, whatever became of the reply.

        Returns:
            Seconds to wait before the next try; `abort_run` to give up the endpoint; `skip_call` to skip this call.
        """
        now = self._clock()
        if self._failing_since is None:
            self._failing_since = now
        if tries > self._retries:
            if server_works:
                return "skip_call"
            if self._answered_at is None:
                return "abort_run"
            # otherwise only an answer after the last failure counts: the server may have gone down since
            if self._answered_at > (since if blames_request else last):
                return "skip_call"
        # failures before this call do not count: there may have been no calls for a long time since
        left = max(self._failing_since, since) + self._seconds - now
        if left <= 0 or (requested_wait is not None and requested_wait > left):
            return "abort_run"
        if requested_wait is not None:
            return requested_wait
        longest = min(FIRST_WAIT * 2 ** min(tries - 1, 10), LONGEST_WAIT)
        return min(longest * self._random.uniform(0.5, 1.0), left)


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
        aware = date if date.tzinfo else date.replace(tzinfo=UTC)  # "-0000" is a time in UTC as well
        return max(0.0, (aware - datetime.now(UTC)).total_seconds())
    except (KeyError, ValueError, OverflowError):
        return None
