"""The last node: the champion, the data set and the summary. The only place where test data is scored."""

import shutil
import time
from collections.abc import Iterator

from evokd.graph.context import RunContext, cycle_name
from evokd.graph.nodes.evaluation import score_split
from evokd.graph.nodes.self_training import is_used, train_twice
from evokd.graph.nodes.settled_cycles import settle
from evokd.graph.nodes.split_rows import store_rows
from evokd.graph.nodes.training_run import Material, make_job, make_record, run_training
from evokd.graph.nodes.training_set import seed_examples, to_examples, validation_examples
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.state import State, StateUpdate
from evokd.student.data import write_jsonl
from evokd.student.protocol import CalibrateJob, Calibration
from evokd.student.record import store_calibration
from evokd.student.tasks.base import TaskCodec
from evokd.tracing.events import measure_wall
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.rows import REFITTING
from evokd.tracing.summary import RunFacts, build_summary, write_summary

REFIT = "refit"
"""Student version that has also learned the validation rows."""


async def publish(state: State, context: RunContext) -> StateUpdate:
    """Score the student of cycle 0 and the champion on test data, and write what the run leaves behind."""
    begun = time.monotonic()
    store_rows(context, "test")
    champion = state["champion"] or cycle_name(0)
    last = await _refit(state, context) or champion
    start = {split: await _metrics(context, cycle_name(0), split) for split in ("validation", "test")}
    # rows that the last training learned from no longer measure it
    scored = {"validation": champion, "test": last}
    final = {split: await _metrics(context, version, split) for split, version in scored.items()}
    calibration = await _calibrate(context, champion)
    _publish_student(context.folder, last, context.domain.metric, start, final, calibration)
    context.folder.dataset.parent.mkdir(exist_ok=True)
    write_jsonl(context.folder.dataset, dataset_rows(context.ledger, context.domain.codec))
    facts = RunFacts(
        run_id=context.folder.run_id,
        domain=context.domain.file.name,
        task=context.domain.codec.name,
        preset=context.preset,
        teacher=context.settings.teacher.model,
        rehearsal=context.settings.teacher.is_embedded(),
        student=context.settings.student.base,
        seed=context.settings.seed,
        metric=context.domain.metric,
        gate_metric=context.gate_metric,
        champion=champion,
        refit=len(context.domain.validation) if last != champion else 0,
        stop_reason=state["decision"]["reason"],
        last_cycle=state["cycle"],
        seconds=measure_wall(context.folder.events),
        publish_seconds=time.monotonic() - begun,
    )
    write_summary(context.folder.summary, build_summary(context.ledger, facts, start, final))
    return {}


async def _refit(state: State, context: RunContext) -> str | None:
    """Train once more with the validation rows added; None if there are none, or nothing to gain."""
    if not context.settings.publish.refit or not context.domain.validation:
        return None
    cycle, seed = state["cycle"], context.seed("refit")
    last = context.ledger.training_samples(cycle, cycle + 1)
    older = [*seed_examples(context), *settle(context, cycle).examples, *to_examples(context, last)]
    news = validation_examples(context)
    champion = state["champion"]
    material = Material([*older, *news])
    if context.settings.student.regime == "continue" and champion:
        material = Material(news, older, str(context.folder.version(champion)))
    if is_used(context, material):
        result = await train_twice(context, cycle, REFIT, material, seed)
    else:
        result = await run_training(context, cycle, make_job(context, REFIT, material, seed))
    context.ledger.put_cycle_record(cycle, REFITTING, make_record(result))
    context.emit("refit", cycle=cycle, rows=len(news), samples=result.samples, seconds=result.seconds)
    return REFIT


async def _calibrate(context: RunContext, version: str) -> Calibration | None:
    """Measure on validation rows how sure the champion may be; a student that has also learned them takes it over."""
    folder, examples = context.folder.version(version), validation_examples(context)
    if not examples or not folder.is_dir():
        return None
    codec = context.domain.codec
    job = CalibrateJob(folder=str(folder), task=codec.name, labels=list(codec.labels), examples=examples)
    return await context.student.calibrate(job)


async def _metrics(context: RunContext, version: str, split: str) -> dict[str, float] | None:
    scores = await score_split(context, version, split)
    return {name: round(value, 4) for name, value in scores.metrics.items()} if scores else None


def _publish_student(
    folder: RunFolder,
    version: str,
    metric: str,
    start: dict[str, dict[str, float] | None],
    final: dict[str, dict[str, float] | None],
    calibration: Calibration | None,
) -> None:
    source, partial = folder.version(version), folder.path / ".student.partial"
    if source.is_dir():
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source, partial)
        if calibration is not None:
            store_calibration(partial, calibration)
        with (partial / "README.md").open("a", encoding="utf-8", newline="\n") as card:
            card.write(_score_table(metric, start, final))
        shutil.rmtree(folder.student, ignore_errors=True)
        partial.rename(folder.student)


def _score_table(
    metric: str, start: dict[str, dict[str, float] | None], final: dict[str, dict[str, float] | None]
) -> str:
    lines = [f"\n## Scores\n\n| data | {metric} at the start | {metric} of this student |", "|---|---|---|"]
    for split in final:
        before, after = start[split], final[split]
        if before is not None and after is not None:
            lines.append(f"| {split} | {before[metric]:.3f} | {after[metric]:.3f} |")
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def dataset_rows(ledger: Ledger, codec: TaskCodec) -> Iterator[dict[str, object]]:
    """Accepted samples in order, each with its lineage; those of one cycle are in memory at a time."""
    reviewers = ledger.reviewers()
    for cycle in range(ledger.last_cycle() + 1):
        for sample in ledger.samples(cycle=cycle, state="accepted"):
            yield _to_dataset_row(sample, codec, reviewers.get(sample.id))


def _to_dataset_row(sample: Sample, codec: TaskCodec, reviewer: str | None) -> dict[str, object]:
    return {
        "id": sample.id,
        **codec.write_row(sample.text, sample.label),
        "cycle": sample.cycle,
        "lesson": sample.lesson,
        "weakness": sample.weakness,
        "kind": sample.kind,
        "origin": "real" if sample.is_real else "written",
        "source": sample.source,
        "pair": sample.pair or None,
        "difficulty": sample.difficulty or None,
        "intended": sample.intended,
        "masked": sample.masked,
        "candidates": sample.candidates,
        "confidence": sample.confidence,
        "purpose": sample.purpose,
        "draft_call": sample.draft_call,
        "label_call": sample.label_call,
        "reviewed_by": reviewer,
    }
