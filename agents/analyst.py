"""The Analyst: reads a feedback packet and names the student's weaknesses, each with evidence."""

from collections.abc import Sequence
from dataclasses import replace

from evokd.agents.llm.client import Teacher
from evokd.agents.prompt_context import PromptContext
from evokd.messages import Analysis, AnalystReply, FeedbackPacket, Weakness

MAX_WEAKNESSES = 100
"""Weaknesses of a reply that are looked at."""


async def analyze(teacher: Teacher, briefing: PromptContext, packet: FeedbackPacket, span: str, seed: int) -> Analysis:
    """Ask the Analyst for weaknesses; evidence that is not in the packet is refused and asked again.

    What is still wrong after the last re-ask is left out: invented evidence, unknown labels, and weaknesses that have
    no evidence left. An Analyst that gives nothing usable yields an empty analysis.

    Raises:
        TeacherError: the teacher cannot be used.
    """
    request = briefing.make_request(
        "analyst",
        packet,
        briefing.form.analyst_reply,
        cycle=packet.cycle,
        span=span,
        seed=seed,
        check=lambda reply: find_faults(reply, packet),
        count=lambda reply: len(_usable(reply.weaknesses[:MAX_WEAKNESSES], packet)),
    )
    case_ids = [case.id for case in packet.cases]
    answer = await teacher.ask(replace(request, vocabularies={"labels": list(packet.labels), "cases": case_ids}))
    weaknesses = answer.reply.weaknesses[:MAX_WEAKNESSES] if answer.reply else []
    return Analysis(cycle=packet.cycle, weaknesses=_usable(weaknesses, packet)[: briefing.max_weaknesses])


def find_faults(reply: AnalystReply, packet: FeedbackPacket) -> list[str]:
    """What is wrong with an analysis: invented evidence, unknown labels, nothing named although the student failed."""
    known = {case.id for case in packet.cases}
    failed = sum(case.verdict != "right" for case in packet.cases)
    faults = []
    if not reply.weaknesses and failed:
        faults.append(f"no weakness named, but {failed} cases are wrong")
    for weakness in reply.weaknesses[:MAX_WEAKNESSES]:
        where = f"weakness {weakness.name[:80]!r}"
        invented = [case for case in weakness.evidence if case not in known]
        if invented:
            faults.append(f"{where}: evidence {', '.join(map(repr, invented[:8]))} is not among the packet's case ids")
        if not weakness.evidence and known:
            faults.append(f"{where}: no evidence given; cite ids of the packet's cases")
        strange = [label for label in weakness.labels if label not in packet.labels]
        if strange:
            faults.append(f"{where}: unknown label {strange[0]!r}; use the packet's labels")
        if not weakness.labels:
            faults.append(f"{where}: no label named")
    return faults


def _usable(weaknesses: Sequence[Weakness], packet: FeedbackPacket) -> list[Weakness]:
    pruned = [_prune(weakness, packet) for weakness in weaknesses]
    return [weakness for weakness in pruned if weakness.labels and (weakness.evidence or not packet.cases)]


def _prune(weakness: Weakness, packet: FeedbackPacket) -> Weakness:
    known = {case.id for case in packet.cases}
    return weakness.model_copy(
        update={
            "evidence": list(dict.fromkeys(case for case in weakness.evidence if case in known)),
            "labels": list(dict.fromkeys(label for label in weakness.labels if label in packet.labels)),
        }
    )
