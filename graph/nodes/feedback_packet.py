"""The feedback packet: what the student got right and wrong, in the form that the Analyst reads."""

from collections.abc import Sequence

from evokd.graph.context import RunContext
from evokd.graph.curriculum.cases import pick_cases
from evokd.graph.nodes.evaluation import CycleEvaluation, EvaluatedText, score_evaluation
from evokd.graph.nodes.reference_texts import show_examples
from evokd.messages import Case, FeedbackPacket, LabelScore, OpenWeakness
from evokd.student.tasks.base import TaskCodec
from evokd.tracing.rows import GATE

MOST_COUNTED = 12
"""Maximum confusions and kinds of mistakes that a packet counts."""


async def build_packet(
    context: RunContext,
    cycle: int,
    champion: str | None,
    evaluation: CycleEvaluation,
    weaknesses: Sequence[OpenWeakness] = (),
) -> FeedbackPacket:
    """Make the feedback packet for the next cycle.

    Args:
        context: what the run works with.
        cycle: the cycle that was examined.
        champion: student version that answered.
        evaluation: the cycle's texts; scores are those on validation data where there is any, else on real texts.
        weaknesses: what became of those of earlier cycles.
    """
    curriculum = context.settings.curriculum
    shown = curriculum.packet
    scored = evaluation.scored
    scores = await score_evaluation(context, champion, evaluation) if shown.report else None
    cases = [write_case(context.domain.codec, item) for item in evaluation.texts]
    return FeedbackPacket(
        cycle=cycle + 1,
        task=context.domain.codec.name,
        labels=dict(context.domain.file.labels),
        report=[_round_scores(line) for line in scores.report] if scores else [],
        confusions=scores.confusions[:MOST_COUNTED] if scores else [],
        errors=scores.errors[:MOST_COUNTED] if scores else [],
        weaknesses=list(weaknesses) if shown.history else [],
        cases=pick_cases(cases, shown, context.seed(cycle, "packet")),
        examined=len(scored) if scores else 0,
        origin="real" if scored and all(item.origin == "real" for item in scored) else "written",
        examples=show_examples(
            context, curriculum.examples, curriculum.example_tokens, context.seed(cycle, "examples")
        ),
        notices=_note_roll_back(context, cycle) if shown.history else [],
    )


def write_case(codec: TaskCodec, item: EvaluatedText) -> Case:
    """Write an evaluated text in wire form."""
    text, gold = item.example.text, item.example.gold
    return Case(
        id=item.id,
        text=text,
        gold=codec.to_wire(text, gold),
        predicted=codec.to_wire(text, item.answer),
        confidence=item.confidence,
        verdict=item.verdict,
        origin=item.origin,
        **codec.case_fields(text, gold, item.answer),
    )


def _round_scores(line: LabelScore) -> LabelScore:
    """Round to two digits: more would cost tokens and help nobody."""
    return line.model_copy(update={name: round(getattr(line, name), 2) for name in ("precision", "recall", "f1")})


def _note_roll_back(context: RunContext, cycle: int) -> list[str]:
    gate = context.ledger.cycle_record(cycle, GATE)
    if cycle and gate and gate["after"] is not None and not gate["promoted"]:
        return [
            f"The training of cycle {cycle} was rolled back: {context.gate_metric} fell from {gate['before']:.3f} to"
            f" {gate['after']:.3f}. Its lessons did harm; look for other weaknesses or other advice."
        ]
    return []
