"""Tools of the checks on a GPU: shipped rows, a limit on memory, an optimizer that diverges."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import evokd.student.memory
from evokd.student.memory import release
from evokd.student.predict import predict
from evokd.student.protocol import PredictJob, TrainExample, TrainJob, TrainResult
from evokd.student.student_settings import StudentSettings
from evokd.student.tasks.registry import codec
from evokd.student.training.train import train

DOMAINS = Path(__file__).parents[1] / "domains"


class Bench:
    """Shipped rows, a place to write, and jobs on the device that `auto` chooses."""

    def __init__(self, base: str, place: Path) -> None:
        self.place = place
        self._base = base
        self.rows: dict[str, list[TrainExample]] = {}
        self.labels: dict[str, list[str]] = {}
        for task, domain in (("classification", "support_tickets"), ("ner", "field_reports")):
            lines = (DOMAINS / domain / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
            found = [json.loads(line) for line in lines if line.strip()]
            golds = [row["label"] if task == "classification" else row["entities"] for row in found]
            self.rows[task] = [
                TrainExample(id=str(i), text=row["text"], gold=gold)
                for i, (row, gold) in enumerate(zip(found, golds, strict=True))
            ]
            names = [[gold] if isinstance(gold, str) else [entity["label"] for entity in gold] for gold in golds]
            self.labels[task] = sorted({name for each in names for name in each})

    def job(self, task: str, name: str, *, count: int = 240, long: bool = False, **settings: Any) -> TrainJob:
        """Make a training; `long` fills every text up to the longest that is read."""
        rows = self.rows[task][:: max(1, len(self.rows[task]) // count)][:count]
        if long:
            rows = [row.model_copy(update={"text": f"{row.text} " + "and so on " * 60}) for row in rows]
        return TrainJob(
            task=task,
            labels=self.labels[task],
            examples=rows,
            out=str(self.place / name),
            settings=StudentSettings.model_validate({"base": self._base, "device": "auto", **settings}),
            seed=1,
        )

    def score(self, job: TrainJob) -> float:
        """Score a student on its own training texts."""
        answers = predict(PredictJob(folder=job.out, texts=[row.text for row in job.examples]))
        scores = codec(job.task, job.labels).evaluate([row.gold for row in job.examples], [a.answer for a in answers])
        return scores.metrics["accuracy" if job.task == "classification" else "entity_f1"]


class Diverging(torch.optim.AdamW):
    """Overflows in its tenth step at rates above 1e-4."""

    taken = 0

    def step(self, closure: Any = None) -> Any:
        """Take a step."""
        self.taken += 1
        if self.defaults["lr"] > 1.01e-4 and self.taken == 10:
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.data.mul_(float("inf"))
        return super().step(closure)


def measure(job: TrainJob) -> tuple[TrainResult, float, float]:
    """Train; returns the result, the bytes that weights and optimizer need, and the peak."""
    release()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_reserved()
    result = train(job)
    peak = torch.cuda.max_memory_reserved()
    size = Path(job.out, "model.safetensors").stat().st_size
    # Weights, gradients and the two moments of the optimizer.
    return result, before + 4 * size, peak


@contextmanager
def limit(size: float) -> Iterator[float]:
    """Let torch take no more than so many bytes of the GPU inside the block."""
    release()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(size / total)
    try:
        yield size
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        release()


@contextmanager
def counted_halvings() -> Iterator[list[int]]:
    """Count how often a batch is halved after a shortage inside the block."""
    seen: list[int] = []
    halve = evokd.student.memory.halve

    def count(size: int, times: int = 1) -> int:
        seen.append(size)
        return halve(size, times)

    evokd.student.memory.halve = count
    try:
        yield seen
    finally:
        evokd.student.memory.halve = halve


def expect(holds: bool, otherwise: str) -> None:
    """Fail the check unless something holds."""
    if not holds:
        raise AssertionError(otherwise)
