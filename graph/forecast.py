"""The cycles of a run as they will probably be planned, and the tokens of their calls."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import cycle as endless
from itertools import islice
from typing import Any

from pydantic import TypeAdapter

from evokd.agents.llm.call_recorder import estimate_tokens
from evokd.graph.curriculum.kinds import Kind, begin_shares, cut_labelling, divide, share_out
from evokd.graph.curriculum.lessons import plan_lessons
from evokd.graph.curriculum.planning_input import PlannedLesson, PlanningInput, ReferenceText
from evokd.graph.curriculum.reference_texts import Grounding, fit_tokens
from evokd.graph.curriculum.turns import is_analysts_turn
from evokd.graph.nodes.cycle_quota import cap_cycle
from evokd.graph.nodes.domain_profile import SHOWN_LINES, SHOWN_TOKENS
from evokd.graph.nodes.feedback_packet import MOST_COUNTED
from evokd.graph.nodes.label_guide import LEAST_ROWS
from evokd.graph.setup.plan import Plan
from evokd.messages import (
    Case,
    Confusion,
    DomainSample,
    DraftBatch,
    DraftText,
    FeedbackPacket,
    LabelEvidence,
    LabelScore,
    LessonPlan,
    Sendable,
    Weakness,
    fence,
)
from evokd.messages import Example as ShownExample
from evokd.prompts.loader import ROLES
from evokd.student.tasks.base import LabeledExample

ACCEPTED = 0.95
"""Share of texts that become samples, as measured with language models."""
PROFILE_REPLY = {False: 250, True: 60}
"""Approximate tokens of a profile; True: of the embedded teacher's."""
_WEAKNESS = Weakness(name="n" * 50, pattern="p" * 160, labels=[], evidence=["e10", "e20", "e30"], advice="a" * 240)
"""About as long as those that language models write."""
CONTESTED = 0.15
"""Share of drafts that the student contests."""
LONGEST_DRAFT = 4_000
"""Characters of the longest text that a teacher is expected to write, however long the examples are."""
DETAILED = 60
"""Cycles that are planned one by one; later ones are assumed to be like the last of these."""
DOUBTED = 0.4
"""Share of drafts that the student does not confirm, as measured on public data."""


CallTokens = dict[str, list[tuple[int, int]]]
"""Tokens (read, written) of every call of a cycle, by role."""


