"""The Generator: writes the hard and easy texts that a lesson plan asks for."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from agents.briefing import Briefing
from agents.messages import Difficulty, Gold, LessonPlan
from agents.teacher import Ask, Teacher


@dataclass(frozen=True)
class WrittenDraft:
    """A usable draft."""

    text: str
    difficulty: Difficulty
    intended: Gold


@dataclass(frozen=True)
class Writing:
    """What the Generator wrote for a lesson; `faults` is what was still wrong with it."""

    drafts: tuple[WrittenDraft, ...]
    faults: tuple[str, ...]
    call_id: str


async def write(teacher: Teacher, briefing: Briefing, plan: LessonPlan, cycle: int, span: str, seed: int) -> Writing:
    """Ask the Generator for the drafts of a lesson.

    An empty batch, less than half of the quota, an unknown label or an empty text is asked again; after the last re-ask
    the usable drafts are kept, never more than the quotas ask for in all.

    Raises:
        TeacherError: the teacher cannot be used.
    """
    wanted = sum(quota.hard + quota.easy for quota in plan.quotas)
    answer: Any = await teacher.ask(
        Ask(
            role="generator",
            cycle=cycle,
            span=span,
            system=briefing.systems["generator"],
            prompts=briefing.hash,
            message=plan,
            reply=briefing.form.generator_reply,
            name="drafts",
            check=lambda reply: find_faults(reply, briefing, wanted),
            seed=seed,
            vocabularies={"labels": list(plan.labels)},
        )
    )
    drafts = answer.reply.drafts if answer.reply else []
    usable = [
        WrittenDraft(draft.text, draft.difficulty, draft.intended)
        for draft in drafts
        if _draft_fault(draft, briefing, briefing.labels) is None
    ]
    return Writing(tuple(usable[:wanted]), answer.faults, answer.call_id)


def find_faults(reply: Any, briefing: Briefing, wanted: int) -> list[str]:
    """What is wrong with a batch of drafts, one line per kind of fault."""
    if not reply.drafts:
        return [f"no drafts given, {wanted} are wanted"]
    found = Counter(_draft_fault(draft, briefing, briefing.labels) for draft in reply.drafts)
    usable = found.pop(None, 0)
    faults = [f"{count} draft(s): {fault}" for fault, count in found.items()]
    if usable * 2 < wanted:
        faults.append(f"{usable} usable drafts given, {wanted} are wanted")
    return faults


def _draft_fault(draft: Any, briefing: Briefing, labels: Collection[str]) -> str | None:
    if not draft.text.strip():
        return "empty text"
    return briefing.form.answer_fault(draft.text, draft.intended, labels)
