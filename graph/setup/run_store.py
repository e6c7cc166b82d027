"""A run in a database: put there at its start, its files stored as it goes on, fetched on another machine.

Needs the extra `postgres`. For a run that is kept in its folder alone, nothing here does anything.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from evokd.graph.setup.contained_paths import find_name
from evokd.graph.setup.run_folder import ResumeError, RunFolder, create_folder, read_config
from evokd.graph.setup.run_lock import hold_in_database
from evokd.messages import InputError
from evokd.messages.suggest import suggest
from evokd.tracing.postgres.address import VARIABLE, StoreAddress, name_run, parse_address, read_pointer, write_pointer
from evokd.tracing.store import POINTER, RunHeldError

if TYPE_CHECKING:
    from evokd.graph.setup.domain import Domain
    from evokd.tracing.postgres.files import FolderMirror


def choose_store(option: str | None) -> str | None:
    """The database of a new run: what the user says, or else the environment; None: the run's folder alone."""
    return option or os.environ.get(VARIABLE) or None


def read_store(option: str) -> str:
    """The database that an option names: an address, or `env` for the one in the environment.

    Raises:
        InputError: the environment holds none.
    """
    if option != "env":
        return option
    if not os.environ.get(VARIABLE):
        raise InputError(f"--store env: {VARIABLE} is not set; export {VARIABLE}=postgresql://user@host/database")
    return os.environ[VARIABLE]


def find_place(store: str, run_id: str) -> StoreAddress:
    """Find the place of a new run in a database.

    Raises:
        InputError: the server refuses, or has a run of this name.
    """
    address = parse_address(store, run_id)
    from evokd.tracing.postgres.session import find_config

    if find_config(address) is not None:
        raise InputError(
            f"run {run_id!r} already exists in {address}; choose another --run-id, or go on with it:"
            f" evokd resume {run_id} --store {address}"
        )
    return address


@contextmanager
def held_in(place: StoreAddress | None, folder: RunFolder) -> Iterator[None]:
    """Put a new run into its database and hold it there; `place`: None for a run that is kept in its folder alone.

    Raises:
        InputError: this user may not make a schema.
        ResumeError: another machine is starting a run of the same name.
    """
    pointer = folder.path / POINTER
    pointer.unlink(missing_ok=True)  # of a start that was killed
    if place is None:
        yield
        return
    from evokd.tracing.postgres.session import make_schema

    make_schema(place)
    write_pointer(pointer, place)
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_in_database(pointer))
        except RunHeldError as exc:
            raise ResumeError(f"{place}: another process ({exc}) is starting a run {folder.run_id!r} there") from exc
        yield


def fetch_run(store: str, run_id: str, runs_dir: Path) -> RunFolder:
    """Make the folder of a run on this machine, or note a new address of its database; its files come on resume.

    Raises:
        InputError: the server refuses, does not have the run, or the folder holds another one.
    """
    address = parse_address(store, run_id)
    from evokd.tracing.postgres.session import find_config

    config = find_config(address)
    if config is None:
        raise explain_unknown(address, run_id)
    path = runs_dir / run_id
    folder = RunFolder(path.resolve())
    if not folder.config.is_file():
        folder = RunFolder(create_folder(runs_dir, run_id).path.resolve())
    elif not folder.is_in_database:
        raise InputError(f"{path}: this run is kept in its folder, not in a database; resume it without --store")
    elif read_pointer(folder.ledger) != address and hashlib.sha256(folder.config.read_bytes()).hexdigest() != config:
        told = f"holds a run of this name from {read_pointer(folder.ledger)}"
        raise InputError(f"{path}: {told}; choose another folder with --runs-dir")
    write_pointer(folder.path / POINTER, address)
    return folder


def explain_unknown(address: StoreAddress, run_id: str) -> InputError:
    """Say that a database holds no such run, and which ones it holds, or that nothing is stored of this one yet."""
    from evokd.tracing.postgres.session import list_schemas

    schemas = list_schemas(address)
    if address.schema in schemas:
        again = f"start it again under this name, or delete it: evokd runs --delete {run_id} --store {address}"
        return InputError(f"{address}: the run {run_id!r} there was stopped before it began; {again}")
    known = [name_run(schema) for schema in schemas]
    told = f"runs there: {', '.join(known[-8:])}" if known else "it holds no runs"
    return InputError(f"no run {run_id[:200]!r} in {address}{suggest(run_id[:200], known)}; {told}")


# --------------------------------------------------------------------------------------- files, while the run is held


def save_files(folder: RunFolder) -> None:
    """Store in the database what is new in the folder; this process holds the run."""
    mirror = _find_mirror(folder)
    if mirror is not None:
        mirror.push()


def save_domain(folder: RunFolder, domain: "Domain") -> None:
    """Store a copy of the files that the run reads of its domain."""
    mirror = _find_mirror(folder)
    if mirror is not None:
        mirror.push_domain(domain.folder, list_domain_files(domain))


def refresh_files(folder: RunFolder) -> None:
    """Bring the folder to what the database has: the run may have gone on elsewhere. This process holds the run."""
    mirror = _find_mirror(folder)
    if mirror is not None:
        from evokd.graph.setup.moved_paths import is_domain

        mirror.pull(lambda: not is_domain(Path(str(read_config(folder)["domain_folder"]))))


def _find_mirror(folder: RunFolder) -> "FolderMirror | None":
    if not folder.is_in_database:
        return None
    address = read_pointer(folder.ledger)
    from evokd.tracing.postgres.files import find_mirror

    return find_mirror(folder.path, address)


def hurry_when(folder: RunFolder, is_asked: Callable[[], bool]) -> None:
    """Do not wait for the database for long once somebody has asked this process to stop."""
    if folder.is_in_database:
        address = read_pointer(folder.ledger)
        from evokd.tracing.postgres.session import find_session

        session = find_session(address)
        if session is not None:
            session.in_hurry = is_asked


def list_domain_files(domain: "Domain") -> Iterator[Path]:
    """The files that a run reads of its domain: what it is compared by on resume, and its prompts."""
    home = domain.folder
    for name in domain.fingerprint:
        path = home / find_name(home, name)
        if path.is_file():
            yield path
    if domain.prompts is not None:
        yield from (path for path in sorted(domain.prompts.rglob("*")) if path.is_file())


def name_place(folder: RunFolder) -> str | None:
    """Name the database and the schema in which a run is kept; None where it is kept in its folder alone."""
    if not folder.is_in_database:
        return None
    return read_pointer(folder.ledger).full_name
