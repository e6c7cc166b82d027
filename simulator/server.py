"""The rehearsal teacher on a port of this machine."""

import contextlib
import json
from collections.abc import Callable

import uvicorn
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from evokd.messages.loopback import HOST, listen

OWN_NAMES = frozenset({HOST, "localhost"})
"""Names under which a client of this machine asks."""


def guard(app: ASGIApp) -> ASGIApp:
    """Refuse what web pages ask from within a browser on this machine.

    A page of another site may send requests to the loopback interface, and reads the answers where its own name is
    made to lead there (DNS rebinding). Such a request names the page in `Origin`, or that name in `Host`.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        fault = _find_stranger(Headers(scope=scope)) if scope["type"] == "http" else None
        if fault is None:
            await app(scope, receive, send)
            return
        error = {"message": fault, "type": "invalid_request_error", "param": None, "code": None}
        await Response(json.dumps({"error": error}), 403, media_type="application/json")(scope, receive, send)

    return guarded


def _find_stranger(headers: Headers) -> str | None:
    hosts, origin = headers.getlist("host"), headers.get("origin")
    host = hosts[0].lower() if len(hosts) == 1 else ""
    name, _, port = host.partition(":")
    if name not in OWN_NAMES or not (port.isdecimal() or not port):
        return f"this teacher answers requests to {' and '.join(sorted(OWN_NAMES))} alone"
    if origin is not None and origin.lower() != f"http://{host}":
        return "this teacher answers no web pages"
    return None


def serve(app: ASGIApp, port: int, announce: Callable[[str], None]) -> None:
    """Serve the app until interrupted (Ctrl-C returns).

    Args:
        app: the app of `simulator.app.create_app`.
        port: TCP port, 0 for any free one.
        announce: called once, when connections are accepted, with the base URL (`http://127.0.0.1:PORT/v1`).

    Raises:
        InputError: the port cannot be used.
    """
    with listen(port) as listener:
        announce(f"http://{HOST}:{listener.getsockname()[1]}/v1")
        config = uvicorn.Config(guard(app), lifespan="off", log_config=None, access_log=False, ws="none")
        # uvicorn shuts down in order and then raises the interrupt again.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
