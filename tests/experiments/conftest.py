"""Backtests in this process: the word student, and a pool without processes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import evokd.experiments.driver
from evokd.experiments.execution import DomainCache, FullDataBaseline, run_cell, train_ceiling
from evokd.experiments.results import Outcome
from evokd.experiments.spec import Arm, ExperimentRun, ExperimentSpec, read_domain
from evokd.experiments.worker_pool import JobFailure, PoolJob, Tell
from evokd.graph.setup.config_layers import ConfigSource
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


def make_order(
    folder: Path, *layers: ConfigSource, columns: Sequence[Arm] = (PLAIN, CHANGED), **more: Any
) -> ExperimentSpec:
    fields: dict[str, Any] = {"domains": [str(folder)], "seeds": [1, 2], **more}
    return ExperimentSpec(columns=columns, layers=[SMALL, *layers], **fields)


class InlinePool:
    """Stands in for `experiments.worker_pool.WorkerPool`: does the pieces in this process, with the word student.

    Attributes:
        given: ids of the pieces that pools were given, a list per pool.
        stop_after: pieces after which Ctrl-C is pressed.
    """

    def __init__(self) -> None:
        self.given: list[list[str]] = []
        self.stop_after: int | None = None

    def __call__(self, out: Path, jobs: int, tell: Tell) -> "InlinePool":
        self._out, self._tell = out, tell
        return self

    def work(self, pieces: Sequence[PoolJob]) -> list[JobFailure]:
        self.given.append([piece.id for piece in pieces])
        for number, piece in enumerate(pieces):
            if number == self.stop_after:
                raise KeyboardInterrupt
            self._tell({"event": "started", "piece": piece})
            body = dict(piece.body)
            cell = ExperimentRun(**(body if piece.kind == "cell" else body["cell"]))
            stock = DomainCache(read_domain(cell.folder))
            student = WordStudent(self._out / "log")
            if piece.kind == "cell":
                run_cell(cell, stock, self._out, student)
            else:
                train_ceiling(FullDataBaseline(**{**body, "cell": cell}), stock.domain, self._out, student)
            self._tell({"event": "done", "piece": piece})
        return []


@pytest.fixture
def inline_pool(monkeypatch: pytest.MonkeyPatch) -> InlinePool:
    """Backtests do their pieces in this process."""
    pool = InlinePool()
    monkeypatch.setattr(evokd.experiments.driver, "WorkerPool", pool)
    return pool


def make_outcome(
    scores: Sequence[float],
    *,
    column: str = "a",
    domain: str = "d",
    seed: int = 1,
    step: int = 10,
    tokens: int = 100,
    full: float | None = 0.8,
    typicality: float = 0.0,
) -> Outcome:
    """An outcome whose score moves as given, `step` samples and `tokens` tokens a cycle; budget 40."""
    cell = ExperimentRun(
        id=f"{domain}-{column}-{seed}",
        domain=domain,
        folder=f"/{domain}",
        column=column,
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
    ceiling = None if full is None else {"test": {"f1": full}}
    return Outcome(cell, points, ceiling, {"seconds": 1.0}, "budget.samples")
