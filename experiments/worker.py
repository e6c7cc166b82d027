"""A process that does the jobs of a backtest; torch is loaded once for all of them. See `student.process.serving`.

It ends when its standard input closes, also in the middle of a job, which can be gone on with.
"""

import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evokd.student.process.serving import Emit, Handler, load_torch, serve

if TYPE_CHECKING:
    from evokd.experiments.execution import DomainCache
    from evokd.experiments.spec import ExperimentRun
    from evokd.student.process.local import LocalStudent

EMITTED = ("run_started", "run_resumed", "trained")
"""Events that the parent hears of."""


def main(out: Path) -> None:
    """Do jobs until standard input closes.

    Args:
        out: the backtest's folder.
    """
    serve(lambda emit: _load_handlers(out, emit))


def _load_handlers(out: Path, emit: Emit) -> dict[str, Handler]:
    load_torch()
    from evokd.experiments.execution import FullDataBaseline, run_cell, train_ceiling
    from evokd.experiments.spec import ExperimentRun

    def pass_on(event: Mapping[str, Any]) -> None:
        if event["event"] in EMITTED:
            emit({key: event.get(key) for key in ("event", "cycle", "cycles")})

    def cell(body: dict[str, Any]) -> Any:
        run = ExperimentRun(**body)
        return run_cell(run, _open_stock(run.folder), out, _make_student(run), (pass_on,))

    def ceiling(body: dict[str, Any]) -> Any:
        run = ExperimentRun(**body["cell"])
        baseline = FullDataBaseline(**{**body, "cell": run})
        return train_ceiling(baseline, _open_stock(run.folder).domain, out, _make_student(run))

    return {"cell": cell, "ceiling": ceiling}


def _make_student(run: "ExperimentRun") -> "LocalStudent":
    from evokd.student.process.local import LocalStudent

    return LocalStudent(device=run.settings["student"]["device"], threads=run.settings["student"]["threads"])


@functools.lru_cache(maxsize=2)
def _open_stock(folder: str) -> "DomainCache":
    from evokd.experiments.execution import DomainCache
    from evokd.experiments.spec import read_domain

    return DomainCache(read_domain(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
