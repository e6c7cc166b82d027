"""The rehearsal teacher on a port of this machine."""

import contextlib
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from agents.messages import InputError

HOST = "127.0.0.1"
"""Nobody else's machine may reach it: there is no key."""


def serve(app: ASGIApp, port: int, announce: Callable[[str], None]) -> None:
    """Serve the app until interrupted (Ctrl-C returns).

    Args:
        app: the app of `agents.rehearsal.app.create_app`.
        port: TCP port, 0 for any free one.
        announce: called once, when connections are accepted, with the base URL (`http://127.0.0.1:PORT/v1`).

    Raises:
        InputError: the port cannot be used.
    """
    with _listen(port) as listener:
        announce(f"http://{HOST}:{listener.getsockname()[1]}/v1")
        config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
        # uvicorn shuts down in order and then raises the interrupt again.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise InputError(f"port {port}: a port lies between 0 (any free one) and 65535")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except OSError as exc:
        listener.close()
        reason = exc.strerror or str(exc)
        raise InputError(
            f"port {port} on {HOST} cannot be used ({reason}); choose another, or 0 for any free one"
        ) from exc
    return listener
