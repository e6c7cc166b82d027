"""Delete runs: their folders with all that is in them, or what a database has of them."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from evokd.api.record import Run, find_local_run
from evokd.graph.setup.run_folder import ResumeError, read_config
from evokd.graph.setup.run_lock import HOLDER, LOCK
from evokd.graph.setup.run_store import read_store
from evokd.graph.setup.stored_runs import StoredRun as StoredRun
from evokd.graph.setup.stored_runs import delete_stored_run as delete_stored_run
from evokd.graph.setup.stored_runs import find_stored_run, read_together
from evokd.messages import EvokdError, InputError
from evokd.tracing.store import POINTER

_OF_A_RUN = (
    *("config.yaml", "config.part", "ledger.db*", "checkpoints.db*", "events.jsonl", "summary.json", "profile.yaml"),
    *("guide.yaml", "student", "student.log", "dataset", "work", "report.html", "curve.json", "*.part"),
    *(".student.partial", LOCK, HOLDER, POINTER, "domain"),
)
"""What a run's folder may hold. A folder with other files is not deleted: they are somebody's."""


def find_runs_to_delete(names: Sequence[str], runs_dir: Path) -> list[Run]:
    """Find runs that may be deleted; nothing is deleted yet.

    Raises:
        InputError: a run is not there, runs at the moment, is the shipped example, or holds files that are no run's.
    """
    runs = {run.path: run for run in (find_local_run(name, runs_dir) for name in names)}
    for run in runs.values():
        _check(run)
    return list(runs.values())


def find_stored_runs_to_delete(names: Sequence[str], store: str) -> list[StoredRun]:
    """Find runs of a database that may be deleted; nothing is deleted yet.

    Args:
        names: ids of runs.
        store: `postgresql://...`, or `env` for what the environment variable EVOKD_STORE holds.

    Raises:
        InputError: a run is not there, runs at the moment, or is another user's; or the server refuses.
    """
    place = read_store(store)
    with read_together(place):
        runs = [find_stored_run(place, name) for name in dict.fromkeys(names)]
    for run in runs:
        if run.holder is not None:
            raise InputError(f"{run.run_id}: {run.holder} is working on this run; stop it first")
    return runs


def _check(run: Run) -> None:
    if run.is_shipped:
        raise InputError(f"{run.path}: the example that comes with the program is not deleted")
    if run.folder.is_running:
        raise InputError(f"{run.path}: a process is working on this run; stop it first")
    try:
        read_config(run.folder)
        names = sorted(item.name for item in run.path.iterdir())
    except ResumeError as exc:
        raise InputError(f"{run.path}: not the folder of a run, so it is not deleted") from exc
    except OSError as exc:
        raise InputError(f"{run.path}: cannot be read ({exc.strerror})") from exc
    strange = [name for name in names if not any(Path(name).match(pattern) for pattern in _OF_A_RUN)]
    if strange:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise InputError(f"{run.path}: holds {strange[0]!r}{more}, which no run writes; move that away first")


def delete_run(run: Run) -> None:
    """Delete a run's folder. One that was deleted in part can be deleted again: its configuration goes last.

    What a database has of the run stays there: it may be of use to another machine.

    Raises:
        InputError: a process has begun to work on it.
        EvokdError: the folder cannot be deleted.
    """
    last = (run.folder.config.name, POINTER, LOCK, HOLDER)
    try:
        with run.folder.lock(in_database=False):
            for item in run.path.iterdir():
                if item.name not in last:
                    _remove(item)
            run.folder.config.unlink(missing_ok=True)
        shutil.rmtree(run.path)  # with the lock, which Windows does not delete while it is held
    except ResumeError as exc:
        raise InputError(str(exc)) from exc
    except OSError as exc:
        raise EvokdError(f"{exc.filename or run.path}: cannot be deleted ({exc.strerror})") from exc


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
