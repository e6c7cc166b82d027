"""Bodies of answers to free questions: whole within a time and a size. A time limit per read ends no slow drip."""

import time
from collections.abc import Callable, Iterator

import httpx2

MOST_BYTES = 16_000_000
"""Longest body that is read; the longest lists of models have some hundred thousand bytes."""


class _BoundedStream(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, request: httpx2.Request, end: float) -> None:
        self._stream, self._request, self._end = stream, request, end

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > MOST_BYTES:
                raise httpx2.ReadError(f"a body of more than {MOST_BYTES:,} bytes", request=self._request)
            yield chunk
            if time.monotonic() > self._end:
                raise httpx2.ReadTimeout("the body is not whole in time", request=self._request)

    def close(self) -> None:
        self._stream.close()


def bound_bodies(seconds: float) -> dict[str, list[Callable[..., None]]]:
    """Make event hooks for a client.

    Args:
        seconds: from the headers of a response to the end of its body.

    Returns:
        Hooks under which reading a body raises `httpx2.ReadTimeout` after that time, and `httpx2.ReadError` beyond
        `MOST_BYTES`.
    """

    def bound(response: httpx2.Response) -> None:
        stream = response.stream
        if isinstance(stream, httpx2.SyncByteStream):
            response.stream = _BoundedStream(stream, response.request, time.monotonic() + seconds)

    return {"response": [bound]}
