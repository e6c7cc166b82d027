"""Two requests to the Analyst that every run can do without: how the domain's texts differ, what its labels mean."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace

from evokd.agents.llm.client import Teacher
from evokd.agents.prompt_context import PromptContext
from evokd.messages import DomainSample, Guide, GuideReply, LabelEvidence, ProfileReply

MOST_AXES = 6
MOST_VALUES = 8
MOST_CHARACTERS = 140
"""Of a name or a value; what is longer is cut off between words."""
Axes = dict[str, list[tuple[str, float]]]
"""Axis -> values with their shares, which add up to 1."""


async def write_profile(
    teacher: Teacher, briefing: PromptContext, texts: Sequence[str], cycle: int, span: str, seed: int
) -> Axes | None:
    """Ask on which axes the domain's real texts differ, whatever their label.

    Returns:
        The axes; None where the teacher does not know this request, or gave nothing that can be used.

    Raises:
        TeacherError: the teacher cannot be used at all.
    """
    request = briefing.make_request(
        "profile",
        DomainSample(labels=dict(briefing.labels), texts=list(texts)),
        ProfileReply,
        cycle=cycle,
        span=span,
        seed=seed,
        check=_find_profile_faults,
        count=lambda reply: len(read_axes(reply)),
    )
    answer = await teacher.ask(replace(request, optional=True))
    return (read_axes(answer.reply) if answer.reply else {}) or None


def _find_profile_faults(reply: ProfileReply) -> list[str]:
    return [] if read_axes(reply) else ["no axis with two values or more"]


def read_axes(reply: ProfileReply) -> Axes:
    """Take the axes that can be planned with: two values or more, shares that say something."""
    axes: Axes = {}
    for axis in reply.axes[:MOST_AXES]:
        shares: dict[str, float] = {}
        for item in axis.values[:MOST_VALUES]:
            shares[_shorten(item.value)] = item.share
        total = sum(shares.values())
        if len(shares) > 1 and total > 0:
            axes[_shorten(axis.name)] = [(value, round(share / total, 3)) for value, share in shares.items()]
    return axes


def _shorten(words: str) -> str:
    """Bring a name or value to one line of bounded length: every lesson plan repeats it."""
    return textwrap.shorten(words, MOST_CHARACTERS, placeholder="")


async def write_guide(
    teacher: Teacher, briefing: PromptContext, evidence: LabelEvidence, cycle: int, span: str, seed: int
) -> dict[str, str] | None:
    """Ask what each label takes in and leaves out.

    Returns:
        Label -> text; None where the teacher does not know this request, or gave nothing that can be used.

    Raises:
        TeacherError: the teacher cannot be used at all.
    """
    request = briefing.make_request(
        "guide",
        evidence,
        GuideReply,
        cycle=cycle,
        span=span,
        seed=seed,
        check=lambda reply: _find_guide_faults(reply, briefing.labels),
        count=lambda reply: len(_known(reply, briefing.labels)),
    )
    answer = await teacher.ask(replace(request, vocabularies={"labels": list(briefing.labels)}, optional=True))
    guides = _known(answer.reply, briefing.labels) if answer.reply else {}
    return {
        label: f"Takes in: {guide.takes_in} Leaves out: {guide.leaves_out}" for label, guide in guides.items()
    } or None


def _known(reply: GuideReply, labels: Mapping[str, str]) -> dict[str, Guide]:
    return {guide.label: guide for guide in reply.guides if guide.label in labels}


def _find_guide_faults(reply: GuideReply, labels: Mapping[str, str]) -> list[str]:
    lacking = [label for label in labels if label not in _known(reply, labels)]
    return [f"no guide for {', '.join(map(repr, lacking[:8]))}"] if lacking else []
