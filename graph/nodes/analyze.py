"""The node that plans a cycle: its kinds of text, the Analyst's advice, its lessons and the texts to label."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from evokd.agents import analyst
from evokd.agents.llm.budget import BudgetSpent
from evokd.graph.context import RunContext, cycle_name
from evokd.graph.curriculum.cases import is_invented, main_error
from evokd.graph.curriculum.kinds import Kind, cut_labelling
from evokd.graph.curriculum.lessons import REAL, plan_lessons
from evokd.graph.curriculum.planning_input import PlanningInput, ReferenceText
from evokd.graph.curriculum.turns import is_analysts_turn
from evokd.graph.nodes.cycle_quota import count_wanted
from evokd.graph.nodes.domain_profile import copy_guide, find_profile
from evokd.graph.nodes.evaluation import LEAST_REAL, VALIDATION_CASE, CycleEvaluation, evaluate_cycle
from evokd.graph.nodes.fresh_evaluation import FreshEvaluation, examine_fresh
from evokd.graph.nodes.kind_effects import divide_cycle
from evokd.graph.nodes.label_guide import measure_labeler
from evokd.graph.nodes.pool_selection import count_unlabelled, select_texts
from evokd.graph.nodes.reference_texts import ground_lessons
from evokd.graph.nodes.settled_cycles import settle
from evokd.graph.nodes.weaknesses import adopt_weaknesses
from evokd.graph.state import State, StateUpdate
from evokd.messages import Case, Example, FeedbackPacket, LabelPlan, LessonPlan, Weakness
from evokd.tracing.rows import LABEL_COUNTS, LessonRow, make_lesson

NEWEST = 500
"""Accepted samples that examples and openings of a lesson plan are taken from; using all would slow a cycle down."""


async def analyze(state: State, context: RunContext) -> StateUpdate:
    """Divide the cycle between kinds of text, ask the Analyst about the feedback packet, plan the lessons."""
    cycle = state["cycle"]
    span = cycle_name(cycle)
    packet = context.ledger.message(span, FeedbackPacket)
    assert packet is not None, "`examine` has stored it"
    copy_guide(context)
    await measure_labeler(context, cycle)
    champion = state["champion"]
    mix = await divide_cycle(context, cycle, count_wanted(state, context), count_unlabelled(context, cycle))
    if mix.get("toned"):
        await find_profile(context, cycle)
    real = await _plan_real(context, cycle, champion, mix.get("real", 0))
    fresh: FreshEvaluation | None = None
    evaluation: CycleEvaluation | None = None
    if champion and real and is_analysts_turn(context.settings.curriculum, cycle, mix):
        fresh = await examine_fresh(context, cycle, champion, [lesson.ledger_row(cycle) for lesson in real])
        if fresh.packet is not None:
            packet, evaluation = fresh.packet, fresh.evaluation
            context.ledger.put_message(cycle, span, "student", "analyst", packet)
    try:
        weaknesses = await _find_weaknesses(context, packet, evaluation, champion, mix)
    except BudgetSpent as exc:
        context.emit("budget_spent", cycle=cycle, role="analyst", reason=str(exc))
        context.ledger.put_lessons(cycle, [])
        return {"lessons": []}
    lessons = [*real, *_plan_written(context, cycle, packet, mix, weaknesses, len(real))]
    context.ledger.put_lessons(cycle, [lesson.ledger_row(cycle) for lesson in lessons])
    for lesson in lessons:
        sender = "analyst" if lesson.weakness else "curriculum"
        receiver = "labeler" if isinstance(lesson.plan, LabelPlan) else "generator"
        context.ledger.put_message(cycle, lesson.plan.id, sender, receiver, lesson.plan)
    for labelled in fresh.lessons if fresh else ():
        labelled.store(context)
    return {"lessons": [lesson.plan.id for lesson in lessons]}


@dataclass(frozen=True)
class _Lesson:
    """A lesson as stored in the ledger."""

    kind: Kind
    weakness: str | None
    plan: LessonPlan | LabelPlan

    def ledger_row(self, cycle: int) -> LessonRow:
        return make_lesson(cycle, self.weakness, self.kind, self.plan)


async def _find_weaknesses(
    context: RunContext,
    packet: FeedbackPacket,
    evaluation: CycleEvaluation | None,
    champion: str | None,
    mix: Mapping[Kind, int],
) -> dict[str, Weakness]:
    """Ask the Analyst if it is its turn and the packet is worth asking about.

    Args:
        context: what the run works with.
        packet: what it is shown.
        evaluation: all texts that the packet was chosen from; None: those of the last cycle, read from the ledger.
        champion: student version in force.
        mix: kind of text -> number of texts in this cycle.
    """
    cycle = packet.cycle
    if not is_analysts_turn(context.settings.curriculum, cycle, mix) or not _is_worth_asking(context, packet):
        return {}
    span = cycle_name(cycle)
    analysis = await analyst.analyze(context.teacher, context.briefing, packet, span, context.seed(cycle, "analyze"))
    context.ledger.put_message(cycle, span, "analyst", "generator", analysis)
    evaluation = evaluation or await evaluate_cycle(context, cycle - 1, champion)
    return await adopt_weaknesses(context, packet, analysis, evaluation, span)


def _is_worth_asking(context: RunContext, packet: FeedbackPacket) -> bool:
    """Whether a packet shows errors on real texts by a student that does better than guessing."""
    rules = context.settings.curriculum.analyst
    real = not rules.real or any(case.origin == "real" for case in packet.cases if case.verdict != "right")
    score = mean_f1(packet)
    chance = 0.0 if context.briefing.form.blank is not None else 1 / max(1, len(packet.labels))
    known = score is None or not rules.above_chance or (score - chance) / (1 - chance or 1.0) >= rules.above_chance
    return real and known


def mean_f1(packet: FeedbackPacket) -> float | None:
    """Say how well the student does, 0 to 1, all labels weighted equally; None if the packet has no report."""
    examined = [line.f1 for line in packet.report if line.support]
    return fmean(examined) if examined else None


def _plan_written(
    context: RunContext,
    cycle: int,
    packet: FeedbackPacket,
    mix: Mapping[Kind, int],
    weaknesses: Mapping[str, Weakness],
    before: int,
) -> list[_Lesson]:
    """Plan the written lessons; `before` lessons of the cycle already have numbers."""
    given = PlanningInput(
        cycle=cycle,
        span=cycle_name(cycle),
        blank=_count_blank(context, cycle),
        before=before,
        labels=context.domain.file.labels,
        form=context.briefing.form,
        known=_known(context),
        counts=_count_labels(context, cycle),
        wanted={kind: count for kind, count in mix.items() if kind != "real"},
        weaknesses=weaknesses,
        topics=context.domain.file.topics,
        grounding=ground_lessons(context),
        wrong=[case for case in packet.cases if case.verdict != "right" and may_be_shown(case)],
    )
    given = replace(
        given,
        mistakes={name: main_error(item, packet.cases) for name, item in weaknesses.items()},
        invented={name for name, item in weaknesses.items() if is_invented(item, packet.cases)},
        evidence={name: _show_evidence(item, packet) for name, item in weaknesses.items()},
    )
    lessons = plan_lessons(given, context.settings.curriculum, context.seed(cycle, "plan"))
    return [_Lesson(item.kind, item.weakness, item.plan) for item in lessons]


def _count_blank(context: RunContext, cycle: int) -> float | None:
    """Share of the real texts of earlier cycles without any label; None if there are too few."""
    settled = settle(context, cycle)
    return settled.blank / settled.real_answers if settled.real_answers >= LEAST_REAL else None


def may_be_shown(case: Case) -> bool:
    """Whether the Generator may see the text of a case: validation texts only steer, so it never sees theirs."""
    return not case.id.startswith(VALIDATION_CASE)


def _show_evidence(weakness: Weakness, packet: FeedbackPacket) -> Sequence[Example]:
    cases = [case for case in packet.cases if case.id in weakness.evidence and may_be_shown(case)]
    real_first = sorted(cases, key=lambda case: case.origin != "real")
    return [Example(text=case.text, gold=case.gold) for case in real_first]


async def _plan_real(context: RunContext, cycle: int, champion: str | None, wanted: int) -> list[_Lesson]:
    """Plan which texts of the pool are labelled, in requests of about the same size."""
    texts = await select_texts(context, cycle, champion, wanted)
    size = context.settings.curriculum.quotas.lesson
    number = cut_labelling(len(texts), size)
    return [
        _Lesson(
            "real",
            None,
            LabelPlan(
                id=f"{cycle_name(cycle)}-l{at + 1:02d}",
                weakness=REAL,
                labels=dict(context.domain.file.labels),
                texts=texts[at::number],
            ),
        )
        for at in range(number)
    ]


def _known(context: RunContext) -> list[ReferenceText]:
    """Seeds and the newest accepted samples."""
    codec = context.domain.codec
    seeds = [(example.text, example.gold, True, True) for example in context.domain.seeds]
    samples = context.ledger.newest_answers(NEWEST)
    return [
        ReferenceText(
            text=text,
            gold=codec.to_wire(text, gold),
            labels=tuple(codec.labels_in(gold)),
            whole=whole,
            seed=number < len(seeds),
            real=real,
        )
        for number, (text, gold, whole, real) in enumerate([*seeds, *samples])
    ]


def _count_labels(context: RunContext, cycle: int) -> Counter[str]:
    """How many of all seeds and accepted samples have each label.

    Samples of earlier cycles no longer change, so every cycle stores the sum and the next one adds to it.
    """
    codec = context.domain.codec
    earlier = context.ledger.cycle_record(cycle - 1, LABEL_COUNTS)
    counts = Counter(earlier or {})
    for gold, count in context.ledger.count_answers(before=cycle, since=0 if earlier is None else cycle - 1):
        counts.update(dict.fromkeys(codec.labels_in(gold), count))
    context.ledger.put_cycle_record(cycle, LABEL_COUNTS, counts)
    return counts + Counter(label for example in context.domain.seeds for label in codec.labels_in(example.gold))
