"""A server whose answers never end: whoever asks it for models has an answer all the same."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from evokd.agents.llm import bounded_body, ping
from evokd.agents.llm.ping import probe
from evokd.agents.llm.teacher_settings import RoleSettings

LISTED = b'{"data": [{"id": "m-1", "owned_by": "library"}]}'
Write = Callable[[BaseHTTPRequestHandler], None]


def drip(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(100):
        handler.wfile.write(b" ")
        time.sleep(0.05)


def pour(handler: BaseHTTPRequestHandler) -> None:
    for _ in range(100):
        handler.wfile.write(b" " * 10_000)


def list_models(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(LISTED)


@contextmanager
def serve(models: Write, more: Write) -> Iterator[RoleSettings]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            try:
                (models if self.path.endswith("/v1/models") else more)(self)
            except OSError:
                return

        do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield RoleSettings(model="m-1", base_url=f"http://127.0.0.1:{server.server_port}/v1")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ping, "TIMEOUT", 0.4)
    monkeypatch.setattr(bounded_body, "MOST_BYTES", 100_000)


@pytest.mark.parametrize(("models", "error"), [(drip, "ReadTimeout"), (pour, "ReadError")])
def test_a_list_of_models_that_never_ends_is_no_answer(models: Write, error: str) -> None:
    begin = time.monotonic()
    with serve(models, list_models) as role:
        state = probe(role, "key")
        assert time.monotonic() - begin < 3
    assert (state.fault, state.said) == ("server_error", f"no answer ({error})")


@pytest.mark.parametrize("more", [drip, pour])
def test_ollamas_own_answers_that_never_end_leave_its_default(more: Write) -> None:
    with serve(list_models, more) as role:
        state = probe(role, "key")
    assert (state.said, state.fault) == ("answers, and has the model", None)
    assert state.context_is_default
