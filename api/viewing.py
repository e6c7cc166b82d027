"""Look at runs: live pages on this machine, and reports in one file."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from evokd.api.program_facts import program_facts
from evokd.api.record import Run, open_run
from evokd.api.run_list import list_runs
from evokd.api.run_state import read_status
from evokd.graph.setup.run_folder import RunFolder
from evokd.messages import InputError
from evokd.messages.files import write_atomically
from evokd.viewer.pages import make_frame
from evokd.viewer.record import RunPlace
from evokd.viewer.report import make_report
from evokd.viewer.server import Library, create_app
from evokd.viewer.serving import serve, serve_beside

REPORT = "report.html"
"""Name of the file in the folder of its run."""
COMPARISON = "comparison.html"
"""Name of the file about several runs."""


@dataclass(frozen=True)
class Report:
    """A report that was written; a notebook shows it."""

    path: Path
    page: str
    """The whole page, as HTML."""

    def __repr__(self) -> str:
        return f"Report({str(self.path)!r})"

    def _repr_html_(self) -> str:
        return make_frame(self.page)


def report(*runs: str | Path | Run, out: str | Path | None = None, runs_dir: str | Path = "runs") -> Report:
    """Write a page with everything about a run, or about several side by side, into one file.

    Args:
        runs: each a run, its folder, or its id in `runs_dir`; `example` is the shipped example.
        out: the file; None: `report.html` in the folder of the run, or in the working directory for the shipped one;
            `comparison.html` in the working directory for several runs.
        runs_dir: folder that holds the runs.

    Raises:
        InputError: there is no such run, or the file cannot be written.
        EvokdError: a record is missing or damaged.
    """
    if not runs:
        raise InputError("no run to report on; name one")
    opened = list({run.path: run for run in (open_run(run, runs_dir) for run in runs)}.values())
    path = _choose_path(opened, out)
    page = make_page(opened)
    try:
        write_atomically(path, page)
    except OSError as exc:
        raise InputError(f"{path}: cannot be written ({exc.strerror}); name another file with --out") from exc
    return Report(path, page)


def make_page(runs: Sequence[Run]) -> str:
    """Make the page of a report without writing it."""
    return make_report([_to_place(run.folder) for run in runs], program_facts())


def _choose_path(runs: Sequence[Run], out: str | Path | None) -> Path:
    if out is None:
        if len(runs) > 1:
            return Path(COMPARISON)
        return Path(REPORT) if runs[0].is_shipped else runs[0].path / REPORT
    path = Path(out)
    if path.is_dir():
        raise InputError(f"--out {path}: is a folder; name a file, such as {path / REPORT}")
    if path.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"--out {path}: a report is a web page; name a file that ends with .html")
    return path


def view(
    run: str | Path | Run | None = None,
    *,
    port: int | None = None,
    runs_dir: str | Path = "runs",
    announce: Callable[[str], None] = print,
) -> None:
    """Serve live pages about runs on this machine alone, until interrupted (Ctrl-C).

    Args:
        run: the run that is shown first, its folder, or its id in `runs_dir`; a folder of runs; `example`, the shipped
            run; None: all runs in `runs_dir`.
        port: TCP port, 0 for any free one; None: 8765, or one of the next if it is taken.
        runs_dir: folder that holds the runs.
        announce: called with the address of the first page once requests are answered.

    Raises:
        InputError: there is no such run, or the port cannot be used.
    """
    folder, name = _find_place(run, Path(runs_dir))
    serve(create_app(_gather_library(folder)), port, lambda base: announce(base + address_of(name)))


@contextmanager
def serve_pages(runs_dir: str | Path, port: int | None = None) -> Iterator[str]:
    """Serve live pages about the runs of a folder beside other work; gives their address, such as for `--view`.

    Raises:
        InputError: no port can be used.
    """
    with serve_beside(create_app(_gather_library(Path(runs_dir))), port) as base:
        yield base


def address_of(name: str | None) -> str:
    """The path of a run's page; that of the list for None."""
    return "/" if name is None else f"/run/{quote(name, safe='')}"


def _find_place(run: str | Path | Run | None, runs_dir: Path) -> tuple[Path, str | None]:
    """Find the folder of runs and the name of the run to show first."""
    if run is None:
        return runs_dir, None
    if isinstance(run, str | Path) and _holds_runs(Path(run)) and not (Path(run) / "config.yaml").is_file():
        return Path(run), None
    opened = open_run(run, runs_dir)
    return opened.path.parent, opened.id


def _holds_runs(folder: Path) -> bool:
    try:
        return next(folder.glob("*/config.yaml"), None) is not None
    except (OSError, ValueError):  # a name that no folder can have
        return False


def _gather_library(folder: Path) -> Library:
    folder = folder.absolute()

    def find(name: str) -> RunPlace | None:
        try:
            with os.scandir(folder) as entries:
                # compared with what is there: a name cannot lead out of the folder
                known = any(entry.name == name for entry in entries)
        except OSError:
            return None
        place = folder / name
        return _to_place(RunFolder(place)) if known and (place / "config.yaml").is_file() else None

    return Library(str(folder), lambda: list_runs(folder), find, program_facts())


def _to_place(folder: RunFolder) -> RunPlace:
    return RunPlace(folder.path, lambda: read_status(folder))
