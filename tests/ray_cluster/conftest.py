"""A cluster of three nodes for all tests of this folder; `make ray` runs them, elsewhere they are skipped."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ray_cluster.machines import Machines, machines
from tests.ray_cluster.students import build_tiny


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skipif("EVOKD_RAY" not in os.environ, reason="needs evokd[ray]: make ray"))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Machines]:
    """Three nodes, and the head."""
    with machines(3) as started:
        yield started


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained student."""
    return build_tiny(tmp_path_factory.mktemp("tiny") / "student")
