"""The run folder: the paths of a run's files, the lock for writing, and finding a run by its id."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from evokd.graph.setup.config_layers import read_yaml
from evokd.graph.setup.renamed_keys import rename_keys
from evokd.graph.setup.run_lock import (
    HOLDER,
    LOCK,
    HeldError,
    NoLocksError,
    hold,
    hold_in_database,
    is_held,
)
from evokd.messages import EvokdError, InputError
from evokd.messages.escape import clean
from evokd.messages.files import write_atomically
from evokd.messages.suggest import suggest
from evokd.tracing.files import make_folder
from evokd.tracing.store import POINTER, RunHeldError, find_ledger, is_in_database

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Device names on Windows, where no file can have them."""
EXAMPLE = "example"
SHIPPED_EXAMPLE = Path(__file__).parents[2] / "domains" / "support_tickets" / EXAMPLE
"""A finished run with a language model, without its student."""

_BEFORE_CONFIG = {LOCK, HOLDER, POINTER, "config.part", "work"}
"""Files that exist in the folder before the configuration makes it a run."""


class ResumeError(EvokdError):
    """The run cannot be resumed as requested."""

    exit_code: ClassVar[int] = 4


@dataclass(frozen=True)
class RunFolder:
    """Paths of a run."""

    path: Path

    @property
    def run_id(self) -> str:
        """The run's id, which is the folder's name."""
        return self.path.name

    @property
    def config(self) -> Path:
        """Resolved configuration."""
        return self.path / "config.yaml"

    @property
    def ledger(self) -> Path:
        """SQLite ledger, or the file that names the database in which the run is kept."""
        return find_ledger(self.path)

    @property
    def checkpoints(self) -> Path:
        """LangGraph's checkpoints, or the file that names the database in which the run is kept."""
        return self.ledger if self.is_in_database else self.path / "checkpoints.db"

    @property
    def is_in_database(self) -> bool:
        """Whether ledger and checkpoints are in a database, and the other files as well (`graph.setup.run_store`)."""
        return is_in_database(self.ledger)

    @property
    def domain_copy(self) -> Path:
        """The domain, where a run was fetched from a database and its domain is not on this machine."""
        return self.path / "domain"

    @property
    def events(self) -> Path:
        """Event log."""
        return self.path / "events.jsonl"

    @property
    def student(self) -> Path:
        """The champion, once the run has ended."""
        return self.path / "student"

    @property
    def dataset(self) -> Path:
        """Accepted samples with their lineage."""
        return self.path / "dataset" / "train.jsonl"

    @property
    def summary(self) -> Path:
        """Figures of the finished run."""
        return self.path / "summary.json"

    @property
    def profile(self) -> Path:
        """The axes on which the domain's real texts differ."""
        return self.path / "profile.yaml"

    @property
    def guide(self) -> Path:
        """What each label includes and excludes."""
        return self.path / "guide.yaml"

    @property
    def work(self) -> Path:
        """Student versions and logs while the run is in progress."""
        return self.path / "work"

    def version(self, name: str) -> Path:
        """Folder of a student version."""
        return self.work / name

    def drop_versions(self, *keep: str | None) -> None:
        """Delete student versions that are no longer needed."""
        for path in self.work.glob("c[0-9]*"):
            if path.name not in keep:
                shutil.rmtree(path, ignore_errors=True)

    @property
    def is_running(self) -> bool:
        """Whether a process is working on the run: it holds the run's lock."""
        return is_held(self.path)

    @contextlib.contextmanager
    def lock(self, in_database: bool = True) -> Iterator[None]:
        """Lock the run for this process.

        Args:
            in_database: whether a run that is kept in a database is locked there as well.

        Raises:
            ResumeError: another process holds it, or the file system has no locks.
            InputError: the server of its database refuses, or does not have the run.
        """
        try:
            with hold(self.path), hold_in_database(self.ledger) if in_database else contextlib.nullcontext():
                yield
        except NoLocksError as exc:
            raise ResumeError(f"{self.path}: cannot be locked; use a local file system") from exc
        except HeldError as exc:
            raise self._refuse("" if exc.holder is None else str(exc.holder)) from exc
        except RunHeldError as exc:
            raise self._refuse(str(exc)) from exc

    def _refuse(self, holder: str) -> ResumeError:
        known = f" ({holder})" if holder else ""
        return ResumeError(f"{self.path}: another process{known} is using this run; wait for it or stop it")


