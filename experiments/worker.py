"""A process that does the jobs of an experiment; torch is loaded once for all of them. See `student.process.serving`.

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
        out: the experiment's folder.
    """
    serve(lambda emit: _load_handlers(out, emit))


def _load_handlers(out: Path, emit: Emit) -> dict[str, Handler]:
    load_torch()
    from evokd.experiments.execution import FullDataBaseline, execute_run, train_baseline
    from evokd.experiments.shared_limits import split_address
    from evokd.experiments.spec import ExperimentRun

    def pass_on(event: Mapping[str, Any]) -> None:
        if event["event"] in ("limiter_lost", "limiter_found"):
            emit({"warning": event["message"]})
        elif event["event"] in EMITTED:
            emit({key: event.get(key) for key in ("event", "cycle", "cycles")})

    def execute(body: dict[str, Any]) -> Any:
        fields, limiters = split_address(body)
        run = ExperimentRun(**fields)
        return execute_run(run, _open_cache(run.folder), out, _make_student(run), (pass_on,), limiters)

    def train(body: dict[str, Any]) -> Any:
        run = ExperimentRun(**body["run"])
        baseline = FullDataBaseline(**{**body, "run": run})
        return train_baseline(baseline, _open_cache(run.folder).domain, out, _make_student(run))

    return {"run": execute, "baseline": train}


def _make_student(run: "ExperimentRun") -> "LocalStudent":
    from evokd.student.process.local import LocalStudent

    return LocalStudent(device=run.settings["student"]["device"], threads=run.settings["student"]["threads"])


@functools.lru_cache(maxsize=2)
def _open_cache(folder: str) -> "DomainCache":
    from evokd.experiments.execution import DomainCache
    from evokd.experiments.spec import read_domain

    return DomainCache(read_domain(folder))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
