"""Exams: what the student answers to gate, validation and test data, and the feedback packet made of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evokd.graph.context import Bench
from evokd.graph.curriculum.cases import pick_cases
from evokd.graph.nodes.reference_texts import show_examples
from evokd.messages import Case, FeedbackPacket, LabelScore, OpenWeakness, Origin
from evokd.student.process.client import Prediction
from evokd.student.protocol import Student
from evokd.student.tasks.base import Example
from evokd.student.tasks.scores import Scores, verdict
from evokd.tracing.ledger import Ledger, Sample

MOST_COUNTED = 12
"""Confusions and kinds of mistakes that a packet counts."""
VALIDATION_CASE = "v"
"""How the ids of validation cases begin; their words reach no Generator."""
LEAST_REAL = 12
"""Real cases from which on written ones are left out."""


async def predict_split(bench: Bench, version: str, split: str) -> list[Prediction]:
    """Let a student version answer a split of the domain; asked again, the stored answers come back.

    Args:
        bench: the workbench.
        version: student version, such as `c002`.
        split: `validation` or `test`.
    """
    examples: Sequence[Example] = getattr(bench.domain, split)
    return await answer_once(bench.ledger, bench.student, bench.folder.version(version), split, examples)


async def answer_once(
    ledger: Ledger, student: Student, version: Path, split: str, examples: Sequence[Example]
) -> list[Prediction]:
    """Let a student answer examples; asked again under the same names, the answers that the ledger keeps come back."""
    part = f"{split}:{version.name}"
    stored = ledger.part(0, part)
    if stored is None:
        found = await student.predict(version, [example.text for example in examples])
        stored = {"answers": [[item.answer, item.confidence] for item in found]}
        ledger.put_part(0, part, stored)
    return [Prediction(answer=answer, confidence=confidence, scores={}) for answer, confidence in stored["answers"]]


async def score_split(bench: Bench, version: str, split: str) -> Scores | None:
    """Score a student version on a split; None where the domain has no such data."""
    examples: Sequence[Example] = getattr(bench.domain, split)
    if not examples:
        return None
    answers = await predict_split(bench, version, split)
    return bench.domain.codec.evaluate([example.gold for example in examples], [item.answer for item in answers])


async def gate_scores(bench: Bench, version: str) -> Scores | None:
    """Scores that decide about champions: on validation data, else on accepted samples that were set aside.

    None while there is not enough gate data.
    """
    if bench.domain.validation:
        return await score_split(bench, version, "validation")
    aside = bench.ledger.samples(state="accepted", purpose="gate")
    if len(aside) < bench.settings.gate.minimum:
        return None
    found = await bench.student.predict(bench.folder.version(version), [sample.text for sample in aside])
    codec = bench.domain.codec
    answers = [codec.hide(item.answer, sample.masked) for sample, item in zip(aside, found, strict=True)]
    return codec.evaluate([sample.label for sample in aside], answers)


@dataclass(frozen=True)
class Examined:
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


async def examine_all(bench: Bench, cycle: int, champion: str | None) -> Examined:
    """Gather the cases of a cycle by `curriculum.packet.source`; asked again, they are the same under the same ids.

    Cases come from the texts of this cycle, answered before they were learned, and from validation data; at the very
    start, where there is neither, from the seeds.
    """
    source = bench.settings.curriculum.packet.source
    exam = _exam_cases(bench, cycle) if source in ("exam", "both") else []
    held = await validation_cases(bench, champion) if champion else []
    if not exam and not held and champion:
        answers = await bench.student.predict(
            bench.folder.version(champion), [item.text for item in bench.domain.seeds]
        )
        exam = _cases(bench, "s", bench.domain.seeds, answers, ["real"] * len(answers))
    return Examined(exam, held)


async def validation_cases(bench: Bench, champion: str) -> list[Case]:
    """Validation data as the champion answers it; none where it is not to be looked at."""
    if not bench.domain.validation or bench.settings.curriculum.packet.source not in ("validation", "both"):
        return []
    answers = await predict_split(bench, champion, "validation")
    return _cases(bench, VALIDATION_CASE, bench.domain.validation, answers, ["real"] * len(answers))


async def fresh_cases(bench: Bench, champion: str, samples: Sequence[Sample]) -> list[Case]:
    """Real texts that were labelled just now, as the champion answers them before it learns them."""
    answers = await bench.student.predict(bench.folder.version(champion), [sample.text for sample in samples])
    examples = [Example(text=sample.text, gold=(sample.candidates or [""])[0]) for sample in samples]
    return _cases(bench, "r", examples, answers, ["real"] * len(answers))


def build_packet(
    bench: Bench, cycle: int, examined: Examined, weaknesses: Sequence[OpenWeakness] = ()
) -> FeedbackPacket:
    """Make the feedback packet for the next cycle.

    Args:
        bench: the workbench.
        cycle: the cycle that was examined.
        examined: its cases; scores are those on validation data where there is any, else on real texts.
        weaknesses: what became of those of earlier cycles.
    """
    curriculum = bench.settings.curriculum
    shown = curriculum.packet
    scored = examined.scored
    scores = _score_cases(bench, scored) if shown.report else None
    return FeedbackPacket(
        cycle=cycle + 1,
        task=bench.domain.codec.name,
        labels=dict(bench.domain.file.labels),
        report=[_shorten(line) for line in scores.report] if scores else [],
        confusions=scores.confusions[:MOST_COUNTED] if scores else [],
        errors=scores.errors[:MOST_COUNTED] if scores else [],
        weaknesses=list(weaknesses) if shown.history else [],
        cases=pick_cases(examined.cases, shown, bench.seed(cycle, "packet")),
        examined=len(scored) if scores else 0,
        origin="real" if scored and all(case.origin == "real" for case in scored) else "written",
        examples=show_examples(bench, curriculum.examples, curriculum.example_tokens, bench.seed(cycle, "examples")),
        notices=_notices(bench, cycle) if shown.history else [],
    )


def _shorten(line: LabelScore) -> LabelScore:
    """Two digits are enough for a reader who pays by the token."""
    return line.model_copy(update={name: round(getattr(line, name), 2) for name in ("precision", "recall", "f1")})


def _exam_cases(bench: Bench, cycle: int) -> list[Case]:
    """Accepted samples of a cycle with what the student answered before it learned them (also after a roll-back)."""
    # a masked sample has no whole right answer to show
    examined = [sample for sample in bench.ledger.samples(cycle=cycle) if sample.exam and not sample.masked]
    examples = [Example(text=sample.text, gold=sample.label) for sample in examined]
    answers = [Prediction(**(sample.exam or {}), scores={}) for sample in examined]
    origins: list[Origin] = ["real" if sample.is_real else "written" for sample in examined]
    return _cases(bench, "e", examples, answers, origins)


def _cases(
    bench: Bench,
    prefix: str,
    examples: Sequence[Example],
    answers: Sequence[Prediction],
    origins: Sequence[Origin],
) -> list[Case]:
    codec, confident = bench.domain.codec, bench.settings.curriculum.packet.confident
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


def _score_cases(bench: Bench, cases: Sequence[Case]) -> Scores | None:
    if not cases:
        return None
    codec = bench.domain.codec
    gold: list[Any] = [codec.from_wire(case.text, case.gold) for case in cases]
    return codec.evaluate(gold, [codec.from_wire(case.text, case.predicted) for case in cases])


def _notices(bench: Bench, cycle: int) -> list[str]:
    gate = bench.ledger.part(cycle, "gate")
    if cycle and gate and gate["after"] is not None and not gate["promoted"]:
        return [
            f"The training of cycle {cycle} was rolled back: {bench.gate_metric} fell from {gate['before']:.3f} to"
            f" {gate['after']:.3f}. Its lessons did harm; look for other weaknesses or other advice."
        ]
    return []
