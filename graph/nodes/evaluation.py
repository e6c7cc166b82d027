"""What the student answers to gate, validation, test and exam texts, and how good the answers are.

Answers stay in the task's native form here; `feedback_packet` writes them for the Analyst.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evokd.graph.context import RunContext
from evokd.messages import CaseVerdict, Origin
from evokd.student.process.client import Prediction
from evokd.student.protocol import Answer, StudentProtocol
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.scores import Scores, verdict
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.rows import AnswersRecord, answers_of, scores_of

VALIDATION_CASE = "v"
"""Prefix of the ids of validation texts; no Generator sees their words."""
SEED_CASE = "s"
"""Prefix of the ids of seeds."""
LEAST_REAL = 12
"""From this many real texts on, written ones are left out."""


# --------------------------------------------------------------------------------------------- answers and scores


async def predict_split(context: RunContext, version: str, split: str) -> list[Prediction]:
    """Let a student version answer a split of the domain; a second call returns the stored answers.

    Args:
        context: what the run works with.
        version: student version, such as `c002`.
        split: `seeds`, `validation` or `test`.
    """
    examples: Sequence[LabeledExample] = getattr(context.domain, split)
    return await answer_once(context.ledger, context.student, context.folder.version(version), split, examples)


async def answer_once(
    ledger: Ledger, student: StudentProtocol, version: Path, split: str, examples: Sequence[LabeledExample]
) -> list[Prediction]:
    """Let a student answer examples; a second call with the same names returns the ledger's answers.

    Stored answers hold no probabilities per label: `scores` is empty.
    """
    kind = answers_of(split, version.name)
    record = ledger.cycle_record(0, kind)
    if record is None:
        predictions = await student.predict(version, [example.text for example in examples])
        record = AnswersRecord(answers=[(item.answer, item.confidence) for item in predictions])
        ledger.put_cycle_record(0, kind, record)
    return [Prediction(answer=answer, confidence=confidence, scores={}) for answer, confidence in record["answers"]]


async def score_split(context: RunContext, version: str, split: str) -> Scores | None:
    """Score a student version on a split; a second call returns the stored scores.

    The gate scores a champion on validation data; the next packet's report and the summary show the same scores.

    Returns:
        The scores; None if the domain has no such data.
    """
    examples: Sequence[LabeledExample] = getattr(context.domain, split)
    if not examples:
        return None
    kind = scores_of(split, version)
    record = context.ledger.cycle_record(0, kind)
    if record is not None:
        return Scores.model_validate(record)
    predictions = await predict_split(context, version, split)
    gold, answers = [example.gold for example in examples], [item.answer for item in predictions]
    scores = context.domain.codec.evaluate(gold, answers)
    context.ledger.put_cycle_record(0, kind, scores.model_dump(mode="json"))
    return scores


async def gate_scores(context: RunContext, version: str) -> Scores | None:
    """Scores that decide on champions: on validation data, or else on accepted samples that were set aside.

    None while there is not enough gate data.
    """
    if context.domain.validation:
        return await score_split(context, version, "validation")
    holdout = context.ledger.samples(state="accepted", purpose="gate")
    if len(holdout) < context.settings.gate.minimum:
        return None
    predictions = await context.student.predict(context.folder.version(version), [sample.text for sample in holdout])
    codec = context.domain.codec
    answers = [codec.drop_masked(item.answer, sample.masked) for sample, item in zip(holdout, predictions, strict=True)]
    return codec.evaluate([sample.label for sample in holdout], answers)


# ---------------------------------------------------------------------------------------------- the texts of a cycle


@dataclass(frozen=True)
class EvaluatedText:
    """A text, its right answer, and what the student answered, both in the task's native form."""

    id: str
    """Case id: `v...` of validation data, `e...` of the cycle's texts, `r...` of fresh real ones, `s...` of seeds."""
    example: LabeledExample
    answer: Answer
    confidence: float
    """The student's confidence in its answer, 0 to 1, three digits."""
    verdict: CaseVerdict
    origin: Origin

    @property
    def text(self) -> str:
        """The text itself."""
        return self.example.text


