"""The torch side of multi-label classification: a sigmoid per label, learnt with binary cross-entropy."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional
from transformers import AutoModelForSequenceClassification

from evokd.student.protocol import Answer, Prediction, TrainExample
from evokd.student.tasks.mean_pooling import wants_mean, write_mean
from evokd.student.tasks.network import LoadedModel, TextPiece, find_output_layer, load_model

THRESHOLD = 0.5
"""Probability from which a label is given."""
_DIGITS = 6


class MultiLabelNetwork:
    """A standard sequence classifier: one logit per label, each for itself."""

    pipeline = "text-classification"
    classifies_texts = True
    one_class = False
    l2 = 300.0

    def __init__(self, labels: Sequence[str]) -> None:
        """Keep the labels, whose order is that of the logits."""
        self._labels = list(labels)
        self.class_labels = tuple(labels)

    def load(self, source: str) -> LoadedModel:
        """Load a classifier with the labels in its configuration; plain transformers then uses sigmoids as well."""
        mean = wants_mean(source)
        loaded = load_model(
            AutoModelForSequenceClassification,
            source,
            self._labels,
            more_layers=int(mean),
            problem_type="multi_label_classification",
        )
        if not mean:
            return loaded
        written = write_mean(loaded.model)
        return loaded._replace(drawn=frozenset(name for name in loaded.drawn if not name.startswith(written)))

    def cut(self, tokenizer: Any, texts: Sequence[str], limit: int) -> list[TextPiece]:
        """Make one piece of each text; what is longer than `limit` is cut off."""
        encodings = tokenizer(list(texts), truncation=True, max_length=limit)
        return [TextPiece(i, {key: encodings[key][i] for key in encodings}) for i in range(len(texts))]

    def target(self, piece: TextPiece, example: TrainExample) -> torch.Tensor:
        """Give 1 for each label that applies, else 0, or the probabilities that the sample has: (labels,), float64."""
        if example.shares:
            return torch.tensor([example.shares.get(label, 0.0) for label in self._labels], dtype=torch.float64)
        given = _as_set(example.gold)
        return torch.tensor([float(label in given) for label in self._labels], dtype=torch.float64)

    def collate(self, targets: Sequence[torch.Tensor]) -> torch.Tensor:
        """Stack: (batch, labels)."""
        return torch.stack(list(targets))

    def class_weights(self, targets: Sequence[torch.Tensor]) -> torch.Tensor | None:
        """None: texts are drawn by their rarest label, which balances the labels."""
        return None

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

    def flatten(
        self, features: Sequence[torch.Tensor], targets: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
        """Stack: one row per text."""
        return torch.stack(list(features)), self.collate(targets), list(range(len(targets)))

    def output_layer(self, model: torch.nn.Module) -> torch.nn.Linear:
        """Find the last linear layer with one output per label."""
        return find_output_layer(model, len(self._labels))

    def decode(
        self, texts: Sequence[str], pieces: Sequence[TextPiece], logits: Sequence[torch.Tensor]
    ) -> list[Prediction]:
        """Give the labels from `THRESHOLD` on, and all probabilities; logits: (labels,) per text.

        The confidence is that of the least sure decision: the smallest of max(p, 1 - p) over all labels, .5 to 1. An
        answer is right as a whole only if every decision is, so one open label makes it doubtful.
        """
        answers = []
        for row in torch.sigmoid(torch.stack(list(logits)).double()).tolist():
            scores = {label: round(value, _DIGITS) for label, value in zip(self._labels, row, strict=True)}
            given = [label for label in self._labels if scores[label] >= THRESHOLD]
            least = min(max(value, 1 - value) for value in scores.values())
            answers.append(Prediction(answer=given, confidence=round(least, _DIGITS), scores=scores))
        return answers


def _as_set(gold: Answer) -> set[str]:
    """Give the labels of an answer; that of a label's meaning is the label by itself."""
    return {gold} if isinstance(gold, str) else {label for label in gold if isinstance(label, str)}
