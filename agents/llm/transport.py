"""HTTP transport: one connection per call in flight, and a recording of each response, complete or not."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from urllib.request import getproxies, proxy_bypass

import httpx2

LARGEST_REPLY = 64 * 2**20
"""Bytes of the largest response that is read; a larger one fails the call. An event stream takes 300 per token."""


@dataclass
class RecordedResponse:
    """What has arrived of the response to one call."""

    status: int = 0
    """HTTP status; 0 while nothing has arrived."""
    body: bytearray = field(default_factory=bytearray)
    response: httpx2.Response | None = None
    """The response that the body belongs to; it can decompress the body."""

    def text(self) -> str:
        """The body as text, as far as it has arrived; bytes that are not UTF-8 are replaced."""
        body = bytes(self.body)
        if self.response is not None and self.response.is_closed and "content-encoding" in self.response.headers:
            with suppress(httpx2.ResponseNotRead, httpx2.StreamError):
                body = self.response.content
        return body.decode("utf-8", "replace")


RECORDED: ContextVar[RecordedResponse | None] = ContextVar("RECORDED", default=None)
"""The recording of the current call."""


class RecordingTransport(httpx2.AsyncBaseTransport):
    """Sends each call in flight over a connection of its own, which later calls reuse, and records the response.

    A shared connection pool would scan all its connections for every request; with 64 in flight that costs more than
    the request itself. Proxies come from the environment, as usual (`HTTPS_PROXY`, `NO_PROXY`, ...).

    Args:
        inner: transport to use instead of the network (the in-process one of the rehearsal teacher).
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport | None = None) -> None:
        self._inner = inner
        self._free: dict[tuple[str, str | None], list[httpx2.AsyncHTTPTransport]] = {}
        self._proxies: dict[tuple[str, str], str | None] = {}
        self._connections: list[httpx2.AsyncHTTPTransport] = []
        self._ssl: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request; the response also goes into the context's recording, if there is one."""
        recording = RECORDED.get() or RecordedResponse()
        if self._inner is not None:
            return _record(await self._inner.handle_async_request(request), recording, None)
        scheme, host = request.url.scheme, request.url.host
        if (scheme, host) not in self._proxies:
            self._proxies[scheme, host] = _find_proxy(scheme, host)
        route = (scheme, self._proxies[scheme, host])
        free = self._free.setdefault(route, [])
        connection = free.pop() if free else self._open(*route)

        async def reuse() -> None:
            free.append(connection)

        try:
            response = await connection.handle_async_request(request)
        except BaseException:
            free.append(connection)
            raise
        if request.method == "POST" and response.status_code in (301, 302):
            response.status_code = 308  # httpx follows the others with GET and without the body
        return _record(response, recording, reuse)

    def _open(self, scheme: str, proxy: str | None) -> httpx2.AsyncHTTPTransport:
        verify: ssl.SSLContext | bool = False  # plain http:// needs no certificates
        if scheme == "https":
            self._ssl = self._ssl or httpx2.create_ssl_context()
            verify = self._ssl
        limits = httpx2.Limits(max_connections=1, keepalive_expiry=30.0)
        self._connections.append(httpx2.AsyncHTTPTransport(verify=verify, limits=limits, proxy=proxy))
        return self._connections[-1]

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in self._connections:
            await connection.aclose()
        if self._inner is not None:
            await self._inner.aclose()


class _RecordingStream(httpx2.AsyncByteStream):
    """A body that is recorded while it is read."""

    def __init__(
        self, stream: httpx2.AsyncByteStream, recording: RecordedResponse, closed: Callable[[], Awaitable[None]] | None
    ) -> None:
        self._stream, self._recording, self._closed = stream, recording, closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            self._recording.body += chunk
            if len(self._recording.body) > LARGEST_REPLY:
                raise httpx2.RemoteProtocolError(f"the reply is larger than {LARGEST_REPLY} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
        if self._closed is not None:
            closed, self._closed = self._closed, None
            await closed()


def _record(
    response: httpx2.Response, recording: RecordedResponse, closed: Callable[[], Awaitable[None]] | None
) -> httpx2.Response:
    recording.status, recording.response = response.status_code, response
    content_type = response.headers.get("content-type", "")
    if "charset" in content_type.lower():
        # bodies are read as UTF-8; another charset would be looked up, and may not be one for text
        response.headers["content-type"] = content_type.partition(";")[0]
    recording.body.clear()  # may hold the body of a redirect
    if response.is_closed:
        recording.body += response.content
    else:
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _RecordingStream(response.stream, recording, closed)
    return response


def _find_proxy(scheme: str, host: str) -> str | None:
    proxies = getproxies()
    if not proxies or proxy_bypass(host):
        return None
    proxy = proxies.get(scheme) or proxies.get("all")
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"
