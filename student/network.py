"""What a task adds on the torch side: the kind of model, its targets, its loss, its answers."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from student.jobs import Prediction
from student.tasks import Gold


class TaskNetwork(Protocol):
    """The torch side of a `TaskCodec`."""

    pipeline: str
    """What the model hub calls the task."""

    def load(self, source: str) -> torch.nn.Module:
        """Load weights into the task's standard transformers class, float32, on the CPU.

        Args:
            source: folder or hub name; a missing or misfitting output layer is drawn from torch's global generator.
        """

    def targets(self, encodings: Any, golds: Sequence[Gold]) -> list[torch.Tensor]:
        """Make the training target of each text; the first dimension of a target is padded when batched.

        Args:
            encodings: the fast tokenizer's output for the texts.
            golds: their right answers.
        """

    def collate(self, targets: Sequence[torch.Tensor]) -> torch.Tensor:
        """Put the targets of a batch into one tensor."""

    def loss(self, logits: torch.Tensor, targets: torch.Tensor, smoothing: float) -> torch.Tensor:
        """Compute the loss per text, shape (batch,), float32.

        Args:
            logits: the model's output, first dimension the batch.
            targets: what `collate` gave.
            smoothing: share of the target that is spread over all labels.
        """

    def output_layer(self, model: torch.nn.Module) -> torch.nn.Linear:
        """Find the linear layer that `head` tuning trains."""

    def decode(self, logits: torch.Tensor, encodings: Any) -> list[Prediction]:
        """Turn the output for a batch into answers."""
