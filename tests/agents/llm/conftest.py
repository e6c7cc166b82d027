"""Clients of served apps."""

from collections.abc import AsyncIterator, Callable

import pytest

from evokd.agents.llm.client import Teacher
from evokd.tracing.ledger import Ledger
from tests.agents.asks import make_settings
from tests.conftest import ServeApp
from tests.servers.ollama import Ollama
from tests.servers.vllm import VLLM

Connect = Callable[..., Teacher]


@pytest.fixture
async def connect(serve_app: ServeApp, ledger: Ledger) -> AsyncIterator[Connect]:
    """Serve such a server and open a client to it, with the test's ledger; keywords change the settings."""
    opened: list[Teacher] = []

    def make(server: Ollama | VLLM, model: str, **changes: object) -> Teacher:
        settings = make_settings(model=model, base_url=f"{serve_app(server.app)}/v1", **changes)
        opened.append(Teacher(settings, ledger))
        return opened[-1]

    yield make
    for teacher in opened:
        await teacher.close()
