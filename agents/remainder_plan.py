"""The remainder of a lesson: a plan for the texts that are missing where a reply was cut off."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

from evokd.agents.output_schemas import OutputSchema
from evokd.messages import LessonPlan, is_label_set

ENOUGH = 0.9
"""Share of a lesson's texts that is enough: one more request would cost more than the few missing texts are worth."""
OPENING = 6
"""First words of a written text that are shown, so that it is not written again."""
MOST_OPENINGS = 8

Slot = tuple[str, str]
"""Label and difficulty of one text that a plan asks for."""
Written = tuple[str, Any, str]
"""Difficulty, answer and text of a draft."""


def plan_remainder(plan: LessonPlan, written: Sequence[Written], form: OutputSchema, most: int) -> LessonPlan | None:
    """Plan the texts of a lesson that are missing.

    Args:
        plan: the lesson.
        written: its drafts so far.
        form: tells the labels of an answer.
        most: texts at most.

    Returns:
        The lesson with smaller quotas; None where enough is there.
    """
    slots = _slots(plan)
    if len(written) >= ENOUGH * len(slots):
        return None
    missing = list(range(len(slots)))
    for difficulty, answer, _ in written:
        own = _find_own_quotas(plan, answer) & {slots[at][0] for at in missing}
        labels = own or form.labels_in(answer) or [form.blank or ""]
        missing.remove(_choose_slot(slots, missing, labels, difficulty))
    missing = missing[:most]
    counts = Counter(slots[at] for at in missing)
    quotas = [
        quota.model_copy(update={"hard": counts[quota.label, "hard"], "easy": counts[quota.label, "easy"]})
        for quota in plan.quotas
        if counts[quota.label, "hard"] + counts[quota.label, "easy"]
    ]
    variety = [plan.variety[at] for at in missing] if len(plan.variety) == len(slots) else []
    openings = [" ".join(text.split()[:OPENING]) for _, _, text in written[-MOST_OPENINGS:]]
    return plan.model_copy(
        update={
            "quotas": quotas,
            "variety": variety,
            "profile": _shrink(plan.profile, len(missing) / len(slots)),
            "avoid": list(dict.fromkeys([*plan.avoid, *openings])),
        }
    )


def _slots(plan: LessonPlan) -> list[Slot]:
    """The texts that a plan asks for, in the order of its quotas."""
    return [
        slot
        for quota in plan.quotas
        for slot in [(quota.label, "hard")] * quota.hard + [(quota.label, "easy")] * quota.easy
    ]


def _find_own_quotas(plan: LessonPlan, answer: Any) -> set[str]:
    """Name the quotas of exactly the set of labels that a draft has, in whatever order it gives them."""
    if not is_label_set(answer):
        return set()
    return {quota.label for quota in plan.quotas if quota.labels and set(quota.labels) == set(answer)}


def _choose_slot(slots: Sequence[Slot], missing: Sequence[int], labels: Collection[str], difficulty: str) -> int:
    """The slot that a draft fills: the exact one if it is missing, else one of its label, else any."""
    exact = (at for at in missing if slots[at][0] in labels and slots[at][1] == difficulty)
    near = (at for at in missing if slots[at][0] in labels)
    return next(exact, next(near, missing[0]))


def _shrink(profile: dict[str, dict[str, int]], share: float) -> dict[str, dict[str, int]]:
    scaled = {
        axis: {value: round(count * share) for value, count in values.items() if round(count * share)}
        for axis, values in profile.items()
    }
    return {axis: values for axis, values in scaled.items() if values}
