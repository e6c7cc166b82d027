"""The live pages on a port of this machine: in the foreground, or in a thread beside other work."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

from evokd.messages import InputError
from evokd.messages.loopback import HOST, listen

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
    with open_port(port) as listener:
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
    with open_port(port) as listener:
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


def open_port(port: int | None) -> socket.socket:
    """Listen on a port; None: `PORT`, or one of the next if it is taken, else any."""
    if port is not None:
        return listen(port)
    for number in range(PORT, PORT + _NEXT):
        with contextlib.suppress(InputError):
            return listen(number)
    return listen(0)
