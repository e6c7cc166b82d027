"""A real server for all tests of this folder; without one they are skipped."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from evokd.agents.llm.client import Teacher
from evokd.tracing.ledger import Ledger
from tests.agents.asks import make_settings
from tests.real_server.server import MODEL, PYTHON, RealServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.real_server)
            item.add_marker(pytest.mark.skipif(not PYTHON, reason="needs a real server: make real-server"))


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """The server that all tests share."""
    started = RealServer(tmp_path_factory.mktemp("server") / "log").start()
    yield started
    started.kill()


Open = Callable[..., Teacher]


@pytest.fixture
async def door(server: RealServer, ledger: Ledger) -> AsyncIterator[Open]:
    """Open clients of the server, all with the test's ledger; keywords change the settings."""
    opened: list[Teacher] = []

    def make(**changes: object) -> Teacher:
        sent = {"model": MODEL, "base_url": server.url, "max_reprompts": 0, "max_tokens": 300, **changes}
        opened.append(Teacher(make_settings(**sent), ledger))
        return opened[-1]

    yield make
    for teacher in opened:
        await teacher.close()
