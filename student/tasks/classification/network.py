"""The torch side of text classification."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from evokd.student.protocol import Prediction, TrainExample
from evokd.student.tasks.classification.codec import ClassificationCodec
from evokd.student.tasks.network import TextPiece
from evokd.student.tasks.sequence_classifier import SequenceClassifier


class ClassificationNetwork(SequenceClassifier):
    """One label is right: a softmax over all of them."""

    pipeline = ClassificationCodec.pipeline
    one_class = True
    problem_type = "single_label_classification"

    def __init__(self, labels: Sequence[str]) -> None:
        """Keep the labels, whose order is that of the logits."""
        super().__init__(labels)
        self._indices = {label: index for index, label in enumerate(self._labels)}

    def target(self, piece: TextPiece, example: TrainExample) -> torch.Tensor:
        """Give the index of the label, shape (), or where labels share the target, their shares, (labels,)."""
        if example.shares:
            shares = torch.tensor([example.shares.get(label, 0.0) for label in self._labels], dtype=torch.float64)
            return shares / shares.sum()
        assert isinstance(example.gold, str)
        return torch.tensor(self._indices[example.gold])

    def collate(self, targets: Sequence[torch.Tensor]) -> torch.Tensor:
        """Stack label indices, shape (batch,), or shares of labels, (batch, labels), where any target has shares."""
        if any(target.ndim for target in targets):
            count = len(self._labels)
            targets = [t if t.ndim else functional.one_hot(t, count).double() for t in targets]
        return super().collate(targets)

    def loss(
        self,
        logits: torch.Tensor,
        targets: torch.Tensor,
        smoothing: float,
        classes: torch.Tensor | None,
        batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the cross-entropy per text.

        Args:
            logits: (batch, labels).
            targets: (batch,), indices of the right labels, or (batch, labels), shares of them.
            smoothing: share of the target that is spread over all labels.
            classes: not used.
            batch: not used.
        """
        if targets.is_floating_point():
            targets = targets.float()
        return functional.cross_entropy(logits.float(), targets, reduction="none", label_smoothing=smoothing)

    def decode(
        self, texts: Sequence[str], pieces: Sequence[TextPiece], logits: Sequence[torch.Tensor]
    ) -> list[Prediction]:
        """Give the likeliest label and all probabilities; logits: (labels,) per text."""
        answers = []
        for row in torch.softmax(torch.stack(list(logits)).double(), dim=-1).tolist():
            scores = self.name_scores(row)
            best = max(self._labels, key=lambda label: scores[label])
            answers.append(Prediction(answer=best, confidence=scores[best], scores=scores))
        return answers