def create_folder(runs_dir: Path, run_id: str) -> RunFolder:
    """Make the folder of a new run.

    Raises:
        InputError: the id is not a plain name or already exists, or the folder cannot be written.
    """
    if not RUN_ID.fullmatch(run_id):
        raise InputError(
            f"--run-id {run_id!r}: use letters, digits, '-', '_' and '.', beginning with a letter or digit"
        )
    if _DEVICE.fullmatch(run_id) or run_id.endswith("."):
        raise InputError(f"--run-id {run_id!r}: no folder can have this name on Windows; choose another")
    path = runs_dir / run_id
    make_folder(runs_dir, "--runs-dir")
    try:
        path.mkdir()
    except FileExistsError as exc:
        if not path.is_dir():
            raise InputError(f"{path}: is not a folder; choose another --run-id") from exc
        if {item.name for item in path.iterdir()} <= _BEFORE_CONFIG:
            return RunFolder(path)  # a start that was killed before it had written its configuration
        begun = (path / "config.yaml").is_file()
        advice = f"or resume it with: evokd resume {path}" if begun else f"or remove {path}, which contains no run"
        raise InputError(f"run {run_id!r} already exists in {runs_dir}; choose another --run-id, {advice}") from exc
    except (OSError, ValueError) as exc:
        raise InputError(
            f"--runs-dir {runs_dir}: the run folder cannot be written ({getattr(exc, 'strerror', None) or exc});"
            " choose another with --runs-dir"
        ) from exc
    return RunFolder(path)


def find_run(name: str, runs_dir: Path, *others: str) -> RunFolder:
    """Find a run by id or path. An id is looked up only in the runs folder, even if it looks like a path.

    Many programs have a `config.yaml`. Of two such folders, the one with the other files of a run is chosen.

    Args:
        name: id or path.
        runs_dir: the runs folder.
        others: other names that may be meant by a misspelt one.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    places = [Path(name), *([runs_dir / name] if Path(name).name == name != ".." else [])]
    candidates = [path for path in places if _holds_config(path)]
    if candidates:
        return RunFolder(next(filter(_has_begun, candidates), candidates[0]).resolve())
    known = list_run_ids(runs_dir)
    listed = ", ".join(clean(run, 100) for run in known[-8:])
    where = f"runs in {runs_dir}: {listed}" if known else f"there are no runs in {runs_dir}"
    raise InputError(
        f"no run {name[:200]!r}{suggest(name[:200], [*known, *others])}; {_explain_folder(Path(name)) or where}"
    )


def find_run_to_show(name: str, runs_dir: Path) -> RunFolder:
    """Find a run as `find_run` does; `example` is the shipped run, unless the user has a run of that name.

    Raises:
        InputError: there is none.
    """
    is_own = any(_holds_config(path) and _has_begun(path) for path in (Path(name), runs_dir / name))
    if name != EXAMPLE or is_own or not _holds_config(SHIPPED_EXAMPLE):
        return find_run(name, runs_dir, EXAMPLE)
    return RunFolder(SHIPPED_EXAMPLE)


def list_run_ids(runs_dir: Path) -> list[str]:
    """Ids of the runs of a folder, in order; none where it cannot be read."""
    try:
        return sorted(path.parent.name for path in runs_dir.glob("*/config.yaml"))
    except OSError:
        return []


def _explain_folder(path: Path) -> str | None:
    """Say what a folder is that is no run: one that holds some, such as an experiment's, or a domain."""
    try:
        if (path / "domain.yaml").is_file():
            return f"this folder is a domain; make a run of it with: evokd run {clean(str(path))}"
        for folder in (path, path / "runs"):
            if next(folder.glob("*/config.yaml"), None) is not None:
                return f"this folder holds runs; name them one by one or with {clean(str(folder))}/*"
    except (OSError, ValueError):
        pass
    return None


def _holds_config(path: Path) -> bool:
    """Whether a folder may be a run: it has a configuration.

    Raises:
        InputError: this user may not read it.
    """
    try:
        return (path / "config.yaml").is_file()
    except PermissionError as exc:
        raise InputError(f"{path}: this user may not read the folder; give it read permission") from exc
    except (OSError, ValueError):  # a name that no file can have
        return False


def _has_begun(path: Path) -> bool:
    """Whether a folder holds the files that every run has once it has begun."""
    folder = RunFolder(path)
    return any(file.is_file() for file in (folder.ledger, folder.events, folder.summary))


def write_config(folder: RunFolder, record: dict[str, Any]) -> None:
    """Write the resolved configuration atomically."""
    write_atomically(folder.config, yaml.safe_dump(record, sort_keys=False, allow_unicode=True))


def read_config(folder: RunFolder) -> dict[str, Any]:
    """Read the resolved configuration back.

    Raises:
        InputError: the file cannot be read, or is not YAML.
        ResumeError: it is not the configuration of a run.
    """
    record = read_yaml(folder.config)
    kinds = {"domain_folder": str, "preset": str, "settings": dict, "prompts": dict, "data": dict, "versions": dict}
    for key, kind in kinds.items():
        if not isinstance(record.get(key), kind):
            raise ResumeError(
                f"{folder.config}: not the configuration of a run (the key {key!r} is missing or not a"
                f" {kind.__name__}); restore the file or start a new run"
            )
    return {**record, "settings": rename_keys(str(folder.config), record["settings"])}
