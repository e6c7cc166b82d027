"""What a training learns from: the user's rows, and samples weighted by how reliable their labels are."""

from collections.abc import Sequence

from evokd.graph.context import RunContext
from evokd.student.protocol import TrainExample
from evokd.tracing.ledger import Sample
from evokd.tracing.samples import TrainingSample

LEAST_WEIGHT = 0.05
"""Weight of a label that the Labeler itself gives no more than even odds."""


def seed_examples(context: RunContext) -> list[TrainExample]:
    """The user's labelled examples."""
    return [
        TrainExample(id=f"seed-{number}", text=example.text, gold=example.gold, trusted=True)
        for number, example in enumerate(context.domain.seeds)
    ]


def validation_examples(context: RunContext) -> list[TrainExample]:
    """The user's validation rows, for the last training."""
    return [
        TrainExample(id=f"validation-{number}", text=example.text, gold=example.gold, trusted=True)
        for number, example in enumerate(context.domain.validation)
    ]


def to_examples(context: RunContext, samples: Sequence[Sample | TrainingSample]) -> list[TrainExample]:
    """Prepare accepted samples for training; an answer that a person vouches for is trusted as the user's own."""
    reviewed = context.ledger.reviewers()
    return [_to_example(context, sample, sample.id in reviewed) for sample in samples]


def _to_example(context: RunContext, sample: Sample | TrainingSample, reviewed: bool) -> TrainExample:
    """Prepare an accepted sample for training.

    The label of a real text comes only from the Labeler, so its confidence weights it; a list of entities is not
    weighted, since its one confidence is that of its most doubtful entity.
    """
    masked = [(start, end) for start, end in sample.masked]
    weighed = context.settings.curriculum.pool.weigh_labels and not context.entities
    soft = weighed and sample.is_real and sample.confidence is not None and not reviewed
    return TrainExample(
        id=sample.id,
        text=sample.text,
        gold=sample.label,
        masked=masked,
        weight=weigh(sample.confidence or 0.0) if soft else 1.0,
        trusted=reviewed,
    )


def weigh(confidence: float) -> float:
    """Turn the confidence in a label, 0 to 1, into its weight in training, up to 1.

    A language model's confidence is informative: from .9 on, its labels of real texts were right in 97 to 100 % of
    cases, below .6 in about half.
    """
    return max(LEAST_WEIGHT, min(1.0, max(0.0, 2 * confidence - 1) ** 2))
