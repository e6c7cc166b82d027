"""The live pages on a port of this machine: in the foreground, or in a thread beside other work."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

from evokd.messages import InputError

HOST = "127.0.0.1"
"""Nobody else's machine may reach it: there is no key, and records hold what users wrote."""
PORT = 8765
"""Port where none is asked for; if it is taken, one of the next ones."""
_NEXT = 20
"""How many ports after it are tried."""


class _Server(uvicorn.Server):
    """Ends the streams that pages listen to before it waits for the connections to close."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(
                app, lifespan="off", log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=5
            )
        )
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Shut down in order."""
        self._app.state.watcher.close()
        await super().shutdown(sockets)


def serve(app: Starlette, port: int | None, announce: Callable[[str], None]) -> None:
    """Serve the app until interrupted (Ctrl-C returns).

    Args:
        app: the app of `viewer.server.create_app`.
        port: TCP port, 0 for any free one; None: `PORT`, or one of the next if it is taken.
        announce: called once, when connections are accepted, with the address (`http://127.0.0.1:PORT`).

    Raises:
        InputError: the port cannot be used.
    """
    with listen(port) as listener:
        announce(_address(listener))
        # uvicorn shuts down in order and then raises the interrupt again.
        with contextlib.suppress(KeyboardInterrupt):
            _Server(app).run(sockets=[listener])


@contextlib.contextmanager
def serve_beside(app: Starlette, port: int | None) -> Iterator[str]:
    """Serve the app in a thread for the time of a `with` block, which is given the address.

    Raises:
        InputError: the port cannot be used.
    """
    with listen(port) as listener:
        server = _Server(app)
        thread = threading.Thread(target=_run, args=(server, listener), name="evokd-pages", daemon=True)
        thread.start()
        try:
            yield _address(listener)
        finally:
            server.should_exit = True
            thread.join(timeout=10)


def _run(server: _Server, listener: socket.socket) -> None:
    # a thread has no signals to wait for: the main one gets them
    asyncio.run(server.serve(sockets=[listener]))


def _address(listener: socket.socket) -> str:
    return f"http://{HOST}:{listener.getsockname()[1]}"


def listen(port: int | None) -> socket.socket:
    """Open a socket that listens on the loopback interface; `port` as in `serve`.

    Raises:
        InputError: the port cannot be used.
    """
    if port is None:
        for number in range(PORT, PORT + _NEXT):
            with contextlib.suppress(InputError):
                return listen(number)
        port = 0
    if not 0 <= port <= 65535:
        raise InputError(f"port {port}: a port lies between 0 (any free one) and 65535")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two programs listen on one port
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
