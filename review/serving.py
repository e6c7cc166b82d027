"""The page of a review on a port of this machine."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

from evokd.messages.loopback import HOST, listen


def _make_server(app: Starlette) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=5)
    )


def serve(app: Starlette, port: int | None, announce: Callable[[str], None]) -> None:
    """Serve the app until interrupted (Ctrl-C returns).

    Args:
        app: the app of `review.app.create_app`.
        port: TCP port; 0 or None: any free one.
        announce: called once, when connections are accepted, with the address (`http://127.0.0.1:PORT`).

    Raises:
        InputError: the port cannot be used.
    """
    with listen(port or 0) as listener:
        announce(f"http://{HOST}:{listener.getsockname()[1]}")
        # uvicorn shuts down in order and then raises the interrupt again.
        with contextlib.suppress(KeyboardInterrupt):
            _make_server(app).run(sockets=[listener])


@contextlib.contextmanager
def serve_beside(app: Starlette) -> Iterator[str]:
    """Serve the app in a thread for the time of a `with` block, which is given the address."""
    with listen(0) as listener:
        server = _make_server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="evokd-review", daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)
