"""One training of a run: its job, and the events on its faults."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from evokd.graph.context import RunContext
from evokd.messages.escape import inert
from evokd.student.process.client import StudentError, TrainExample, TrainJob, TrainResult
from evokd.tracing.rows import TrainingRecord


@dataclass(frozen=True)
class Material:
    """What a training learns from."""

    examples: Sequence[TrainExample]
    replay: Sequence[TrainExample] = ()
    """Older samples that may be mixed in."""
    start: str | None = None
    """Student folder to continue from; None starts from the base."""


def make_job(context: RunContext, version: str, material: Material, seed: int) -> TrainJob:
    """Make the job of a training.

    Args:
        context: what the run works with.
        version: name of the student that it makes.
        material: what it learns from.
        seed: of every random choice.
    """
    return TrainJob(
        task=context.domain.codec.name,
        labels=list(context.domain.codec.labels),
        examples=list(material.examples),
        replay=list(material.replay),
        meanings=dict(context.domain.file.labels),
        start=material.start,
        out=str(context.folder.version(version)),
        settings=context.settings.student,
        seed=seed,
        card=_card(context),
    )


async def run_training(context: RunContext, cycle: int, job: TrainJob) -> TrainResult:
    """Train, and emit an event for every fault: those that were recovered from, and the one that was not."""
    if context.progress is not None:
        context.progress.cycle = cycle
    try:
        result = await context.student.train(job)
    except StudentError as exc:
        context.emit("training_fault", cycle=cycle, fault=str(exc), mended=False)
        raise
    for fault in result.faults:
        context.emit("training_fault", cycle=cycle, fault=fault, mended=True)
    return result


def make_record(result: TrainResult) -> TrainingRecord:
    """Write the result of a training as the ledger stores it."""
    return cast(TrainingRecord, result.model_dump(mode="json"))


def _card(context: RunContext) -> dict[str, str]:
    teacher = context.settings.teacher
    origin = inert(teacher.model)
    if teacher.is_rehearsal():
        origin = "the rehearsal teacher (no language model was called)"
    elif teacher.is_recorded():
        origin = "a recording of a language model (none was called)"
    meanings = "\n".join(f"- {inert(label)}: {inert(meaning)}" for label, meaning in context.domain.file.labels.items())
    return {
        "Domain": f"{inert(context.domain.file.name)}: {inert(context.domain.file.description)}",
        "Label meanings": meanings,
        "Origin of the training texts": f"Preset {context.preset}; texts and labels came from {origin}.",
    }
