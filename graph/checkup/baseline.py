"""The score without any teacher: the student, trained on the labelled rows alone, in the student process."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from evokd.graph.setup.plan import Plan
from evokd.student.folds import split_folds
from evokd.student.process.client import StudentClient
from evokd.student.protocol import Answer, TrainExample, TrainJob, TrainResult
from evokd.student.student_settings import StudentSettings
from evokd.student.tasks.base import LabeledExample
from evokd.tracing.intervals import Interval, measure_interval

SEEDS = 3
"""Trainings of all weights, each with another seed; training the output layer alone knows no chance."""
FOLDS = 5
LONG = 600
"""Optimizer steps from which on only the output layer is trained, since all weights would take many minutes."""
PATIENCE = 60.0
"""Seconds of the first training from which on no other seed follows."""
_HELD = "cross-validation"


@dataclass(frozen=True)
class SplitScore:
    """A score of the baseline."""

    split: str
    """`validation`, `test`, or how it was measured without either."""
    score: float
    """Mean over the seeds."""
    interval: Interval | None
    """Bootstrap over the rows; None where the metric has none."""
    rows: int


@dataclass(frozen=True)
class Baseline:
    """What the student reaches on the user's labelled rows alone."""

    metric: str
    trained_on: int
    """Labelled rows that it learned from."""
    tune: str
    """What was trained: head or full."""
    seeds: int
    scores: tuple[SplitScore, ...]
    seconds: float
    why: str = ""
    """Why less was done than settings say."""

    def to_json(self) -> dict[str, Any]:
        """The baseline as JSON."""
        scores = {
            item.split: {"score": round(item.score, 4), "interval": item.interval, "rows": item.rows}
            for item in self.scores
        }
        return {
            "metric": self.metric,
            "trained_on": self.trained_on,
            "tune": self.tune,
            "seeds": self.seeds,
            "scores": scores,
            "seconds": round(self.seconds, 1),
            "why": self.why or None,
        }


async def measure_baseline(plan: Plan, student: StudentClient) -> Baseline:
    """Train on the seeds of a plan and score on its validation and test data; cross-validate where there is neither.

    Test data is scored as a run scores its first student: it steers nothing.

    Raises:
        InputError: the base or device asked for is not there.
        StudentError: the training failed.
    """
    began = time.monotonic()
    settings, why = _choose_settings(plan)
    with tempfile.TemporaryDirectory(prefix="evokd-baseline-") as folder:
        trainer = _Trainer(plan, student, settings, Path(folder))
        scored = [split for split in ("validation", "test") if getattr(plan.domain, split)]
        if scored:
            scores, results, late = await _score_splits(trainer, scored)
        else:
            scores, results, late = await _cross_validate(trainer)
    return Baseline(
        metric=plan.domain.metric,
        trained_on=len(plan.domain.seeds),
        tune=results[-1].tune,
        seeds=len(results) if scored else 1,
        scores=tuple(scores),
        seconds=time.monotonic() - began,
        why="; ".join(part for part in (why, late) if part),
    )


def _choose_settings(plan: Plan) -> tuple[StudentSettings, str]:
    """Take the settings in force; where their training would take long, train the output layer alone."""
    settings = plan.settings.student
    steps = max(settings.steps, settings.min_epochs * len(plan.domain.seeds) / settings.batch)
    if settings.tune == "head" or steps <= LONG:
        return settings, ""
    why = f"training all weights would take {steps:,.0f} steps, so only the output layer was trained"
    return settings.model_copy(update={"tune": "head"}), why


class _Trainer:
    """Trains students and lets them answer."""

    def __init__(self, plan: Plan, student: StudentClient, settings: StudentSettings, folder: Path) -> None:
        self.plan, self.settings = plan, settings
        self._student, self._out = student, folder / "student"
        self.examples = [
            TrainExample(id=str(number), text=row.text, gold=row.gold, trusted=True)
            for number, row in enumerate(plan.domain.seeds)
        ]

    async def train(self, examples: Sequence[TrainExample], seed: int) -> TrainResult:
        domain = self.plan.domain
        job = TrainJob(
            task=domain.codec.name,
            labels=list(domain.codec.labels),
            examples=list(examples),
            meanings=dict(domain.file.labels),
            start=None,
            out=str(self._out),
            settings=self.settings,
            seed=seed,
        )
        return await self._student.train(job)

    async def answer(self, texts: Sequence[str]) -> list[Answer]:
        return [item.answer for item in await self._student.predict(self._out, texts)]

    def score(self, split: str, rows: Sequence[LabeledExample], answers: Sequence[Sequence[Answer]]) -> SplitScore:
        codec, metric = self.plan.domain.codec, self.plan.domain.metric
        gold = [row.gold for row in rows]
        scores = [codec.evaluate(gold, given).metrics[metric] for given in answers]
        return SplitScore(split, mean(scores), measure_interval(metric, gold, answers), len(rows))


async def _score_splits(trainer: _Trainer, splits: Sequence[str]) -> tuple[list[SplitScore], list[TrainResult], str]:
    answers: dict[str, list[list[Answer]]] = {split: [] for split in splits}
    results: list[TrainResult] = []
    why = ""
    for seed in range(SEEDS):
        results.append(await trainer.train(trainer.examples, seed))
        for split in splits:
            answers[split].append(await trainer.answer([row.text for row in getattr(trainer.plan.domain, split)]))
        if results[-1].tune == "head":
            break
        if results[-1].seconds > PATIENCE:
            why = f"a training took {results[-1].seconds:.0f} s, so there was no other seed"
            break
    rows = {split: getattr(trainer.plan.domain, split) for split in splits}
    return [trainer.score(split, rows[split], answers[split]) for split in splits], results, why


async def _cross_validate(trainer: _Trainer) -> tuple[list[SplitScore], list[TrainResult], str]:
    answers: dict[str, Answer] = {}
    results: list[TrainResult] = []
    for fold in split_folds(trainer.examples, FOLDS):
        held = {item.id for item in fold}
        rest = [item for item in trainer.examples if item.id not in held]
        if not rest:
            return [], results, "one text cannot be learned from and scored"
        results.append(await trainer.train(rest, seed=0))
        given = await trainer.answer([item.text for item in fold])
        answers |= {item.id: answer for item, answer in zip(fold, given, strict=True)}
    rows = trainer.plan.domain.seeds
    score = trainer.score(_HELD, rows, [[answers[item.id] for item in trainer.examples]])
    return [score], results, f"there are no validation or test data, so {len(results)} parts were held out in turn"