@dataclass(frozen=True)
class CycleEvaluation:
    """All evaluated texts of a cycle, of which a packet shows some."""

    exam: Sequence[EvaluatedText]
    """The texts of the cycle, answered before they were learned; the seeds if there is nothing else."""
    validation: Sequence[EvaluatedText]
    """Validation data, answered by the champion."""

    @property
    def texts(self) -> Sequence[EvaluatedText]:
        """All of them, or only the real texts if there are enough of these."""
        everything = [*self.exam, *self.validation]
        return _prefer_real(everything)

    @property
    def scored(self) -> Sequence[EvaluatedText]:
        """Those that are scored: validation data, else real texts, else written ones."""
        return self.validation or _prefer_real(self.exam)


def _prefer_real(texts: Sequence[EvaluatedText]) -> Sequence[EvaluatedText]:
    real = [item for item in texts if item.origin == "real"]
    return real if len(real) >= LEAST_REAL else texts


async def evaluate_cycle(context: RunContext, cycle: int, champion: str | None) -> CycleEvaluation:
    """Gather the evaluated texts of a cycle by `curriculum.packet.source`.

    They are the texts of this cycle, answered before they were learned, and validation data; at the very start, when
    there is neither, the seeds.

    The ledger passes them on: every answer is in it (`exam` of a sample, the answers of a split) before or when
    `examine` reads it. So `analyze`, one node later and perhaps in another process, reads the same texts under the same
    ids, and the student answers nothing twice.
    """
    source = context.settings.curriculum.packet.source
    exam = _read_exam(context, cycle) if source in ("exam", "both") else []
    validation = await evaluate_validation(context, champion) if champion else []
    if not exam and not validation and champion:
        predictions = await predict_split(context, champion, "seeds")
        exam = _evaluate(context, SEED_CASE, context.domain.seeds, predictions, ["real"] * len(predictions))
    return CycleEvaluation(exam, validation)


async def evaluate_validation(context: RunContext, champion: str) -> list[EvaluatedText]:
    """Validation data with the champion's answers; empty if the settings leave it out."""
    if not context.domain.validation or context.settings.curriculum.packet.source not in ("validation", "both"):
        return []
    predictions = await predict_split(context, champion, "validation")
    origins: list[Origin] = ["real"] * len(predictions)
    return _evaluate(context, VALIDATION_CASE, context.domain.validation, predictions, origins)


async def evaluate_fresh(context: RunContext, champion: str, samples: Sequence[Sample]) -> list[EvaluatedText]:
    """Real texts that were just labelled, with the champion's answers before it learns them."""
    predictions = await context.student.predict(context.folder.version(champion), [sample.text for sample in samples])
    examples = [LabeledExample(text=sample.text, gold=(sample.candidates or [""])[0]) for sample in samples]
    return _evaluate(context, "r", examples, predictions, ["real"] * len(predictions))


async def score_evaluation(context: RunContext, champion: str | None, evaluation: CycleEvaluation) -> Scores | None:
    """Score a cycle: on validation data as the gate did, else on the cycle's texts; None if there are none."""
    if evaluation.validation and champion:
        return await score_split(context, champion, "validation")
    texts = evaluation.scored
    if not texts:
        return None
    return context.domain.codec.evaluate([item.example.gold for item in texts], [item.answer for item in texts])


def _read_exam(context: RunContext, cycle: int) -> list[EvaluatedText]:
    """Accepted samples of a cycle with what the student answered before it learned them (also after a roll-back)."""
    # a masked sample has no complete right answer to show
    # a text that people refused, or that nobody saved, was answered but has no label
    answered = [sample for sample in context.ledger.samples(cycle=cycle) if sample.exam and sample.label is not None]
    examined = [sample for sample in answered if not sample.masked]
    examples = [LabeledExample(text=sample.text, gold=sample.label) for sample in examined]
    predictions = [Prediction(**sample.exam, scores={}) for sample in examined if sample.exam]
    origins: list[Origin] = ["real" if sample.is_real else "written" for sample in examined]
    return _evaluate(context, "e", examples, predictions, origins)


def _evaluate(
    context: RunContext,
    prefix: str,
    examples: Sequence[LabeledExample],
    predictions: Sequence[Prediction],
    origins: Sequence[Origin],
) -> list[EvaluatedText]:
    codec, confident = context.domain.codec, context.settings.curriculum.packet.confident
    return [
        EvaluatedText(
            id=f"{prefix}{number}",
            example=example,
            answer=prediction.answer,
            confidence=round(prediction.confidence, 3),
            verdict=verdict(codec.key(example.gold), codec.key(prediction.answer), prediction.confidence, confident),
            origin=origin,
        )
        for number, (example, prediction, origin) in enumerate(
            zip(examples, predictions, origins, strict=True), start=1
        )
    ]
