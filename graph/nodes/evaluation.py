"""Exams: what the student answers to gate, validation and test data, and the feedback packet made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evokd.graph.context import RunContext
from evokd.graph.curriculum.cases import pick_cases
from evokd.graph.nodes.reference_texts import show_examples
from evokd.messages import Case, FeedbackPacket, LabelScore, OpenWeakness, Origin
from evokd.student.process.client import Prediction
from evokd.student.protocol import Student
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.scores import Scores, verdict
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.rows import GATE, AnswersRecord, answers_of

MOST_COUNTED = 12
"""Confusions and kinds of mistakes that a packet counts."""
VALIDATION_CASE = "v"
"""How the ids of validation cases begin; their words reach no Generator."""
LEAST_REAL = 12
"""Real cases from which on written ones are left out."""


async def predict_split(context: RunContext, version: str, split: str) -> list[Prediction]:
    """Let a student version answer a split of the domain; asked again, the stored answers come back.

    Args:
        context: what the run works with.
        version: student version, such as `c002`.
        split: `validation` or `test`.
    """
    examples: Sequence[LabeledExample] = getattr(context.domain, split)
    return await answer_once(context.ledger, context.student, context.folder.version(version), split, examples)


async def answer_once(
    ledger: Ledger, student: Student, version: Path, split: str, examples: Sequence[LabeledExample]
) -> list[Prediction]:
    """Let a student answer examples; asked again under the same names, the answers that the ledger keeps come back."""
    kind = answers_of(split, version.name)
    stored = ledger.cycle_record(0, kind)
    if stored is None:
        predictions = await student.predict(version, [example.text for example in examples])
        stored = AnswersRecord(answers=[(item.answer, item.confidence) for item in predictions])
        ledger.put_cycle_record(0, kind, stored)
    return [Prediction(answer=answer, confidence=confidence, scores={}) for answer, confidence in stored["answers"]]


async def score_split(context: RunContext, version: str, split: str) -> Scores | None:
    """Score a student version on a split; None where the domain has no such data."""
    examples: Sequence[LabeledExample] = getattr(context.domain, split)
    if not examples:
        return None
    answers = await predict_split(context, version, split)
    return context.domain.codec.evaluate([example.gold for example in examples], [item.answer for item in answers])


async def gate_scores(context: RunContext, version: str) -> Scores | None:
    """Scores that decide about champions: on validation data, else on accepted samples that were set aside.

    None while there is not enough gate data.
    """
    if context.domain.validation:
        return await score_split(context, version, "validation")
    aside = context.ledger.samples(state="accepted", purpose="gate")
    if len(aside) < context.settings.gate.minimum:
        return None
    found = await context.student.predict(context.folder.version(version), [sample.text for sample in aside])
    codec = context.domain.codec
    answers = [codec.hide(item.answer, sample.masked) for sample, item in zip(aside, found, strict=True)]
    return codec.evaluate([sample.label for sample in aside], answers)


@dataclass(frozen=True)
class EvaluatedCases:
    """All cases of a cycle, of which a packet shows some."""

    exam: list[Case]
    """The texts of the cycle, answered before they were learned; where there is nothing else, the seeds."""
    held: list[Case]
    """Validation data, answered by the champion."""

    @property
    def cases(self) -> list[Case]:
        """All of them, real texts alone where there are enough of these."""
        found = [*self.exam, *self.held]
        real = [case for case in found if case.origin == "real"]
        return real if len(real) >= LEAST_REAL else found

    @property
    def scored(self) -> list[Case]:
        """Those that scores are made of: validation data, else real texts, else what was written."""
        real = [case for case in self.exam if case.origin == "real"]
        return self.held or (real if len(real) >= LEAST_REAL else self.exam)


async def examine_all(context: RunContext, cycle: int, champion: str | None) -> EvaluatedCases:
    """Gather the cases of a cycle by `curriculum.packet.source`; asked again, they are the same under the same ids.

    Cases come from the texts of this cycle, answered before they were learned, and from validation data; at the very
    start, where there is neither, from the seeds.
    """
    source = context.settings.curriculum.packet.source
    exam = _exam_cases(context, cycle) if source in ("exam", "both") else []
    held = await validation_cases(context, champion) if champion else []
    if not exam and not held and champion:
        answers = await context.student.predict(
            context.folder.version(champion), [item.text for item in context.domain.seeds]
        )
        exam = _cases(context, "s", context.domain.seeds, answers, ["real"] * len(answers))
    return EvaluatedCases(exam, held)


async def validation_cases(context: RunContext, champion: str) -> list[Case]:
    """Validation data as the champion answers it; none where it is not to be looked at."""
    if not context.domain.validation or context.settings.curriculum.packet.source not in ("validation", "both"):
        return []
    answers = await predict_split(context, champion, "validation")
    return _cases(context, VALIDATION_CASE, context.domain.validation, answers, ["real"] * len(answers))


async def fresh_cases(context: RunContext, champion: str, samples: Sequence[Sample]) -> list[Case]:
    """Real texts that were labelled just now, as the champion answers them before it learns them."""
    answers = await context.student.predict(context.folder.version(champion), [sample.text for sample in samples])
    examples = [LabeledExample(text=sample.text, gold=(sample.candidates or [""])[0]) for sample in samples]
    return _cases(context, "r", examples, answers, ["real"] * len(answers))


def build_packet(
    context: RunContext, cycle: int, examined: EvaluatedCases, weaknesses: Sequence[OpenWeakness] = ()
) -> FeedbackPacket:
    """Make the feedback packet for the next cycle.

    Args:
        context: what the run works with.
        cycle: the cycle that was examined.
        examined: its cases; scores are those on validation data where there is any, else on real texts.
        weaknesses: what became of those of earlier cycles.
    """
    curriculum = context.settings.curriculum
    shown = curriculum.packet
    scored = examined.scored
    scores = _score_cases(context, scored) if shown.report else None
    return FeedbackPacket(
        cycle=cycle + 1,
        task=context.domain.codec.name,
        labels=dict(context.domain.file.labels),
        report=[_shorten(line) for line in scores.report] if scores else [],
        confusions=scores.confusions[:MOST_COUNTED] if scores else [],
        errors=scores.errors[:MOST_COUNTED] if scores else [],
        weaknesses=list(weaknesses) if shown.history else [],
        cases=pick_cases(examined.cases, shown, context.seed(cycle, "packet")),
        examined=len(scored) if scores else 0,
        origin="real" if scored and all(case.origin == "real" for case in scored) else "written",
        examples=show_examples(
            context, curriculum.examples, curriculum.example_tokens, context.seed(cycle, "examples")
        ),
        notices=_notices(context, cycle) if shown.history else [],
    )


def _shorten(line: LabelScore) -> LabelScore:
    """Two digits are enough for a reader who pays by the token."""
    return line.model_copy(update={name: round(getattr(line, name), 2) for name in ("precision", "recall", "f1")})


def _exam_cases(context: RunContext, cycle: int) -> list[Case]:
    """Accepted samples of a cycle with what the student answered before it learned them (also after a roll-back)."""
    # a masked sample has no whole right answer to show
    examined = [sample for sample in context.ledger.samples(cycle=cycle) if sample.exam and not sample.masked]
    examples = [LabeledExample(text=sample.text, gold=sample.label) for sample in examined]
    answers = [Prediction(**(sample.exam or {}), scores={}) for sample in examined]
    origins: list[Origin] = ["real" if sample.is_real else "written" for sample in examined]
    return _cases(context, "e", examples, answers, origins)


def _cases(
    context: RunContext,
    prefix: str,
    examples: Sequence[LabeledExample],
    answers: Sequence[Prediction],
    origins: Sequence[Origin],
) -> list[Case]:
    codec, confident = context.domain.codec, context.settings.curriculum.packet.confident
    return [
        Case(
            id=f"{prefix}{number}",
            text=example.text,
            gold=codec.to_wire(example.text, example.gold),
            predicted=codec.to_wire(example.text, answer.answer),
            confidence=round(answer.confidence, 3),
            verdict=verdict(codec.key(example.gold), codec.key(answer.answer), answer.confidence, confident),
            origin=origin,
            **codec.case_fields(example.text, example.gold, answer.answer),
        )
        for number, (example, answer, origin) in enumerate(zip(examples, answers, origins, strict=True), start=1)
    ]


def _score_cases(context: RunContext, cases: Sequence[Case]) -> Scores | None:
    if not cases:
        return None
    codec = context.domain.codec
    gold: list[Any] = [codec.from_wire(case.text, case.gold) for case in cases]
    return codec.evaluate(gold, [codec.from_wire(case.text, case.predicted) for case in cases])


def _notices(context: RunContext, cycle: int) -> list[str]:
    gate = context.ledger.cycle_record(cycle, GATE)
    if cycle and gate and gate["after"] is not None and not gate["promoted"]:
        return [
            f"The training of cycle {cycle} was rolled back: {context.gate_metric} fell from {gate['before']:.3f} to"
            f" {gate['after']:.3f}. Its lessons did harm; look for other weaknesses or other advice."
        ]
    return []
