"""A run's place in a database of the tests' own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evokd.tracing.postgres.address import StoreAddress, parse_address, write_pointer
from evokd.tracing.store import POINTER
from tests.postgres_server import PostgresServer


@pytest.fixture
def address(postgres: PostgresServer) -> Iterator[StoreAddress]:
    """The place of a run with nothing in it but the tables beside the ledger."""
    from evokd.tracing.postgres.session import drop_schema, make_schema

    made = parse_address(postgres.url, "one")
    drop_schema(made)  # of a test of another folder
    make_schema(made)
    yield made
    drop_schema(made)


@pytest.fixture
def pointer(address: StoreAddress, tmp_path: Path) -> Path:
    """The file of a run folder that names the place."""
    path = tmp_path / POINTER
    write_pointer(path, address)
    return path
