"""What networks with one output per label for the whole text have in common, whether one label is right or several."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from evokd.student.tasks.mean_pooling import wants_mean, write_mean
from evokd.student.tasks.network import LoadedModel, TextPiece, find_output_layer, load_model

DIGITS = 6
"""Of probabilities."""


class SequenceClassifier:
    """A standard sequence classifier of transformers: one logit per label."""

    pipeline: str
    classifies_texts = True
    l2 = 300.0
    problem_type: str
    """What transformers calls it; plain pipelines choose softmax or sigmoids by it."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Keep the labels, whose order is that of the logits."""
        self._labels = list(labels)
        self.class_labels = tuple(labels)

    def load(self, source: str) -> LoadedModel:
        """Load a classifier with the labels in its configuration."""
        mean = wants_mean(source)
        loaded = load_model(
            AutoModelForSequenceClassification,
            source,
            self._labels,
            more_layers=int(mean),
            problem_type=self.problem_type,
        )
        if not mean:
            return loaded
        written = write_mean(loaded.model)
        return loaded._replace(drawn=frozenset(name for name in loaded.drawn if not name.startswith(written)))

    def cut(self, tokenizer: Any, texts: Sequence[str], limit: int) -> list[TextPiece]:
        """Make one piece of each text; what is longer than `limit` is cut off."""
        encodings = tokenizer(list(texts), truncation=True, max_length=limit)
        return [TextPiece(i, {key: encodings[key][i] for key in encodings}) for i in range(len(texts))]

    def collate(self, targets: Sequence[torch.Tensor]) -> torch.Tensor:
        """Stack: (batch,) or (batch, labels)."""
        return torch.stack(list(targets))

    def class_weights(self, targets: Sequence[torch.Tensor]) -> torch.Tensor | None:
        """None: texts are drawn by label (the rarest of several), which balances the labels."""
        return None

    def flatten(
        self, features: Sequence[torch.Tensor], targets: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
        """Stack: one row per text."""
        return torch.stack(list(features)), self.collate(targets), list(range(len(targets)))

    def output_layer(self, model: torch.nn.Module) -> torch.nn.Linear:
        """Find the last linear layer with one output per label."""
        return find_output_layer(model, len(self._labels))

    def name_scores(self, row: Sequence[float]) -> dict[str, float]:
        """Give each label its probability, rounded.

        Args:
            row: a probability per label, in the order of the logits.
        """
        return {label: round(value, DIGITS) for label, value in zip(self._labels, row, strict=True)}
