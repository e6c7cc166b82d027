"""How requests travel: one connection per call in flight, and a tape of what came back, whole or not."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from urllib.request import getproxies, proxy_bypass

import httpx2

LARGEST_REPLY = 64 * 2**20
"""Bytes of the largest reply that is read; what is larger breaks the call off. An event stream takes 300 a token."""


@dataclass
class RecordedResponse:
    """What one call has brought back so far."""

    status: int = 0
    """HTTP status, 0 while nothing has come."""
    body: bytearray = field(default_factory=bytearray)
    response: httpx2.Response | None = None
    """The answer that the body belongs to; it knows how a packed body is unpacked."""

    def text(self) -> str:
        """The body as text, what is not UTF-8 replaced; as far as it came where it is not whole."""
        body = bytes(self.body)
        if self.response is not None and self.response.is_closed and "content-encoding" in self.response.headers:
            with suppress(httpx2.ResponseNotRead, httpx2.StreamError):
                body = self.response.content
        return body.decode("utf-8", "replace")


RECORDED: ContextVar[RecordedResponse | None] = ContextVar("TAPE", default=None)
"""The tape of the call that is under way in this context."""


class RecordingTransport(httpx2.AsyncBaseTransport):
    """Sends every call over a connection of its own, kept for the next one, and writes its answer on the call's tape.

    One pool for all connections looks at each of them for every request; with 64 in flight that costs more than the
    request itself. Proxies come from the environment, as usual (`HTTPS_PROXY`, `NO_PROXY`, ...).

    Args:
        inner: sends everything instead of the network (the rehearsal teacher's in-process transport).
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport | None = None) -> None:
        self._inner = inner
        self._free: dict[tuple[str, str | None], list[httpx2.AsyncHTTPTransport]] = {}
        self._proxies: dict[tuple[str, str], str | None] = {}
        self._lines: list[httpx2.AsyncHTTPTransport] = []
        self._ssl: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; its answer is also written on the tape of the context, if there is one."""
        tape = RECORDED.get() or RecordedResponse()
        if self._inner is not None:
            return _tap(await self._inner.handle_async_request(request), tape, None)
        scheme, host = request.url.scheme, request.url.host
        if (scheme, host) not in self._proxies:
            self._proxies[scheme, host] = _find_proxy(scheme, host)
        kind = (scheme, self._proxies[scheme, host])
        free = self._free.setdefault(kind, [])
        line = free.pop() if free else self._open(*kind)

        async def give_back() -> None:
            free.append(line)

        try:
            response = await line.handle_async_request(request)
        except BaseException:
            free.append(line)
            raise
        if request.method == "POST" and response.status_code in (301, 302):
            response.status_code = 308  # the others are followed with GET, without the question
        return _tap(response, tape, give_back)

    def _open(self, scheme: str, proxy: str | None) -> httpx2.AsyncHTTPTransport:
        verify: ssl.SSLContext | bool = False  # a line for http:// never sees a certificate
        if scheme == "https":
            self._ssl = self._ssl or httpx2.create_ssl_context()
            verify = self._ssl
        limits = httpx2.Limits(max_connections=1, keepalive_expiry=30.0)
        self._lines.append(httpx2.AsyncHTTPTransport(verify=verify, limits=limits, proxy=proxy))
        return self._lines[-1]

    async def aclose(self) -> None:
        """Close all connections."""
        for line in self._lines:
            await line.aclose()
        if self._inner is not None:
            await self._inner.aclose()


class _RecordingStream(httpx2.AsyncByteStream):
    """A body that is written on a tape while it is read."""

    def __init__(
        self, stream: httpx2.AsyncByteStream, tape: RecordedResponse, closed: Callable[[], Awaitable[None]] | None
    ) -> None:
        self._stream, self._tape, self._closed = stream, tape, closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._tape.body += chunk
            if len(self._tape.body) > LARGEST_REPLY:
                raise httpx2.RemoteProtocolError(f"the reply is larger than {LARGEST_REPLY} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
        if self._closed is not None:
            closed, self._closed = self._closed, None
            await closed()


def _tap(
    response: httpx2.Response, tape: RecordedResponse, closed: Callable[[], Awaitable[None]] | None
) -> httpx2.Response:
    tape.status, tape.response = response.status_code, response
    kind = response.headers.get("content-type", "")
    if "charset" in kind.lower():
        # replies are read as UTF-8; a name of another code would be looked up, and may be that of no text at all
        response.headers["content-type"] = kind.partition(";")[0]
    tape.body.clear()  # of a redirect before it
    if response.is_closed:
        tape.body += response.content
    else:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _RecordingStream(response.stream, tape, closed)
    return response


def _find_proxy(scheme: str, host: str) -> str | None:
    proxies = getproxies()
    if not proxies or proxy_bypass(host):
        return None
    found = proxies.get(scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"
