"""Made runs and a server of live pages for the tests of the viewer."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from evokd.viewer.changes import Watcher
from evokd.viewer.record import ProgramFacts, RunPlace
from evokd.viewer.server import Library, create_app
from evokd.viewer.serving import serve_beside
from tests.viewer.client import Client
from tests.viewer.made_runs import make_run


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two cycles that no test may change."""
    return make_run(tmp_path_factory.mktemp("runs") / "made")


def make_library(folder: Path) -> Library:
    """A library of all runs in a folder; their state is whether they have a summary."""

    def place(name: str) -> RunPlace:
        summary = folder / name / "summary.json"
        return RunPlace(folder / name, lambda: "done" if summary.is_file() else "running")

    def names() -> list[str]:
        return sorted(path.parent.name for path in folder.glob("*/config.yaml"))

    return Library(
        str(folder),
        lambda: [{"run_id": name} for name in names()],
        lambda name: place(name) if name in names() else None,
        ProgramFacts(),
    )


@pytest.fixture
def serve_pages() -> Iterator["ServePages"]:
    """Serve the pages of folders of runs."""
    with ExitStack() as stack:
        yield ServePages(stack)


class ServePages:
    """Serves the pages of folders of runs until the test has ended."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def __call__(self, folder: Path) -> Client:
        watcher = Watcher(period=0.05, heartbeat=0.2)
        app = create_app(make_library(folder), watcher)
        return Client(self._stack.enter_context(serve_beside(app, 0)), watcher)


@pytest.fixture(scope="session")
def made_pages(made_run: Path) -> Iterator[Client]:
    """The pages of the run that no test may change."""
    with ExitStack() as stack:
        yield ServePages(stack)(made_run.parent)
