"""What a run will probably take of the teacher: calls, tokens and money, from messages like those it will send."""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle as endless
from itertools import islice
from typing import Any

from pydantic import TypeAdapter

from agents.attempts import estimate_tokens
from agents.messages import (
    Case,
    Confusion,
    DraftBatch,
    DraftText,
    FeedbackPacket,
    LabelScore,
    Weakness,
    fence,
)
from agents.pricing import price
from agents.settings import OPENAI_URL
from graph.curriculum.lessons import Ground, Known, PlannedLesson, has_pool, plan_lessons
from graph.exams import MOST_COUNTED
from graph.plan import Plan
from prompts.loader import ROLES
from student.tasks import Example

ACCEPTED = 0.85
"""Share of drafts that become samples, as it was with the shipped domains."""
_WEAKNESS = Weakness(name="n" * 50, pattern="p" * 160, labels=[], evidence=["v10", "v20", "e30"], advice="a" * 240)
"""As long as what language models write."""
DOUBTED = 0.6
"""Share of drafts that the student does not confirm, as it was on public data."""


@dataclass(frozen=True)
class RoleEstimate:
    """What one role will probably take."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    """None where the price is unknown."""


@dataclass(frozen=True)
class Estimate:
    """What a run will probably take; calls that must be repeated come on top."""

    cycles: int
    roles: Mapping[str, RoleEstimate]
    capped: str | None
    """The budget that will probably end the run before its cycles or samples do."""

    def tell(self) -> dict[str, Any]:
        """Give it as JSON: cycles, capped_by, calls, tokens, cost_usd (null: unknown), and the same per role."""
        parts = list(self.roles.values())
        costs = [part.cost_usd for part in parts if part.calls]
        return {
            "cycles": self.cycles,
            "capped_by": self.capped,
            "calls": sum(part.calls for part in parts),
            "input_tokens": sum(part.input_tokens for part in parts),
            "output_tokens": sum(part.output_tokens for part in parts),
            "cost_usd": None if None in costs or not costs else sum(cost for cost in costs if cost is not None),
            "roles": {role: vars(part) for role, part in self.roles.items()},
        }


def estimate_draft(plan: Plan) -> tuple[float, float]:
    """Tokens and US dollars that a draft will probably take, its share of the first cycle's calls (0 dollars: unknown).

    The first cycle is the dearest: it fills the pool that later ones choose from.
    """
    parts = _sum_up(plan, _Calls.of(plan), 1.0, dict.fromkeys(ROLES, 1.0)).values()
    drafts = plan.settings.curriculum.quotas.drafts
    tokens = sum(part.input_tokens + part.output_tokens for part in parts)
    return tokens / drafts, sum(part.cost_usd or 0.0 for part in parts) / drafts


def estimate_run(plan: Plan) -> Estimate:
    """Estimate what a planned run will take; nothing is called."""
    settings = plan.settings
    calls = _Calls.of(plan)
    cycles, capped = float(settings.stop.cycles), None
    samples = settings.budget.samples
    if samples is not None:
        cycles = min(cycles, math.ceil(samples / max(1.0, settings.curriculum.quotas.drafts * ACCEPTED)))

    def take(count: float) -> Mapping[str, RoleEstimate]:
        return _sum_up(plan, calls, count, {"analyst": _asking(plan, count)})

    for name, cap in (("tokens", settings.budget.tokens), ("usd", settings.budget.usd)):
        if cap is not None and _used(take(cycles), name) > cap:
            cycles, capped = _afford(take, name, cap, cycles), f"budget.{name}"
    return Estimate(math.ceil(cycles), take(cycles), capped)


def _used(roles: Mapping[str, RoleEstimate], what: str) -> float:
    if what == "tokens":
        return sum(part.input_tokens + part.output_tokens for part in roles.values())
    return sum(part.cost_usd or 0.0 for part in roles.values())


def _afford(take: Callable[[float], Mapping[str, RoleEstimate]], what: str, cap: float, most: float) -> float:
    """Find how many cycles, parts of one too, a cap pays for."""
    least = 0.0
    for _ in range(40):
        middle = (least + most) / 2
        least, most = (middle, most) if _used(take(middle), what) <= cap else (least, middle)
    return least


def _asking(plan: Plan, cycles: float) -> float:
    """How many of the first cycles ask the Analyst: not those in which breadth comes alone."""
    quotas = plan.settings.curriculum.quotas
    if quotas.coverage_early < 1.0:
        return cycles
    alone = quotas.coverage_until * len(plan.domain.file.labels) - len(plan.domain.seeds)
    return max(0.0, cycles - math.ceil(max(0.0, alone) / (quotas.drafts * ACCEPTED)))


_Pairs = dict[str, list[tuple[int, int]]]
"""Tokens (read, written) of every call of a cycle, by role."""


@dataclass(frozen=True)
class _Calls:
    """The calls of a cycle that fills the pool, and of one that takes what was left over."""

    filling: _Pairs
    taking: _Pairs

    @classmethod
    def of(cls, plan: Plan) -> "_Calls":
        if not has_pool(plan.settings.curriculum, plan.briefing.form):
            every = _one_cycle(plan, spare=None)
            return cls(every, every)
        left = dict.fromkeys(plan.domain.file.labels, plan.settings.curriculum.quotas.drafts * 100)
        return cls(_one_cycle(plan, spare={}), _one_cycle(plan, spare=left))


def _count_fillings(plan: Plan, cycles: float) -> float:
    """How many of some cycles fill the pool; all, where there is none."""
    curriculum = plan.settings.curriculum
    if not has_pool(curriculum, plan.briefing.form):
        return cycles
    quotas, spare, asked = curriculum.quotas, 0.0, 0.0
    for number in range(math.ceil(cycles)):  # in pools of one cycle
        if spare < quotas.refill:
            asked += min(1.0, cycles - number) * (quotas.pool - spare)
            spare = quotas.pool
        spare -= 1
    return asked / quotas.pool


def _sum_up(plan: Plan, calls: _Calls, cycles: float, asked: Mapping[str, float]) -> dict[str, RoleEstimate]:
    """Add up the calls of some cycles.

    Args:
        plan: the plan.
        calls: of its cycles.
        cycles: how many, parts of one too.
        asked: role -> in how many of them it is asked, where that is not in all.
    """
    fillings = _count_fillings(plan, cycles)
    found = {}
    for role in ROLES:
        share = asked.get(role, cycles) / cycles if cycles else 0.0
        parts = ((fillings * share, calls.filling[role]), (max(0.0, cycles - fillings) * share, calls.taking[role]))
        read, written = (
            math.ceil(sum(times * pair[side] for times, pairs in parts for pair in pairs)) for side in (0, 1)
        )
        own = plan.settings.teacher.role(role)
        cost = None
        if not plan.settings.teacher.is_rehearsal():
            cost = price(own.prices, own.model or "", own.base_url or OPENAI_URL, (read, written))[0]
        found[role] = RoleEstimate(math.ceil(sum(times * len(pairs) for times, pairs in parts)), read, written, cost)
    return found


def _one_cycle(plan: Plan, spare: Mapping[str, int] | None) -> _Pairs:
    """Tokens of every call of a cycle in the middle of a run.

    Args:
        plan: the plan.
        spare: label -> what earlier cycles left over; None without a pool.
    """
    domain, settings = plan.domain, plan.settings.curriculum
    texts = [*domain.seeds, *domain.validation]
    found: dict[str, list[tuple[int, int]]] = {role: [] for role in ROLES}
    weaknesses = {}
    if settings.weaknesses:  # warm-up cycles ask no Analyst, but they are few
        labels = list(islice(endless(domain.codec.labels), 2))
        named = _WEAKNESS.model_copy(update={"labels": labels})
        weaknesses = {f"c001-w{number}": named for number in range(settings.weaknesses)}
        reply = {"weaknesses": [named.model_dump() for _ in weaknesses]}
        found["analyst"].append(_count(plan, "analyst", _make_packet(plan, texts), reply))
    for lesson in _plan_middle(plan, texts, weaknesses, spare):
        wanted = sum(quota.hard + quota.easy for quota in lesson.plan.quotas)
        written = list(islice(endless(texts), wanted))
        drafts = [{"text": item.text, "difficulty": "hard", "intended": _plain(plan, item)} for item in written]
        if wanted:
            found["generator"].append(_count(plan, "generator", lesson.plan, {"drafts": drafts}))
        if settings.labels == "generator":
            continue
        kept = wanted if lesson.kept is None else sum(lesson.kept.values())
        share = DOUBTED if settings.labels == "doubtful" else 1.0
        written = list(islice(endless(texts), math.ceil(share * kept)))
        batch = DraftBatch(
            labels=dict(domain.file.labels),
            drafts=[DraftText(id=f"t{number}", text=item.text) for number, item in enumerate(written, start=1)],
        )
        verdicts = [{"id": "t10", "labels": _plain(plan, item), "confidence": 0.95} for item in written]
        found["labeler"].append(_count(plan, "labeler", batch, {"verdicts": verdicts}))
    return found


def _count(plan: Plan, role: str, message: Any, reply: Mapping[str, Any]) -> tuple[int, int]:
    asked = estimate_tokens(plan.briefing.systems[role] + fence(message)) + 10
    return asked, estimate_tokens(json.dumps(reply, ensure_ascii=False))


def _plain(plan: Plan, item: Example) -> Any:
    """The right answer as it is written on the wire."""
    return TypeAdapter(Any).dump_python(plan.domain.codec.to_wire(item.text, item.gold), mode="json")


def _make_packet(plan: Plan, texts: Sequence[Example]) -> FeedbackPacket:
    packet, codec = plan.settings.curriculum.packet, plan.domain.codec
    shown = islice(endless(texts), packet.wrong + packet.confident_wrong + packet.right)
    cases = [
        Case(
            id=f"v{number + 10}",
            text=item.text,
            gold=codec.to_wire(item.text, item.gold),
            predicted=codec.to_wire(item.text, codec.hide(item.gold, [(0, len(item.text))])),
            confidence=0.123,
            verdict="wrong",
            # as if it had found nothing in the text
            **codec.case_fields(item.text, item.gold, codec.hide(item.gold, [(0, len(item.text))])),
        )
        for number, item in enumerate(shown)
    ]
    score = {"precision": 0.123456789, "recall": 0.123456789, "f1": 0.123456789, "support": 10}
    pairs = [(first, second) for first in codec.labels for second in codec.labels if first != second]
    return FeedbackPacket(
        cycle=1,
        task=codec.name,
        labels=dict(plan.domain.file.labels),
        report=[LabelScore(label=label, **score) for label in codec.labels],
        confusions=[Confusion(gold=first, predicted=second, count=1) for first, second in pairs[:MOST_COUNTED]],
        weaknesses=[],
        cases=cases,
    )


def _plan_middle(
    plan: Plan, texts: Sequence[Example], weaknesses: Mapping[str, Weakness], spare: Mapping[str, int] | None
) -> list[PlannedLesson]:
    """Lessons of a cycle in the middle of the run; validation texts stand for samples that are not there yet."""
    codec, settings = plan.domain.codec, plan.settings.curriculum
    half = (plan.settings.budget.samples or settings.quotas.drafts * 4) // 2
    known = [
        Known(
            text=item.text,
            gold=codec.to_wire(item.text, item.gold),
            labels=tuple(codec.labels_in(item.gold)),
            seed=number < len(plan.domain.seeds),
        )
        for number, item in enumerate(texts[: len(plan.domain.seeds) + half])
    ]
    ground = Ground(
        cycle=settings.warm_up.cycles + 1,
        span="c001",
        labels=plan.domain.file.labels,
        form=plan.briefing.form,
        known=known,
        counts=Counter(label for item in known for label in item.labels),
        wanted=settings.quotas.drafts,
        weaknesses=weaknesses,
        wrong=_make_packet(plan, texts).cases if settings.errors else (),
        topics=plan.domain.file.topics,
        spare=spare,
    )
    return plan_lessons(ground, settings, seed=0)
