"""The Generator: writes the hard and easy texts that a lesson plan asks for."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from evokd.agents.llm.client import LLMRequest, Teacher
from evokd.agents.prompt_context import PromptContext
from evokd.agents.remainder_plan import plan_remainder
from evokd.messages import PAIR, Difficulty, Gold, LessonPlan

MAX_TEXT = 20_000
"""Characters of the longest draft."""


@dataclass(frozen=True)
class WrittenDraft:
    """A usable draft."""

    text: str
    difficulty: Difficulty
    intended: Gold
    pair: str = ""
    """What its partner has as well, in a lesson of pairs."""
    call_id: str = ""
    """The call that it came with."""


@dataclass(frozen=True)
class Writing:
    """What the Generator wrote for a lesson; `faults` is what was still wrong with it."""

    drafts: tuple[WrittenDraft, ...]
    faults: tuple[str, ...]
    call_id: str


async def write(
    teacher: Teacher, briefing: PromptContext, plan: LessonPlan, cycle: int, span: str, seed: int
) -> Writing:
    """Ask the Generator for the drafts of a lesson.

    An empty batch, less than half of the quota, a quota's label left out, a faulty answer or an empty text is asked
    again; after the last re-ask the usable drafts are kept, never more than the quotas ask for in all. A draft that is
    not what the plan's mode asks for is not usable either, but is asked again only where too few are left.

    Raises:
        TeacherError: the teacher cannot be used.
    """
    answer = await teacher.ask(_make_request(briefing, plan, cycle, span, seed))
    usable = [
        WrittenDraft(draft.text, draft.difficulty, draft.intended, getattr(draft, PAIR, "")[:60], call_id)
        for call_id, reply in answer.pieces()
        for draft in _usable(_first(reply, plan), briefing, plan)
    ]
    return Writing(tuple(usable[: _count_wanted(plan)]), answer.faults, answer.call_id)


def _make_request(briefing: PromptContext, plan: LessonPlan, cycle: int, span: str, seed: int) -> LLMRequest[Any]:
    """The request for a plan; what a reply lacks is asked for with a smaller plan."""

    def remainder(reply: Any, most: int) -> LLMRequest[Any] | None:
        drafts = _usable(_first(reply, plan), briefing, plan) if reply is not None else []
        written = [(draft.difficulty, draft.intended, draft.text) for draft in drafts]
        rest = plan_remainder(plan, written, briefing.form, most)
        return _make_request(briefing, rest, cycle, span, seed) if rest is not None else None

    request: LLMRequest[Any] = briefing.make_request(
        "generator",
        plan,
        briefing.form.generator_reply,
        cycle=cycle,
        span=span,
        seed=seed,
        check=lambda reply: find_faults(reply, briefing, plan),
        count=lambda reply: len(_usable(_first(reply, plan), briefing, plan)),
    )
    return replace(
        request,
        vocabularies={"labels": list(plan.labels)},
        without=frozenset() if plan.pairs else frozenset({PAIR}),
        size=_count_wanted(plan),
        remainder=remainder,
    )


def _first(reply: Any, plan: LessonPlan) -> list[Any]:
    """The drafts that are looked at: of many times more than were asked for, none of the last is ever used."""
    drafts: list[Any] = reply.drafts[: 4 * _count_wanted(plan) + 100]
    return drafts


def _usable(drafts: Sequence[Any], briefing: PromptContext, plan: LessonPlan) -> list[Any]:
    sound = (draft for draft in drafts if _draft_fault(draft, briefing) is None)
    return [draft for draft in sound if _mode_fault(draft, briefing, plan) is None]


def find_faults(reply: Any, briefing: PromptContext, plan: LessonPlan) -> list[str]:
    """What is wrong with a batch of drafts, one line per kind of fault."""
    wanted = _count_wanted(plan)
    drafts = _first(reply, plan)
    if not drafts:
        return [f"no drafts given, {wanted} are wanted"]
    draft_faults = [_draft_fault(draft, briefing) for draft in drafts]
    sound = [draft for draft, fault in zip(drafts, draft_faults, strict=True) if fault is None]
    mode_faults = [_mode_fault(draft, briefing, plan) for draft in sound]
    mode_counts = Counter(mode_faults)
    usable = mode_counts.pop(None, 0)
    faults = [f"{count} draft(s): {fault}" for fault, count in Counter(draft_faults).items() if fault is not None]
    if usable * 2 < wanted:
        faults += [f"{count} draft(s): {fault}" for fault, count in mode_counts.items()]
        faults.append(f"{usable} usable drafts given, {wanted} are wanted")
    served = [draft.intended for draft, fault in zip(sound, mode_faults, strict=True) if fault is None]
    left_out = briefing.form.left_out(plan, served)
    if usable and left_out:
        faults.append(f"no sound draft for {', '.join(left_out)}; write those that the quotas ask for")
    return faults


def _count_wanted(plan: LessonPlan) -> int:
    return sum(quota.hard + quota.easy for quota in plan.quotas)


def _draft_fault(draft: Any, briefing: PromptContext) -> str | None:
    if not draft.text.strip():
        return "empty text"
    if len(draft.text) > MAX_TEXT:
        return f"a text of more than {MAX_TEXT:,} characters; write shorter ones"
    return briefing.form.answer_fault(draft.text, draft.intended, briefing.labels)


def _mode_fault(draft: Any, briefing: PromptContext, plan: LessonPlan) -> str | None:
    return briefing.form.mode_fault(plan, draft.text, draft.intended)
