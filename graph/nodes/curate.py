"""The node that makes samples of drafts and verdicts."""

from collections import Counter

from evokd.agents.llm.attempt import TeacherUseless
from evokd.graph.context import KnownTexts, RunContext
from evokd.graph.nodes.human_review import OVER_BUDGET, is_reviewed
from evokd.graph.nodes.labeling import REAL, label_rule
from evokd.graph.nodes.review import is_review_due
from evokd.graph.nodes.text_map import map_drafts
from evokd.graph.state import State, StateUpdate
from evokd.messages import NEAR_COPY_MODES
from evokd.student.curate import Candidate, Curator, Ruling
from evokd.student.protocol import Answer
from evokd.tracing.ledger import Sample
from evokd.tracing.rows import CURATION, CurationRecord
from evokd.tracing.samples import SampleChange


async def curate(state: State, context: RunContext) -> StateUpdate:
    """Decide which drafts become samples, and let the current student answer them before it is trained on them.

    Raises:
        TeacherUseless: no lesson of the cycle yielded a single usable draft, or a single usable label.
    """
    cycle = state["cycle"]
    drafts = context.ledger.samples(cycle=cycle)
    _refuse_useless_teacher(context, cycle, drafts)
    before = context.ledger.count_samples("accepted", but_of=cycle)
    rulings = _judge(context, cycle, drafts)
    changes = {ruling.id: _to_change(ruling) for ruling in rulings}
    accepted_ids = [sample.id for sample in drafts if changes[sample.id]["state"] == "accepted"]
    budget = context.settings.budget
    caps = (budget.samples and max(0, budget.samples - before), budget.cycle.samples)
    room = min((cap for cap in caps if cap is not None), default=len(accepted_ids))
    for name in accepted_ids[room:]:
        changes[name] = {"state": "rejected", "reason": OVER_BUDGET, "label": None, "purpose": None}
    accepted_samples = [sample for sample in drafts if changes[sample.id]["state"] == "accepted"]
    await _examine(state, context, accepted_samples, changes)
    _set_aside(context, before, accepted_samples, changes)
    context.ledger.update_samples(changes.items())
    await map_drafts(context, cycle)
    reasons = Counter(change["reason"] for change in changes.values() if change["reason"])
    disputed = sum(ruling.disputed for ruling in rulings)
    curation = CurationRecord(drafts=len(drafts), accepted=len(accepted_samples), disputed=disputed)
    context.ledger.put_cycle_record(cycle, CURATION, curation)
    context.emit(
        "curated", cycle=cycle, drafts=len(drafts), accepted=len(accepted_samples), rejected=reasons, disputed=disputed
    )
    return {
        "accepted": before + len(accepted_samples),
        "barren": 0 if accepted_samples else state["barren"] + 1,
        "after_curate": _choose_next(state, context),
    }


def _refuse_useless_teacher(context: RunContext, cycle: int, drafts: list[Sample]) -> None:
    if not brought_nothing(context, cycle):
        return
    lessons = context.ledger.lessons(cycle)
    context.ledger.spend_faults(cycle)
    role = "label" if drafts else "draft"
    fault = next((fault for lesson in lessons for fault in lesson["faults"]), "no reason given")
    raise TeacherUseless(
        f"the teacher {context.settings.teacher.model!r} gave no usable {role} in any of the {len(lessons)} lessons of"
        f" cycle {cycle} ({fault}); its raw replies are in {context.folder.ledger}"
    )


def brought_nothing(context: RunContext, cycle: int) -> bool:
    """Whether a cycle had lessons and none of them yielded anything usable, although the budget was not spent."""
    lessons = context.ledger.lessons(cycle)
    alone = label_rule(context) == "generator"
    brought = any(lesson["drafts" if alone and lesson["kind"] != REAL else "labelled"] for lesson in lessons)
    return bool(lessons) and not brought and not context.teacher.is_spent(cycle)


def _judge(context: RunContext, cycle: int, drafts: list[Sample]) -> list[Ruling]:
    known = _index_known(context, cycle)
    curator = Curator(context.settings.curation, context.domain.codec, known.index, known.guarded)
    modes = {lesson["id"]: lesson["plan"].get("mode", "") for lesson in context.ledger.lessons(cycle)}
    alone = label_rule(context) == "generator"
    return curator.judge([_to_candidate(sample, modes[sample.lesson], alone) for sample in drafts])


def _index_known(context: RunContext, cycle: int) -> KnownTexts:
    """Bring the index up to the cycle before this one, whose texts are settled: only its own gate takes texts back."""
    known, domain = context.known_texts, context.domain
    if not known.next_cycle:
        known.index.update(example.text for example in domain.seeds)
        known.guarded.update(example.text for example in (*domain.validation, *domain.test))
    known.index.update(context.ledger.accepted_texts(known.next_cycle, cycle))
    # what people refused does not come back as another text
    known.index.update(context.ledger.refused_texts(known.next_cycle, cycle))
    known.next_cycle = cycle
    return known


def _to_candidate(sample: Sample, mode: str, alone: bool) -> Candidate:
    given: Answer | None = sample.candidates[0] if sample.candidates else None
    # without a Labeler's verdict, the intended label does not count, unless the Labeler is not used
    intended = sample.intended if given is not None or alone else None
    variation = mode in NEAR_COPY_MODES
    return Candidate(sample.id, sample.text, intended, given, sample.confidence, variation)


def _to_change(ruling: Ruling) -> SampleChange:
    return {
        "state": "accepted" if ruling.accepted else "rejected",
        "reason": ruling.reason,
        "label": ruling.label,
        "disputed": ruling.disputed,
        "masked": [list(span) for span in ruling.masked],
        "purpose": "train" if ruling.accepted else None,
    }


async def _examine(
    state: State, context: RunContext, accepted_samples: list[Sample], changes: dict[str, SampleChange]
) -> None:
    champion = state["champion"]
    if champion is None:
        return
    answers = await context.student.predict(
        context.folder.version(champion), [sample.text for sample in accepted_samples]
    )
    for sample, answer in zip(accepted_samples, answers, strict=True):
        changes[sample.id]["exam"] = {"answer": answer.answer, "confidence": answer.confidence}


def _set_aside(
    context: RunContext, before: int, accepted_samples: list[Sample], changes: dict[str, SampleChange]
) -> None:
    """Without validation data, every n-th accepted sample is kept for the gate and never trained on."""
    share, least = context.settings.gate.holdout, context.settings.gate.holdout_from
    if context.domain.validation or not share:
        return
    for number, sample in enumerate(accepted_samples, start=before):
        if number >= least and int((number + 1) * share) > int(number * share):
            changes[sample.id]["purpose"] = "gate"


def _choose_next(state: State, context: RunContext) -> str:
    if is_reviewed(context, state["cycle"]):
        return "human_review"
    return "review" if is_review_due(state, context) else "train"