class Forecast:
    """The cycles of a run as they will probably be planned, by the curriculum's functions on the texts at hand.

    Args:
        plan: the plan.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        shown = [*plan.domain.seeds, *plan.domain.validation]
        self._texts = shown
        self._drafts = [item for item in shown if len(item.text) <= LONGEST_DRAFT] or shown
        self._lines = [item.text for item in plan.domain.pool]
        self._mixes: list[dict[Kind, int]] = []
        self._done: Counter[str] = Counter()
        self._cycles: dict[int, CallTokens] = {}

    def last_cycle(self) -> int:
        """The cycle that will probably spend the budget in samples."""
        budget = self._plan.settings.budget.samples
        if budget is None:
            return self._plan.settings.stop.cycles
        number, accepted = 0, 0.0
        while accepted < budget * 0.99 and number < self._plan.settings.stop.cycles:
            number += 1
            accepted += self.drafts(number) * ACCEPTED
        return number

    def drafts(self, cycle: int) -> int:
        """Texts of a cycle, written and real."""
        return sum(self._mix(cycle).values())

    def smallest_lesson(self, texts: int) -> LessonPlan:
        """Plan a lesson of the first cycle that asks for a few texts.

        Args:
            texts: how many, in all the lesson's quotas.
        """
        written = [kind for kind in self._mix(1) if kind not in ("real", "weakness")]
        lessons = self._lessons(1, {written[0] if written else "plain": texts}, {})
        return min((lesson.plan for lesson in lessons), key=lambda plan: sum(q.hard + q.easy for q in plan.quotas))

    def _mix(self, cycle: int) -> dict[Kind, int]:
        """What a cycle is made of; each cycle depends on those before it."""
        curriculum, budget = self._plan.settings.curriculum, self._plan.settings.budget
        entities = self._plan.briefing.form.blank is not None
        shares = begin_shares(entities, bool(self._lines), curriculum.source, curriculum.shares)
        while len(self._mixes) < cycle:
            done = self._done
            warm = curriculum.warm_up.drafts if len(self._mixes) < curriculum.warm_up.cycles else None
            wanted = warm or curriculum.quotas.drafts
            if budget.samples is not None:
                wanted = cap_cycle(wanted, max(1, math.ceil(budget.samples / ACCEPTED) - done.total()))
            left = self._plan.domain.unlabelled - done["real"]
            self._mixes.append(divide(wanted, done, shares, left, curriculum.quotas.lesson))
            done.update(self._mixes[-1])
        return self._mixes[cycle - 1]

    def cycle(self, cycle: int) -> CallTokens:
        """Tokens of every call of a cycle."""
        if cycle > DETAILED:
            turn = min(self._plan.settings.curriculum.analyst.every, DETAILED)
            cycle = DETAILED - turn + 1 + (cycle - DETAILED - 1) % turn
        if cycle not in self._cycles:
            self._cycles[cycle] = self._count_cycle(cycle)
        return self._cycles[cycle]

    def _count_cycle(self, cycle: int) -> CallTokens:
        plan, mix = self._plan, self._mix(cycle)
        calls: CallTokens = {role: [] for role in ROLES}
        if cycle == self._first_toned() and plan.settings.curriculum.profile == "auto" and not plan.domain.profile:
            calls["analyst"].append(_count_profile(plan, self._lines))
        measured = min(plan.settings.curriculum.measure_rows, len(plan.domain.validation))
        if cycle == 1 and measured >= LEAST_ROWS and not plan.settings.teacher.is_embedded():
            calls["labeler"].append(self._count_labels(measured, plan.domain.validation))
        weaknesses = self._weaknesses(cycle, mix)
        if weaknesses:
            reply = {"weaknesses": [item.model_dump() for item in weaknesses.values()]}
            calls["analyst"].append(_count(plan, "analyst", _make_packet(plan, self._texts), reply))
        for lesson in self._lessons(cycle, mix, weaknesses):
            wanted = sum(quota.hard + quota.easy for quota in lesson.plan.quotas)
            texts = list(islice(endless(self._drafts), wanted))
            drafts = [{"text": item.text, "difficulty": "hard", "intended": _plain(plan, item)} for item in texts]
            calls["generator"].append(_count(plan, "generator", lesson.plan, {"drafts": drafts}))
            checked = math.ceil(_share_checked(plan, cycle) * wanted)
            if checked >= (1 if plan.settings.curriculum.labels == "labeler" else plan.settings.curriculum.check_least):
                calls["labeler"].append(self._count_labels(checked, self._drafts))
        size = plan.settings.curriculum.quotas.lesson
        real = mix.get("real", 0)
        for part in share_out(real, [1.0] * cut_labelling(real, size)):
            lines = [LabeledExample(text, self._texts[0].gold) for text in self._lines]
            calls["labeler"].append(self._count_labels(part, lines))
        return calls

    def _first_toned(self) -> int | None:
        """The first cycle that writes texts in the tone of real ones."""
        return next((number for number, mix in enumerate(self._mixes, start=1) if "toned" in mix), None)

    def first_message(self, prompt: str) -> Sendable | None:
        """What one of the prompts is sent first, by the forecast; None where the first cycles do not send it.

        Args:
            prompt: a role, or one of the questions `profile` and `guide`.
        """
        plan = self._plan
        if prompt == "analyst":
            return _make_packet(plan, self._texts)
        if prompt == "profile":
            return _make_sample(plan, self._lines) if self._lines else None
        if prompt == "guide":
            return LabelEvidence(labels=dict(plan.domain.file.labels), rows=self._show(plan.domain.seeds))
        for cycle in range(1, min(3, plan.settings.stop.cycles) + 1):
            mix = self._mix(cycle)
            lessons = self._lessons(cycle, mix, {})
            if prompt == "generator" and lessons:
                return lessons[0].plan
            if prompt == "labeler" and mix.get("real"):
                size = math.ceil(mix["real"] / cut_labelling(mix["real"], plan.settings.curriculum.quotas.lesson))
                return self._make_batch(size, [LabeledExample(line, self._texts[0].gold) for line in self._lines])
        return self._make_batch(plan.settings.curriculum.quotas.lesson, self._drafts) if prompt == "labeler" else None

    def _show(self, rows: Sequence[LabeledExample]) -> list[ShownExample]:
        codec = self._plan.domain.codec
        return [ShownExample(text=item.text, gold=codec.to_wire(item.text, item.gold)) for item in rows]

    def _make_batch(self, count: int, texts: Sequence[LabeledExample]) -> DraftBatch:
        plan = self._plan
        chosen = list(islice(endless(texts), count))
        return DraftBatch(
            labels=dict(plan.domain.file.labels),
            examples=self._show(plan.domain.seeds[: plan.settings.curriculum.label_examples]),
            drafts=[DraftText(id=f"t{number}", text=item.text) for number, item in enumerate(chosen, start=1)],
        )

    def _count_labels(self, count: int, texts: Sequence[LabeledExample]) -> tuple[int, int]:
        plan = self._plan
        answers = islice(endless(self._drafts), count)
        verdicts = [{"id": "t10", "labels": _plain(plan, item), "confidence": 0.95} for item in answers]
        return _count(plan, "labeler", self._make_batch(count, texts), {"verdicts": verdicts})

    def _weaknesses(self, cycle: int, mix: Mapping[Kind, int]) -> dict[str, Weakness]:
        curriculum = self._plan.settings.curriculum
        real = bool(self._lines or self._plan.domain.validation) or not curriculum.analyst.real
        if not real or cycle <= curriculum.warm_up.cycles or not is_analysts_turn(curriculum, cycle, mix):
            return {}
        named = _WEAKNESS.model_copy(update={"labels": list(islice(endless(self._plan.domain.codec.labels), 2))})
        return {f"c{cycle:03d}-w{number}": named for number in range(curriculum.weaknesses)}

    def _lessons(self, cycle: int, mix: Mapping[Kind, int], weaknesses: Mapping[str, Weakness]) -> list[PlannedLesson]:
        """Lessons of a cycle; validation texts stand in for samples that do not exist yet."""
        plan = self._plan
        codec, settings = plan.domain.codec, plan.settings.curriculum
        before = sum(sum(done.values()) for done in self._mixes[: cycle - 1])
        known = [
            ReferenceText(
                text=item.text,
                gold=codec.to_wire(item.text, item.gold),
                labels=tuple(codec.labels_in(item.gold)),
                seed=number < len(plan.domain.seeds),
            )
            for number, item in enumerate(self._texts[: len(plan.domain.seeds) + before])
        ]
        given = PlanningInput(
            cycle=cycle,
            span=f"c{cycle:03d}",
            labels=plan.domain.file.labels,
            form=plan.briefing.form,
            known=known,
            counts=Counter(label for item in known for label in item.labels),
            wanted={kind: count for kind, count in mix.items() if kind != "real"},
            weaknesses=weaknesses,
            topics=plan.domain.file.topics,
            grounding=Grounding(lines=self._lines, axes=plan.domain.profile or {}, guide=plan.domain.guide or {}),
            wrong=_make_packet(plan, self._texts).cases if settings.errors else (),
        )
        return plan_lessons(given, settings, seed=0)


def _share_checked(plan: Plan, cycle: int) -> float:
    """Share of the written texts of a cycle that the Labeler is asked about."""
    rule = plan.settings.curriculum.label_rule
    if rule == "labeler":
        return 1.0
    proven = cycle > 2 and plan.settings.curriculum.trust_after  # a capable model's first check disputes nothing
    return 0.0 if cycle == 1 or proven else {"doubtful": DOUBTED, "contested": CONTESTED}.get(rule, 0.0)


def _make_sample(plan: Plan, lines: Sequence[str]) -> DomainSample:
    return DomainSample(labels=dict(plan.domain.file.labels), texts=fit_tokens(lines[:SHOWN_LINES], SHOWN_TOKENS))


def _count_profile(plan: Plan, lines: Sequence[str]) -> tuple[int, int]:
    sample = _make_sample(plan, lines)
    asked = estimate_tokens(plan.briefing.systems["profile"] + fence(sample)) + 10
    return asked, PROFILE_REPLY[plan.settings.teacher.is_embedded()]


def _count(plan: Plan, role: str, message: Any, reply: Mapping[str, Any]) -> tuple[int, int]:
    asked = estimate_tokens(plan.briefing.systems[role] + fence(message)) + 10
    return asked, estimate_tokens(json.dumps(reply, ensure_ascii=False))


def _plain(plan: Plan, item: LabeledExample) -> Any:
    """The right answer as it is written on the wire."""
    return TypeAdapter(Any).dump_python(plan.domain.codec.to_wire(item.text, item.gold), mode="json")


def _make_packet(plan: Plan, texts: Sequence[LabeledExample]) -> FeedbackPacket:
    packet, codec = plan.settings.curriculum.packet, plan.domain.codec
    shown = islice(endless(texts), packet.wrong + packet.confident_wrong + packet.right)
    cases = [
        Case(
            id=f"v{number + 10}",
            text=item.text,
            gold=codec.to_wire(item.text, item.gold),
            predicted=codec.to_wire(item.text, codec.drop_masked(item.gold, [(0, len(item.text))])),
            confidence=0.123,
            verdict="wrong",
            # as if there were no entity in the text
            **codec.case_fields(item.text, item.gold, codec.drop_masked(item.gold, [(0, len(item.text))])),
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
