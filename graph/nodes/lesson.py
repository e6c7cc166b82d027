"""The two steps of a lesson: generate, then label. A lesson of real texts has nothing to generate."""

from evokd.agents import generator
from evokd.agents.generator import Writing
from evokd.agents.llm.budget import BudgetSpent
from evokd.graph.context import RunContext
from evokd.graph.nodes.labeling import (
    NO_CALL,
    REAL,
    Changes,
    Labelled,
    ask_labeler,
    label_rule,
    take_texts,
    trust_drafts,
)
from evokd.graph.state import LessonState, StateUpdate
from evokd.messages import LessonPlan
from evokd.tracing.ledger import Sample
from evokd.tracing.rows import LessonRow
from evokd.tracing.samples import SampleChange


async def generate(state: LessonState, context: RunContext) -> StateUpdate:
    """Ask the Generator for the texts of one lesson, or take those of the pool."""
    lesson = context.ledger.lesson(state["lesson"])
    early = context.ledger.samples(lesson=lesson["id"]) if lesson["kind"] == REAL else []
    if early:  # taken and labelled before the Analyst was asked
        return {"drafted": len(early)}
    samples, faults = (take_texts(lesson), []) if lesson["kind"] == REAL else await _write(context, lesson)
    context.ledger.put_drafts(lesson["id"], samples)
    context.ledger.close_lesson(lesson["id"], len(samples), 0, faults)
    return {"drafted": len(samples)}


async def _write(context: RunContext, lesson: LessonRow) -> tuple[list[Sample], list[str]]:
    plan = LessonPlan.model_validate(lesson["plan"])
    seed = context.seed(lesson["id"], "generate")
    try:
        writing = await generator.write(context.teacher, context.briefing, plan, lesson["cycle"], lesson["id"], seed)
    except BudgetSpent as exc:
        context.emit("budget_spent", cycle=lesson["cycle"], role="generator", lesson=lesson["id"], reason=str(exc))
        writing = Writing((), (str(exc),), NO_CALL)
    codec = context.domain.codec
    samples = [
        Sample(
            id=f"{lesson['id']}-d{number:02d}",
            cycle=lesson["cycle"],
            lesson=lesson["id"],
            weakness=lesson["weakness"],
            text=draft.text,
            difficulty=draft.difficulty,
            intended=codec.from_wire(draft.text, draft.intended),
            draft_call=draft.call_id,
            kind=lesson["kind"],
            pair=draft.pair,
        )
        for number, draft in enumerate(writing.drafts, start=1)
    ]
    return samples, list(writing.faults)


async def label(state: LessonState, context: RunContext) -> StateUpdate:
    """Ask the Labeler, who knows neither what a text was written for nor whether it was written for a lesson at all.

    It gets all real texts. If it labels only doubtful written texts, it does not get those that the student confirms,
    except for a random few.
    """
    lesson = context.ledger.lesson(state["lesson"])
    samples = context.ledger.samples(lesson=lesson["id"], state="drafted")
    real, rule = lesson["kind"] == REAL, label_rule(context)
    if not real and rule == "generator":
        _emit_lesson(context, lesson, len(samples), 0)
        return {}
    if not samples:
        return {}
    trusted: Changes = {}
    if not real and rule in ("doubtful", "contested"):
        trusted, audited = await trust_drafts(context, lesson, samples, state["student"], rule)
        context.ledger.update_samples((name, SampleChange(audited=True)) for name in sorted(audited))
    # real texts may have been labelled before the Analyst was asked
    done = {sample.id for sample in samples if real and sample.candidates is not None}
    unlabelled = [sample for sample in samples if sample.id not in trusted and sample.id not in done]
    labels = await ask_labeler(context, lesson, unlabelled) if unlabelled and not done else Labelled()
    labels.store_messages(context, lesson["cycle"], lesson["id"])
    context.ledger.update_samples({**labels.changes, **trusted}.items())
    # store each once: an interrupted attempt may have stored it already
    faults = list(dict.fromkeys([*lesson["faults"], *labels.faults]))
    labelled = len(labels.changes) + len(trusted) + len(done)
    context.ledger.close_lesson(lesson["id"], lesson["drafts"], labelled, faults)
    _emit_lesson(context, lesson, len(samples), labelled, len(trusted))
    return {}


def _emit_lesson(context: RunContext, lesson: LessonRow, drafts: int, labelled: int, confirmed: int = 0) -> None:
    topic, name = lesson["plan"]["weakness"]["name"], lesson["id"]
    more = {"confirmed": confirmed} if confirmed else {}
    fields = {"topic": topic, "kind": lesson["kind"], "drafts": drafts, "labelled": labelled, **more}
    context.emit("lesson", cycle=lesson["cycle"], lesson=name, **fields)
