"""Experiments in this process: the word student, and a pool without processes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import evokd.experiments.driver
from evokd.experiments.execution import DomainCache, FullDataBaseline, execute_run, train_baseline
from evokd.experiments.results import Outcome
from evokd.experiments.spec import Arm, ExperimentRun, ExperimentSpec, read_domain
from evokd.graph.setup.config_layers import ConfigSource
from evokd.jobs.pool import JobFailure, PoolJob, Tell
from tests.graph.toy import WordStudent, write_domain

CHANGED = Arm("bold", "evokd", ("gate.tolerance=1.0",))
PLAIN = Arm("evokd", "evokd")
SMALL = ConfigSource(
    "small",
    {
        "curriculum": {"quotas": {"drafts": 12}},
        "budget": {"samples": 20},
        "stop": {"cycles": 3},
        "rows": {"shots": 2, "validation": 0},
        "student": {"device": "cpu", "threads": 1},
    },
)


@pytest.fixture
def toy_domain(tmp_path: Path) -> Path:
    """A domain folder of three labels."""
    return write_domain(tmp_path / "toy")


def make_spec(
    folder: Path, *layers: ConfigSource, arms: Sequence[Arm] = (PLAIN, CHANGED), **more: Any
) -> ExperimentSpec:
    fields: dict[str, Any] = {"domains": [str(folder)], "seeds": [1, 2], **more}
    return ExperimentSpec(arms=arms, layers=[SMALL, *layers], **fields)


class InlinePool:
    """Stands in for `experiments.worker_pool.WorkerPool`: does the jobs in this process, with the word student.

    Attributes:
        given: ids of the jobs that pools were given, a list per pool.
        stop_after: jobs after which Ctrl-C is pressed.
    """

    def __init__(self) -> None:
        self.given: list[list[str]] = []
        self.stop_after: int | None = None

    def __call__(self, out: Path, processes: int, tell: Tell) -> "InlinePool":
        self._out, self._tell = out, tell
        return self

    def work(self, jobs: Sequence[PoolJob]) -> list[JobFailure]:
        self.given.append([job.id for job in jobs])
        for number, job in enumerate(jobs):
            if number == self.stop_after:
                raise KeyboardInterrupt
            self._tell({"event": "started", "job": job})
            body = dict(job.body)
            run = ExperimentRun(**(body if job.kind == "run" else body["run"]))
            cache = DomainCache(read_domain(run.folder))
            student = WordStudent(self._out / "log")
            if job.kind == "run":
                execute_run(run, cache, self._out, student)
            else:
                train_baseline(FullDataBaseline(**{**body, "run": run}), cache.domain, self._out, student)
            self._tell({"event": "done", "job": job})
        return []


@pytest.fixture
def inline_pool(monkeypatch: pytest.MonkeyPatch) -> InlinePool:
    """Experiments do their jobs in this process."""
    pool = InlinePool()
    monkeypatch.setattr(evokd.experiments.driver, "WorkerPool", pool)
    return pool


def make_outcome(
    scores: Sequence[float],
    *,
    arm: str = "a",
    domain: str = "d",
    seed: int = 1,
    step: int = 10,
    tokens: int = 100,
    full: float | None = 0.8,
    typicality: float = 0.0,
) -> Outcome:
    """An outcome whose score moves as given, `step` samples and `tokens` tokens a cycle; budget 40."""
    run = ExperimentRun(
        id=f"{domain}-{arm}-{seed}",
        domain=domain,
        folder=f"/{domain}",
        arm=arm,
        preset="evokd",
        seed=seed,
        typicality=typicality,
        noise=0.0,
        settings={"budget": {"samples": 40}},
        metric="f1",
        start="x",
    )
    points = [
        {
            "cycle": number,
            "version": f"c{number:03d}",
            "samples": number * step,
            "tokens": number * tokens,
            "calls": number,
            "test": {"f1": score},
            "labels": {"one": score, "two": score / 2},
        }
        for number, score in enumerate(scores)
    ]
    baseline = None if full is None else {"test": {"f1": full}}
    return Outcome(run, points, baseline, {"seconds": 1.0}, "budget.samples")
