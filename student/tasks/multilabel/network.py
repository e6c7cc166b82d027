"""The torch side of multi-label classification: a sigmoid per label, learnt with binary cross-entropy."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from evokd.student.protocol import Answer, Prediction, TrainExample
from evokd.student.tasks.multilabel.codec import MultiLabelCodec
from evokd.student.tasks.network import TextPiece
from evokd.student.tasks.sequence_classifier import DIGITS, SequenceClassifier

THRESHOLD = 0.5
"""Probability from which a label is given."""


class MultiLabelNetwork(SequenceClassifier):
    """Each label is right or not by itself: a sigmoid for each."""

    pipeline = MultiLabelCodec.pipeline
    one_class = False
    l2 = 100.0
    """A third of that for one class per text. A penalty draws all probabilities together, which keeps the order of
    classes but moves probabilities over `THRESHOLD`; measured in docs/experiments/sets-of-labels.md."""
    problem_type = "multi_label_classification"

    def target(self, piece: TextPiece, example: TrainExample) -> torch.Tensor:
        """Give 1 for each label that applies, else 0, or the probabilities that the sample has: (labels,), float64."""
        if example.shares:
            return torch.tensor([example.shares.get(label, 0.0) for label in self._labels], dtype=torch.float64)
        given = _as_set(example.gold)
        return torch.tensor([float(label in given) for label in self._labels], dtype=torch.float64)

    def loss(
        self,
        logits: torch.Tensor,
        targets: torch.Tensor,
        smoothing: float,
        classes: torch.Tensor | None,
        batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the binary cross-entropy per text, summed over the labels, so that each counts as one decision.

        Args:
            logits: (batch, labels).
            targets: (batch, labels), probabilities.
            smoothing: share of a label's target that is spread over yes and no.
            classes: not used.
            batch: not used.
        """
        wanted = targets.to(logits.dtype if logits.dtype == torch.float64 else torch.float32)
        wanted = wanted * (1 - smoothing) + smoothing / 2
        logits = logits.to(wanted.dtype)
        return functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(-1)

    def decode(
        self, texts: Sequence[str], pieces: Sequence[TextPiece], logits: Sequence[torch.Tensor]
    ) -> list[Prediction]:
        """Give the labels from `THRESHOLD` on, and all probabilities; logits: (labels,) per text.

        The confidence is that of the least sure decision: the smallest of max(p, 1 - p) over all labels, .5 to 1. An
        answer is right as a whole only if every decision is, so one open label makes it doubtful.
        """
        answers = []
        for row in torch.sigmoid(torch.stack(list(logits)).double()).tolist():
            scores = self.name_scores(row)
            given = [label for label in self._labels if scores[label] >= THRESHOLD]
            least = min(max(value, 1 - value) for value in scores.values())
            answers.append(Prediction(answer=given, confidence=round(least, DIGITS), scores=scores))
        return answers


def _as_set(gold: Answer) -> set[str]:
    """Give the labels of an answer; that of a label's meaning is the label by itself."""
    return {gold} if isinstance(gold, str) else {label for label in gold if isinstance(label, str)}
