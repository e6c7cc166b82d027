"""A door to a scripted teacher."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from evokd.agents.llm.client import Teacher
from evokd.tracing.ledger import Ledger
from tests.agents.asks import make_settings
from tests.agents.lines import Answer, Serve, Server
from tests.conftest import MakeScript
from tests.scripted import ScriptedTeacher

Open = Callable[..., tuple[Teacher, ScriptedTeacher]]


@pytest.fixture
async def door(ledger: Ledger, scripted: MakeScript) -> AsyncIterator[Open]:
    """Open doors to scripted teachers, all with the test's ledger; keywords change the settings."""
    made: list[Teacher] = []

    def make(steps: Any, **changes: Any) -> tuple[Teacher, ScriptedTeacher]:
        script = scripted(steps)
        made.append(Teacher(make_settings(**changes), ledger, transport=script))
        return made[-1], script

    yield make
    for teacher in made:
        await teacher.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Start servers that answer as told; they stop when the test ends."""
    async with AsyncExitStack() as stack:

        async def start(answer: Answer) -> Server:
            server = Server(answer)
            await server.start()
            stack.push_async_callback(server.stop)
            return server

        yield start
