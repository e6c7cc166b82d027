"""Nodes on the teacher's side: analyze, and the two steps of a lesson, generate and label."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from agents import analyst, generator, labeler
from agents.generator import Writing
from agents.messages import DraftBatch, DraftText, FeedbackPacket, LessonPlan, Weakness
from agents.purse import BudgetSpent
from graph.bench import Bench, cycle_name
from graph.curriculum.cases import main_error
from graph.curriculum.lessons import Ground, Known, count_focused, plan_lessons
from graph.exams import examine_all
from graph.pool import choose, count_spare, keep_plan
from graph.state import LessonState, State, StateUpdate
from graph.weaknesses import adopt_weaknesses
from tracing.ledger import Sample

NOTHING = Writing((), (), "")
NEWEST = 500
"""Accepted samples that examples and openings of a lesson plan are taken from; with all, a cycle would slow down."""


async def analyze(state: State, bench: Bench) -> StateUpdate:
    """Ask the Analyst about the feedback packet and plan the lessons of the cycle."""
    cycle = state["cycle"]
    span = cycle_name(cycle)
    packet = FeedbackPacket.model_validate(bench.ledger.message(span, "feedback_packet"))
    ground = Ground(
        cycle=cycle,
        span=span,
        labels=bench.domain.file.labels,
        form=bench.briefing.form,
        known=_known(bench),
        counts=_count_labels(bench, cycle),
        wanted=_wanted(state, bench),
        wrong=[case for case in packet.cases if case.verdict != "right"],
        score=_mean_f1(packet),
        topics=bench.domain.file.topics,
        spare=count_spare(bench, cycle),
    )
    focused = count_focused(ground, bench.settings.curriculum)
    try:
        weaknesses = await _find_weaknesses(bench, packet, state["champion"], span) if focused else {}
    except BudgetSpent as exc:
        bench.emit("budget_spent", cycle=cycle, role="analyst", reason=str(exc))
        bench.ledger.put_lessons(cycle, [])
        return {"lessons": []}
    mistakes = {name: main_error(weakness, packet.cases) for name, weakness in weaknesses.items()}
    ground = replace(ground, weaknesses=weaknesses, mistakes=mistakes)
    lessons = plan_lessons(ground, bench.settings.curriculum, bench.seed(cycle, "plan"))
    bench.ledger.put_lessons(
        cycle,
        [
            {"id": item.plan.id, "cycle": cycle, "weakness": item.weakness, "plan": item.plan.model_dump(mode="json")}
            for item in lessons
        ],
    )
    keep_plan(bench, cycle, lessons)
    for item in lessons:
        bench.ledger.put_message(
            cycle, item.plan.id, "analyst" if item.weakness else "curriculum", "generator", item.plan
        )
    return {"lessons": [item.plan.id for item in lessons]}


def _mean_f1(packet: FeedbackPacket) -> float | None:
    """Say how well the student does, 0 to 1, each label counting alike; None where the packet has no report."""
    examined = [line.f1 for line in packet.report if line.support]
    return fmean(examined) if examined else None


async def _find_weaknesses(
    bench: Bench, packet: FeedbackPacket, champion: str | None, span: str
) -> dict[str, Weakness]:
    cycle = packet.cycle
    if not bench.settings.curriculum.weaknesses:
        return {}
    seed = bench.seed(cycle, "analyze")
    analysis = await analyst.analyze(bench.teacher, bench.briefing, packet, span, seed)
    bench.ledger.put_message(cycle, span, "analyst", "generator", analysis)
    return await adopt_weaknesses(bench, packet, analysis, await examine_all(bench, cycle - 1, champion), span)


def _known(bench: Bench) -> list[Known]:
    """Seeds and the newest accepted samples."""
    codec = bench.domain.codec
    seeds = [(example.text, example.gold, True, True) for example in bench.domain.seeds]
    written = [(*answer, False) for answer in bench.ledger.newest_answers(NEWEST)]
    return [
        Known(text=text, gold=codec.to_wire(text, gold), labels=tuple(codec.labels_in(gold)), whole=whole, seed=seed)
        for text, gold, whole, seed in [*seeds, *written]
    ]


def _count_labels(bench: Bench, cycle: int) -> Counter[str]:
    """How many of all seeds and accepted samples have each label.

    What earlier cycles have brought does not change any more, so every cycle notes the sum and counts one cycle on.
    """
    codec = bench.domain.codec
    noted = bench.ledger.part(cycle - 1, "labels")
    counts = Counter(noted or {})
    for gold, count in bench.ledger.count_answers(before=cycle, since=0 if noted is None else cycle - 1):
        counts.update(dict.fromkeys(codec.labels_in(gold), count))
    bench.ledger.put_part(cycle, "labels", counts)
    return counts + Counter(label for example in bench.domain.seeds for label in codec.labels_in(example.gold))


def _wanted(state: State, bench: Bench) -> int:
    """Drafts to ask for: a cycle's worth, or a little more than what is left of the budget."""
    curriculum = bench.settings.curriculum
    warm = curriculum.warm_up.drafts if state["cycle"] <= curriculum.warm_up.cycles else None
    drafts = warm or curriculum.quotas.drafts
    budget = bench.settings.budget
    caps = (budget.samples and budget.samples - state["accepted"], budget.cycle.samples)
    for left in (cap for cap in caps if cap is not None):
        drafts = min(drafts, left + max(2, left // 4))
    return min(drafts, _affordable(state["cycle"], bench, drafts))


def _affordable(cycle: int, bench: Bench, most: int) -> int:
    """Drafts that the budget in tokens and money still pays for, so that none is left unlabelled.

    By what a labelled one has cost so far; in the first cycle by what it is expected to.
    """
    run, each = bench.settings.budget, bench.settings.budget.cycle
    if not run.caps_calls():
        return most
    # drafts that the budget left without a label have cost something too
    before = bench.ledger.count_drafts(before=cycle, labelled=bench.settings.curriculum.labels != "generator")
    (tokens, usd), (now_tokens, now_usd) = bench.ledger.spent(None), bench.ledger.spent(cycle)
    tokens, usd = tokens - now_tokens, usd - now_usd
    one, one_usd = (tokens / before, usd / before) if before else bench.draft_cost
    caps = ((run.tokens, tokens, one), (run.usd, usd, one_usd), (each.tokens, 0, one), (each.usd, 0, one_usd))
    for cap, spent, price in caps:
        if cap is not None and price:
            most = min(most, max(1, int((cap - spent) / price)))
    return most


async def generate(state: LessonState, bench: Bench) -> StateUpdate:
    """Ask the Generator for the drafts of one lesson."""
    lesson = bench.ledger.lesson(state["lesson"])
    plan = LessonPlan.model_validate(lesson["plan"])
    seed = bench.seed(lesson["id"], "generate")
    try:
        # without quotas the lesson is about texts that earlier cycles left over
        writing = NOTHING
        if plan.quotas:
            writing = await generator.write(bench.teacher, bench.briefing, plan, lesson["cycle"], lesson["id"], seed)
    except BudgetSpent as exc:
        bench.emit("budget_spent", cycle=lesson["cycle"], role="generator", lesson=lesson["id"], reason=str(exc))
        writing = Writing((), (str(exc),), "")
    codec = bench.domain.codec
    samples = [
        Sample(
            id=f"{lesson['id']}-d{number:02d}",
            cycle=lesson["cycle"],
            lesson=lesson["id"],
            weakness=lesson["weakness"],
            text=draft.text,
            difficulty=draft.difficulty,
            intended=codec.from_wire(draft.text, draft.intended),
            draft_call=writing.call_id,
        )
        for number, draft in enumerate(writing.drafts, start=1)
    ]
    samples = await choose(bench, lesson["id"], lesson["cycle"], samples)
    bench.ledger.put_drafts(lesson["id"], samples)
    bench.ledger.close_lesson(lesson["id"], len(samples), 0, writing.faults)
    return {"drafted": len(samples)}


async def label(state: LessonState, bench: Bench) -> StateUpdate:
    """Ask the Labeler, who does not know what the drafts of the lesson were written for.

    Where its word counts for doubtful drafts alone, what the student confirms is not sent to it.
    """
    lesson = bench.ledger.lesson(state["lesson"])
    samples = bench.ledger.samples(lesson=lesson["id"], state="drafted")
    if bench.settings.curriculum.labels == "generator":
        _tell_lesson(bench, lesson, len(samples), 0)
        return {}
    if not samples:
        return {}
    confirmed = await _confirm(bench, samples, state["student"])
    asked = [sample for sample in samples if sample.id not in confirmed]
    given, faults = await _ask_labeler(bench, lesson, asked) if asked else ({}, ())
    bench.ledger.update_samples({**given, **confirmed}.items())
    # each once: an interrupted attempt may have noted its own already
    faults = list(dict.fromkeys([*lesson["faults"], *faults]))
    bench.ledger.close_lesson(lesson["id"], lesson["drafts"], len(given) + len(confirmed), faults)
    _tell_lesson(bench, lesson, len(samples), len(given) + len(confirmed), len(confirmed))
    return {}


async def _confirm(bench: Bench, samples: Sequence[Sample], version: str | None) -> dict[str, dict[str, Any]]:
    """Find the drafts whose intention the student gives as its own answer; sample id -> what is noted of it."""
    curriculum, key = bench.settings.curriculum, bench.domain.codec.key
    if curriculum.labels != "doubtful" or version is None:
        return {}
    answers = await bench.student.predict(bench.folder.version(version), [sample.text for sample in samples])
    return {
        sample.id: {"candidates": [sample.intended], "confidence": answer.confidence}
        for sample, answer in zip(samples, answers, strict=True)
        if answer.confidence >= curriculum.confirm
        and sample.intended is not None
        and key(answer.answer) == key(sample.intended)
    }


async def _ask_labeler(
    bench: Bench, lesson: dict[str, Any], samples: Sequence[Sample]
) -> tuple[dict[str, dict[str, Any]], Sequence[str]]:
    """Send drafts to the Labeler: sample id -> what is noted of it, and what was wrong with the answer."""
    texts = {sample.id: sample.text for sample in samples}
    seed = bench.seed(lesson["id"], "label")
    try:
        labelling = await labeler.label(bench.teacher, bench.briefing, texts, lesson["cycle"], lesson["id"], seed)
    except BudgetSpent as exc:
        bench.emit("budget_spent", cycle=lesson["cycle"], role="labeler", lesson=lesson["id"], reason=str(exc))
        return {}, [str(exc)]
    drafts = [DraftText(id=name, text=text) for name, text in texts.items()]
    batch = DraftBatch(labels=dict(bench.domain.file.labels), drafts=drafts)
    bench.ledger.put_message(lesson["cycle"], lesson["id"], "generator", "labeler", batch)
    bench.ledger.put_message(lesson["cycle"], lesson["id"], "labeler", "student", labelling.batch)
    codec = bench.domain.codec
    given = {
        name: {
            "candidates": [codec.from_wire(texts[name], item) for item in verdict.candidates],
            "confidence": verdict.confidence,
            "label_call": labelling.call_id,
        }
        for name, verdict in labelling.labels.items()
    }
    return given, labelling.faults


def _tell_lesson(bench: Bench, lesson: dict[str, Any], drafts: int, labelled: int, confirmed: int = 0) -> None:
    topic, name = lesson["plan"]["weakness"]["name"], lesson["id"]
    more = {"confirmed": confirmed} if confirmed else {}
    bench.emit("lesson", cycle=lesson["cycle"], lesson=name, topic=topic, drafts=drafts, labelled=labelled, **more)
