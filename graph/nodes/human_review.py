"""The node that waits for people: they decide on texts before the student learns from them.

Run again from its beginning when it goes on, as every node with an interrupt is: what it writes before it waits is
written once, and what it writes afterwards depends on stored decisions alone.
"""

from collections import Counter
from collections.abc import Mapping

from evokd.graph.context import RunContext
from evokd.graph.nodes.review import is_review_due
from evokd.graph.state import State, StateUpdate
from evokd.review.selection import Reviewable, choose_texts
from evokd.student.protocol import Answer
from evokd.tracing.ledger import Sample
from evokd.tracing.reviews import REFUSED, REVIEW_QUEUE, REVIEWED, QueuedText, ReviewCounts, ReviewDecision, ReviewQueue
from evokd.tracing.samples import SampleChange

OVER_BUDGET = "over_budget"
"""Reason of a sample for which the budget of samples had no room."""


def is_reviewed(context: RunContext, cycle: int) -> bool:
    """Whether people are asked about a cycle's texts, and there are any."""
    return context.settings.review.mode != "off" and bool(_list_reviewable(context, cycle))


async def human_review(state: State, context: RunContext) -> StateUpdate:
    """Wait until people have decided on the chosen texts, then do as they say.

    An answer that a person gave is trusted as the user's own; a refused text is never trained on.
    """
    cycle = state["cycle"]
    queue = context.ledger.cycle_record(cycle, REVIEW_QUEUE) or await _make_queue(state, context)
    while waiting := _count_waiting(context, cycle, queue):
        # Imported here: LangGraph takes half of the time in which a command starts, and few runs wait for people.
        from langgraph.types import interrupt

        interrupt({"cycle": cycle, "texts": waiting, "review": f"evokd review {context.folder.path}"})
    decisions = context.ledger.decisions(cycle)
    _apply(context, cycle, decisions)
    _keep_budget(context, cycle, decisions)
    if queue["texts"]:
        _report(context, cycle, decisions, _count_over_budget(context, cycle) - queue["over_budget"])
    accepted = len(context.ledger.samples(cycle=cycle, state="accepted"))
    return {
        "accepted": context.ledger.count_samples("accepted", but_of=cycle) + accepted,
        "barren": 0 if accepted else max(1, state["barren"]),
        "after_curate": "review" if is_review_due(state, context) else "train",
    }


def _list_reviewable(context: RunContext, cycle: int) -> list[Sample]:
    """Accepted texts, and those that were dropped because Labeler and Generator disagree."""
    samples = context.ledger.samples(cycle=cycle)
    return [item for item in samples if item.state == "accepted" or item.reason == "disputed"]


async def _make_queue(state: State, context: RunContext) -> ReviewQueue:
    cycle, settings = state["cycle"], context.settings.review
    if settings.mode == "off":
        return _to_queue(context, cycle, [])
    await _ask_student(state, context, _list_reviewable(context, cycle))
    texts = [_to_reviewable(context, sample) for sample in _list_reviewable(context, cycle)]
    chosen = choose_texts(texts, settings.mode, settings.sample, context.seed(cycle, "human_review"))
    queue = _to_queue(context, cycle, chosen)
    context.ledger.put_cycle_record(cycle, REVIEW_QUEUE, queue)
    return queue


def _to_queue(context: RunContext, cycle: int, texts: list[QueuedText]) -> ReviewQueue:
    return ReviewQueue(
        task=context.domain.codec.name,
        labels=dict(context.domain.file.labels),
        texts=texts,
        over_budget=_count_over_budget(context, cycle),
    )


def _count_over_budget(context: RunContext, cycle: int) -> int:
    return context.ledger.count_rejected(cycle).get(OVER_BUDGET, 0)


