"""Contexts of runs for the tests of single nodes."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from evokd.tracing.ledger import Ledger
from tests.conftest import MakeScript
from tests.graph.nodes.toy_context import ToyContext, make_context

MakeToy = Callable[..., ToyContext]


@pytest.fixture
async def make_toy(tmp_path: Path, ledger: Ledger, scripted: MakeScript) -> AsyncIterator[MakeToy]:
    """Make a context: steps of the teacher's script, by kind of message, and settings."""
    made: list[ToyContext] = []

    def make(steps: dict[str, Any] | None = None, **settings: Any) -> ToyContext:
        made.append(make_context(tmp_path, ledger, scripted(steps or {}), **settings))
        return made[-1]

    yield make
    for toy in made:
        await toy.context.teacher.close()
