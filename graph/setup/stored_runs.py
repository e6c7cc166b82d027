"""The runs that a database holds: found, looked at and deleted from any machine. Needs the extra `postgres`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from evokd.graph.setup.run_folder import RUN_ID, RunFolder
from evokd.graph.setup.run_store import explain_unknown
from evokd.messages import InputError
from evokd.tracing.postgres.address import StoreAddress, name_run, parse_address, write_pointer
from evokd.tracing.store import POINTER, RunHeldError


@dataclass(frozen=True)
class StoredRun:
    """A run in a database."""

    run_id: str
    address: StoreAddress
    holder: str | None
    """The process that works on it, and its machine."""


@contextmanager
def read_together(store: str) -> Iterator[None]:
    """Read from a database over one connection in this block, however many runs it is about.

    Raises:
        InputError: the address cannot be used, or the server refuses.
    """
    address = parse_address(store, "")
    from evokd.tracing.postgres.shared import share_connection

    with share_connection(address):
        yield


def find_stored_runs(store: str) -> tuple[list[StoredRun], int]:
    """Find the runs of a database that this user may work on; also how many others there are.

    Raises:
        InputError: the address cannot be used, or the server refuses.
    """
    any_run = parse_address(store, "")
    from evokd.tracing.postgres.session import list_schemas

    schemas = list_schemas(any_run)
    readable = [schema for schema, may_read in schemas.items() if may_read]
    return [_look_at(replace(any_run, schema=schema)) for schema in readable], len(schemas) - len(readable)


def find_stored_run(store: str, run_id: str) -> StoredRun:
    """Find a run of a database.

    Raises:
        InputError: it is not there or another user's, the address cannot be used, or the server refuses.
    """
    address = parse_address(store, run_id)
    from evokd.tracing.postgres.session import has_run_tables

    if not has_run_tables(address):
        raise explain_unknown(address, run_id)
    return replace(_look_at(address), run_id=run_id)


def _look_at(address: StoreAddress) -> StoredRun:
    from evokd.tracing.postgres.session import find_holder

    return StoredRun(name_run(address.schema), address, find_holder(address))


@contextmanager
def copy_record(run: StoredRun) -> Iterator[RunFolder]:
    """Make a folder, for the time of the block, with what says how far a run is; its ledger stays in the database.

    Raises:
        InputError: the server refuses.
    """
    from evokd.tracing.postgres.files import FolderMirror
    from evokd.tracing.postgres.store import PostgresStore

    with TemporaryDirectory(prefix="evokd-") as place:
        path = Path(place) / "run"
        path.mkdir()
        write_pointer(path / POINTER, run.address)
        store = PostgresStore(run.address, read_only=True)
        try:
            FolderMirror(path, store).pull_record()
        finally:
            store.close()
        yield RunFolder(path.rename(path.with_name(_read_name(RunFolder(path)) or run.run_id)))


def _read_name(folder: RunFolder) -> str | None:
    """The run's id by its first event: the name of a schema may be cut."""
    try:
        with folder.events.open(encoding="utf-8") as file:
            name = json.loads(file.readline(1_000_000))["run_id"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) and RUN_ID.fullmatch(name) else None


def delete_stored_run(run: StoredRun) -> None:
    """Delete a run from its database, for good; folders of it stay where they are.

    Raises:
        InputError: a process works on it, or the server refuses.
    """
    from evokd.tracing.postgres.session import drop_schema, hold_run

    try:
        with hold_run(run.address):
            drop_schema(run.address)
    except RunHeldError as exc:
        raise InputError(f"{run.run_id}: another process ({exc}) is working on this run; stop it first") from exc
