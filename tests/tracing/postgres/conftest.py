"""A run's place in a database of the tests' own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from evokd.tracing.postgres.address import StoreAddress, parse_address, write_pointer
from evokd.tracing.store import POINTER
from tests.postgres_server import PostgresServer

DROP = "DROP SCHEMA IF EXISTS evokd_one CASCADE"


@pytest.fixture
def address(postgres: PostgresServer) -> Iterator[StoreAddress]:
    """The place of a run with nothing in it but the tables beside the ledger."""
    from evokd.tracing.postgres.session import make_schema

    made = parse_address(postgres.url, "one")
    postgres.query(DROP)  # of a test of another folder
    make_schema(made)
    yield made
    postgres.query(DROP)


@pytest.fixture
def pointer(address: StoreAddress, tmp_path: Path) -> Path:
    """The file of a run folder that names the place."""
    path = tmp_path / POINTER
    write_pointer(path, address)
    return path
