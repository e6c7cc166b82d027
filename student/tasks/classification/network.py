"""The torch side of text classification."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional
from transformers import AutoModelForSequenceClassification

from evokd.student.protocol import Prediction, TrainExample
from evokd.student.tasks.mean_pooling import wants_mean, write_mean
from evokd.student.tasks.network import LoadedModel, TextPiece, find_output_layer, load_model

_DIGITS = 6


class ClassificationNetwork:
    """A standard sequence classifier: one logit per label."""

    pipeline = "text-classification"
    classifies_texts = True
    one_class = True
    l2 = 300.0

    def __init__(self, labels: Sequence[str]) -> None:
        """Keep the labels, whose order is that of the logits."""
        self._labels = list(labels)
        self.class_labels = tuple(labels)
        self._indices = {label: index for index, label in enumerate(self._labels)}

    def load(self, source: str) -> LoadedModel:
        """Load a classifier with the labels in its configuration."""
        mean = wants_mean(source)
        loaded = load_model(
            AutoModelForSequenceClassification,
            source,
            self._labels,
            more_layers=int(mean),
            problem_type="single_label_classification",
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
        return torch.stack(list(targets))

    def class_weights(self, targets: Sequence[torch.Tensor]) -> torch.Tensor | None:
        """None: texts are drawn by label, which balances the labels."""
        return None

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
        """Give the likeliest label and all probabilities; logits: (labels,) per text."""
        answers = []
        for row in torch.softmax(torch.stack(list(logits)).double(), dim=-1).tolist():
            scores = {label: round(value, _DIGITS) for label, value in zip(self._labels, row, strict=True)}
            best = max(self._labels, key=lambda label: scores[label])
            answers.append(Prediction(answer=best, confidence=scores[best], scores=scores))
        return answers
