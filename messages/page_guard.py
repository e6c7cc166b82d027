"""Who may ask the pages that are served on this machine, and what a browser may do with the answers.

A web page of another site can send requests to this machine from within the browser, and reads the answers where its
own name is made to lead here (DNS rebinding). Such a request names the site in `Origin`, or that name in `Host`.
"""

import json
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READ = ("GET", "HEAD")
"""Methods of pages that only read."""
OWN_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Names under which a browser on this machine asks."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Sent with every answer."""


def guard_pages(app: ASGIApp, methods: Sequence[str] = READ) -> ASGIApp:
    """Answer only requests to this machine's own name, sent by nobody or by these pages themselves.

    Args:
        app: what answers them.
        methods: the methods of requests that are answered.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        fault = find_fault(scope, methods)
        if fault is None:
            await app(scope, receive, send_with_headers)
            return
        status, reason = fault
        headers = {"Allow": ", ".join(methods)} if status == 405 else {}
        answer = Response(json.dumps({"error": reason}), status, headers, media_type="application/json")
        await answer(scope, receive, send_with_headers)

    return guarded


def find_fault(scope: Scope, methods: Sequence[str] = READ) -> tuple[int, str] | None:
    """Find why a request is not answered: status and reason; None: it is."""
    headers = Headers(scope=scope)
    hosts, origins = headers.getlist("host"), headers.getlist("origin")
    host = hosts[0].lower() if len(hosts) == 1 else ""
    name, _, port = host.rpartition(":")
    server = scope.get("server")
    if name not in OWN_NAMES or server is None or port != str(server[1]):
        return 403, f"these pages answer requests to {', '.join(sorted(OWN_NAMES))} with their port alone"
    if any(origin.lower() != f"http://{host}" for origin in origins):
        return 403, "these pages answer no other web pages"
    if scope["method"] not in methods:
        can = "can only be read" if methods == READ else f"take {', '.join(methods)} alone"
        return 405, f"{scope['method'][:20]}: these pages {can}"
    return None
