"""The student process, dying in its trainings and predictions as a plan says.

    python -m tests.faulty_worker FOLDER words|torch

FOLDER holds a file per call that is to fail, such as `1-train-SIGKILL` or `2-predict-exit`; each is used up by the
process that fails. With torch, a training dies in the middle of its steps; with the word student, which starts in a
blink, as soon as it has begun to write.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from evokd.student.process import worker
from evokd.student.process.serving import Handler
from evokd.student.protocol import EmbedJob, PredictJob, TrainJob
from tests.graph.toy import WordStudent

_DEADLY_STEP = 3
"""Step in which weights have changed already."""
_AT_ONCE = 16


def main(plan: Path, student: str) -> None:
    """Serve until the next planned fault."""
    load = worker._load_handlers
    worker._load_handlers = lambda emit: _load_words(plan) if student == "words" else _load_torch(plan, load(emit))
    worker.main()


def _load_words(plan: Path) -> dict[str, Handler]:
    student = WordStudent(Path())

    def train(body: dict[str, Any]) -> Any:
        job = TrainJob.model_validate(body)
        result = asyncio.run(student.train(job))
        Path(job.out, "words.json").rename(Path(job.out, "words.partial"))
        fail(plan, "train")
        Path(job.out, "words.partial").rename(Path(job.out, "words.json"))
        return result.model_copy(update={"at_once": _AT_ONCE >> job.halvings}).model_dump(mode="json")

    def predict(body: dict[str, Any]) -> Any:
        job = PredictJob.model_validate(body)
        fail(plan, "predict")
        return [item.model_dump(mode="json") for item in asyncio.run(student.predict(Path(job.folder), job.texts))]

    def embed(body: dict[str, Any]) -> Any:
        job = EmbedJob.model_validate(body)
        return asyncio.run(student.embed(job.base, job.texts))

    return {"train": train, "predict": predict, "embed": embed, "calibrate": lambda _: None}


def _load_torch(plan: Path, handlers: dict[str, Handler]) -> dict[str, Handler]:
    import evokd.student.training.finetune as full

    batches = full.plan_batches
    full.plan_batches = lambda *args, **options: _Batches(batches(*args, **options), plan)
    return handlers


class _Batches(list[list[int]]):
    def __init__(self, batches: Iterable[list[int]], plan: Path) -> None:
        super().__init__(batches)
        self._plan = plan

    def __iter__(self) -> Iterator[list[int]]:
        for number, batch in enumerate(super().__iter__()):
            if number == _DEADLY_STEP:
                fail(self._plan, "train")
            yield batch


def fail(plan: Path, call: str) -> None:
    """Die if the next planned fault is one of this call."""
    for fault in sorted(plan.iterdir())[:1]:
        _, planned, way = fault.name.split("-")
        if planned == call:
            fault.unlink()
            if way == "exit":
                os._exit(7)
            os.kill(os.getpid(), signal.Signals[way])
            signal.pause()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
