"""Fixtures of all rooms: no keys, no network, scripted and served teachers, a ledger."""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

# before any library of the hub is imported: it reads the variable once
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pytest

from evokd.tracing.ledger import Ledger
from tests.fuzzing import LONG, Tally
from tests.postgres_server import PostgresServer, find_binaries
from tests.scripted import ScriptedTeacher

_FOREIGN = ("OPENAI_", "AZURE_OPENAI_", "ANTHROPIC_", "LANGSMITH_", "LANGCHAIN_", "EVOKD_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, proxy or tracing setting of the person who runs the tests gets in; the hub stays offline."""
    for name in list(os.environ):
        upper = name.upper()
        if upper.startswith(_FOREIGN) or upper.endswith("_API_KEY") or upper in _PROXIES:
            monkeypatch.delenv(name)
    monkeypatch.delenv("COLUMNS", raising=False)  # as pytest-xdist sets it
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("LANGSMITH_TRACING", "false")


MakeScript = Callable[[Sequence[Any] | Mapping[str, Sequence[Any]]], ScriptedTeacher]


@pytest.fixture
def scripted() -> Iterator[MakeScript]:
    """Make scripted teachers; each must have been played to its end when the test ends."""
    made: list[ScriptedTeacher] = []

    def make(steps: Sequence[Any] | Mapping[str, Sequence[Any]]) -> ScriptedTeacher:
        made.append(ScriptedTeacher(steps))
        return made[-1]

    yield make
    for script in made:
        script.check()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A Postgres server; tests that need one are skipped where none is installed (see `make postgres`)."""
    pytest.importorskip("psycopg_pool", reason="needs evokd[postgres]")
    if find_binaries() is None:
        pytest.skip("no Postgres server is installed: make postgres")
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    opened = Ledger(tmp_path / "ledger.db")
    yield opened
    opened.close()


ServeApp = Callable[[Any], str]


@pytest.fixture
def serve_app() -> Iterator[ServeApp]:
    """Serve ASGI apps over real HTTP on free ports of this machine; returns `http://127.0.0.1:PORT`."""
    import uvicorn

    with ExitStack() as stack:

        def serve(app: Any) -> str:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws="none")
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()

            def stop() -> None:
                server.should_exit = True
                thread.join(timeout=20)
                assert not thread.is_alive(), "the served app does not stop"

            stack.callback(stop)
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield serve


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Tell what `make fuzz` found."""
    for tally in Tally.made if LONG else []:
        terminalreporter.line(str(tally))