async def _ask_student(state: State, context: RunContext, samples: list[Sample]) -> None:
    """Let the student answer the disputed texts too: `curate` has asked it about the accepted ones alone."""
    unasked = [sample for sample in samples if sample.exam is None]
    champion = state["champion"]
    if champion is None or not unasked:
        return
    answers = await context.student.predict(context.folder.version(champion), [sample.text for sample in unasked])
    changes: list[tuple[str, SampleChange]] = [
        (sample.id, {"exam": {"answer": item.answer, "confidence": item.confidence}})
        for sample, item in zip(unasked, answers, strict=True)
    ]
    context.ledger.update_samples(changes)


def _to_reviewable(context: RunContext, sample: Sample) -> Reviewable:
    proposed = _propose(sample)
    disagrees = False
    if sample.exam is not None and proposed is not None:
        disagrees = not context.domain.codec.compare(proposed, sample.exam["answer"]).same
    return Reviewable(
        id=sample.id,
        proposed=proposed,
        disputed=sample.disputed,
        disagrees=disagrees,
        confidence=sample.exam["confidence"] if sample.exam is not None else None,
    )


def _propose(sample: Sample) -> Answer | None:
    """The teacher's answer: the label, or the Labeler's whole answer where curation left parts of it open."""
    given = sample.candidates[0] if sample.candidates else None
    is_open = sample.label is None or bool(sample.masked)
    answers: tuple[Answer | None, ...] = (given, sample.intended, sample.label) if is_open else (sample.label,)
    return next((answer for answer in answers if answer is not None), None)


def _count_waiting(context: RunContext, cycle: int, queue: ReviewQueue) -> int:
    if context.settings.review.mode == "off":  # turned off while the run waited: what curation decided stands
        return 0
    decided = context.ledger.decisions(cycle)
    return sum(text["id"] not in decided for text in queue["texts"])


def _apply(context: RunContext, cycle: int, decisions: Mapping[str, ReviewDecision]) -> None:
    """Do as people decided; a text that was set aside for the gate stays there, with their answer."""
    changes = [
        (sample.id, _to_change(decisions[sample.id], sample.purpose))
        for sample in context.ledger.samples(cycle=cycle)
        if sample.id in decisions and decisions[sample.id].action != "skip"
    ]
    context.ledger.update_samples(changes)


def _to_change(decision: ReviewDecision, purpose: str | None) -> SampleChange:
    if decision.action == "refuse":
        return {"state": "rejected", "reason": REFUSED, "label": None, "masked": [], "purpose": None}
    return {
        "state": "accepted",
        "reason": None,
        "label": decision.answer,
        "masked": [],
        "purpose": purpose or "train",
    }


def _keep_budget(context: RunContext, cycle: int, decisions: Mapping[str, ReviewDecision]) -> None:
    """Keep the budget of samples where people took in disputed texts: texts that nobody vouches for make room."""
    budget = context.settings.budget
    before = context.ledger.count_samples("accepted", but_of=cycle)
    caps = (budget.samples and max(0, budget.samples - before), budget.cycle.samples)
    accepted = context.ledger.samples(cycle=cycle, state="accepted")
    room = min((cap for cap in caps if cap is not None), default=len(accepted))
    vouched = [item.id for item in accepted if item.id in decisions and decisions[item.id].is_label]
    others = [item.id for item in accepted if item.id not in set(vouched)]
    surplus = [*vouched, *others][room:]
    change: SampleChange = {"state": "rejected", "reason": OVER_BUDGET, "label": None, "purpose": None}
    context.ledger.update_samples((name, change) for name in surplus)


def _report(context: RunContext, cycle: int, decisions: Mapping[str, ReviewDecision], over: int) -> None:
    actions = Counter(item.action for item in decisions.values())
    counts = ReviewCounts(
        accepted=actions["accept"],
        corrected=actions["correct"],
        refused=actions["refuse"],
        skipped=actions["skip"],
        reviewers=sorted({item.reviewer for item in decisions.values()}),
        over_budget=over,
    )
    context.ledger.put_cycle_record(cycle, REVIEWED, counts)
    context.emit("reviewed", cycle=cycle, **counts)
