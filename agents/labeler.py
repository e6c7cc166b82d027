"""The Labeler: labels drafts in a separate call, blind to what they were written for."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evokd.agents.llm.client import LLMRequest, Teacher
from evokd.agents.prompt_context import PromptContext
from evokd.messages import DraftBatch, DraftText, Example, Gold, Message


@dataclass(frozen=True)
class Label:
    """A usable verdict: possible answers, best first, and the confidence in the first, 0 to 1."""

    candidates: tuple[Gold, ...]
    confidence: float
    call_id: str
    """The call that it came with."""


@dataclass(frozen=True)
class Labelling:
    """Verdicts by draft id; drafts that got no usable verdict are missing."""

    labels: Mapping[str, Label]
    batch: Message
    """The accepted verdicts as a message, under the drafts' own ids."""
    faults: tuple[str, ...]
    call_id: str


@dataclass(frozen=True)
class Guidance:
    """What the Labeler is shown beside the texts."""

    examples: Sequence[Example] = ()
    """Real texts with their right answers."""
    guide: Mapping[str, str] = field(default_factory=dict)
    """Label -> what it takes in and leaves out."""


async def label(
    teacher: Teacher,
    briefing: PromptContext,
    texts: Mapping[str, str],
    cycle: int,
    span: str,
    seed: int,
    guidance: Guidance = Guidance(),
) -> Labelling:
    """Ask the Labeler for verdicts on texts.

    The texts go out in shuffled order under neutral ids (t1, t2, ...), so that neither order nor id tells what a text
    was written for. Missing, repeated or invented ids and unknown labels are asked again, then left out.

    Args:
        teacher: the door.
        briefing: prompts and labels.
        texts: draft id -> text.
        cycle: evolution cycle, from 1.
        span: lesson id.
        seed: decides the order and is passed on to the endpoint.
        guidance: labelled examples and a guide.

    Raises:
        TeacherError: the teacher cannot be used.
    """
    order = sorted(texts)
    random.Random(seed).shuffle(order)
    neutral = {f"t{number}": draft for number, draft in enumerate(order, start=1)}
    batch = DraftBatch(
        labels=dict(briefing.labels),
        guide=dict(guidance.guide),
        examples=list(guidance.examples),
        drafts=[DraftText(id=short, text=texts[draft]) for short, draft in neutral.items()],
    )
    sent = {draft.id: draft.text for draft in batch.drafts}
    answer = await teacher.ask(_make_request(briefing, batch, cycle, span, seed))
    labels: dict[str, Label] = {}
    accepted = []
    for call_id, reply in answer.pieces():
        for verdict in _usable(_first(reply, sent), briefing, sent):
            name = neutral[verdict.id]
            if name not in labels:
                candidates = tuple(briefing.form.candidates(verdict))
                labels[name] = Label(candidates, float(verdict.confidence), call_id)
                accepted.append(verdict.model_copy(update={"id": name}))
    return Labelling(labels, briefing.form.label_batch(accepted), answer.faults, answer.call_id)


def _make_request(briefing: PromptContext, batch: DraftBatch, cycle: int, span: str, seed: int) -> LLMRequest[Any]:
    """The request about a batch; what a reply lacks is asked for under the same ids."""
    sent = {draft.id: draft.text for draft in batch.drafts}

    def remainder(reply: Any, most: int) -> LLMRequest[Any] | None:
        done = {verdict.id for verdict in _usable(_first(reply, sent), briefing, sent)} if reply is not None else set()
        missing = [draft for draft in batch.drafts if draft.id not in done][:most]
        rest = batch.model_copy(update={"drafts": missing})
        return _make_request(briefing, rest, cycle, span, seed) if missing else None

    request: LLMRequest[Any] = briefing.make_request(
        "labeler",
        batch,
        briefing.form.labeler_reply,
        cycle=cycle,
        span=span,
        seed=seed,
        check=lambda reply: find_faults(reply, briefing, sent),
        count=lambda reply: len(_usable(_first(reply, sent), briefing, sent)),
    )
    return replace(
        request,
        vocabularies={"labels": list(briefing.labels)},
        names={"id": list(sent)},
        size=len(sent),
        remainder=remainder,
    )


def _first(reply: Any, sent: Mapping[str, str]) -> list[Any]:
    """The verdicts that are looked at: more than a few for each text are of no use."""
    verdicts: list[Any] = reply.verdicts[: 4 * len(sent) + 100]
    return verdicts


def _usable(verdicts: Sequence[Any], briefing: PromptContext, sent: Mapping[str, str]) -> list[Any]:
    """The first sound verdict on each text that was sent."""
    usable: dict[str, Any] = {}
    for verdict in verdicts:
        is_new = verdict.id in sent and verdict.id not in usable
        if is_new and briefing.form.verdict_fault(sent[verdict.id], verdict, briefing.labels) is None:
            usable[verdict.id] = verdict
    return list(usable.values())


def find_faults(reply: Any, briefing: PromptContext, sent: Mapping[str, str]) -> list[str]:
    """What is wrong with a batch of verdicts: ids that miss, repeat or are invented, and faulty answers."""
    verdicts = _first(reply, sent)
    given = Counter(verdict.id for verdict in verdicts)
    faults = []
    missing = [draft for draft in sent if draft not in given]
    if missing:
        faults.append(f"no verdict for {', '.join(missing)}")
    invented = [draft for draft in given if draft not in sent]
    if invented:
        faults.append(f"no draft has the id {', '.join(map(repr, invented[:8]))}")
    repeated = [draft for draft, count in given.items() if count > 1]
    if repeated:
        faults.append(f"more than one verdict for {', '.join(repeated[:8])}")
    for verdict in verdicts:
        if verdict.id in sent:
            fault = briefing.form.verdict_fault(sent[verdict.id], verdict, briefing.labels)
            if fault:
                faults.append(f"{verdict.id}: {fault}")
    return faults
