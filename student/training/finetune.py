"""Train all weights of the student."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from evokd.student.compute import autocast
from evokd.student.student_settings import StudentSettings
from evokd.student.tasks.network import TaskNetwork
from evokd.student.training.adapters import is_adapter
from evokd.student.training.batches import plan_batches
from evokd.student.training.retry import Diverged

_WARM_UP = 0.1
"""Share of the steps in which the rate rises from 0."""
_DECAY = 0.01
"""Weight decay of matrices."""
_CLIP = 1.0
"""Largest norm of the gradient."""
_CHECK_EVERY = 25
"""Steps between checks of the losses; a check waits for the device."""


OnStep = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainingSet:
    """The samples of a training as the network takes them, a row per piece."""

    encodings: list[dict[str, Any]]
    targets: list[torch.Tensor]
    weights: torch.Tensor
    classes: torch.Tensor | None
    groups: list[str]
    older: list[bool]
    meanings: int = 0
    """How many of the last pieces are meanings of labels."""


@dataclass(frozen=True)
class FullTraining:
    """One attempt at training all weights, in place."""

    network: TaskNetwork
    model: torch.nn.Module
    tokenizer: Any
    data: TrainingSet
    settings: StudentSettings
    """Of this attempt: after a fault its rate is lower than the one that the user asked for."""
    precision: torch.dtype
    at_once: int
    """Pieces computed at once; a batch of more is computed in parts, its gradient is the same."""
    on_step: OnStep | None = None
    """Called after every step with its number, from 1, and the number of all."""

    def run(self, seed: int) -> tuple[int, float]:
        """Train.

        Args:
            seed: of the choice of batches.

        Returns:
            Optimizer steps, and the mean loss of the last tenth of them.

        Raises:
            Diverged: the loss or the weights became NaN or infinite.
        """
        # A plain loop: transformers.Trainer would need a sampler, a collator and a callback of ours as well, it seeds
        # the global generators, and importing it takes longer (5 s) than the whole start of this process (2.5 s).
        model = self.model
        batches = self._plan(seed)
        steps = len(batches)
        optimizer = torch.optim.AdamW(self._parameters(), lr=self.settings.rate, fused=True)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate_at(step, steps))
        losses: list[torch.Tensor] = []
        model.train()
        for batch in batches:
            losses.append(self.add_gradients(batch))
            torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
            if self.on_step is not None:
                self.on_step(len(losses), steps)
            if len(losses) % _CHECK_EVERY == 0 or len(losses) == steps:
                _check_losses(losses)
        _check_weights(model, steps)
        loss = float(torch.stack(losses[-max(1, steps // 10) :]).mean())
        if not math.isfinite(loss):  # losses so large that their sum is none
            raise Diverged("loss", steps)
        return steps, loss

    def _parameters(self) -> list[dict[str, Any]]:
        output = list(self.network.output_layer(self.model).parameters())
        trained = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        adapters = [p for name, p in trained.items() if is_adapter(name)]
        theirs = {id(p) for p in (*output, *adapters)}
        inner = [p for p in trained.values() if id(p) not in theirs]
        # Biases and norms are not decayed, as is usual.
        groups: list[dict[str, Any]] = [
            {"params": [p for p in inner if p.ndim > 1], "weight_decay": _DECAY},
            {"params": [p for p in inner if p.ndim <= 1], "weight_decay": 0.0},
            {"params": output, "weight_decay": _DECAY, "lr": self.settings.rate * self.settings.output_rate},
        ]
        if adapters:
            rate = self.settings.rate * self.settings.lora.rate
            groups.append({"params": adapters, "weight_decay": _DECAY, "lr": rate})
        return groups

    def _plan(self, seed: int) -> list[list[int]]:
        settings, data = self.settings, self.data
        return plan_batches(
            data.groups,
            [len(encoding["input_ids"]) for encoding in data.encodings],
            data.older,
            steps=max(settings.steps, math.ceil(settings.min_epochs * data.older.count(False) / settings.batch)),
            batch=settings.batch,
            replay=settings.replay,
            balance=settings.balance,
            rng=random.Random(seed),
        )

    def add_gradients(self, indices: list[int]) -> torch.Tensor:
        """Add the gradient of a batch's mean loss to the model's; returns that loss, shape ().

        Args:
            indices: of the pieces of the batch.
        """
        data = self.data
        device = next(self.model.parameters()).device
        classes = None if data.classes is None else data.classes.to(device)
        batch = self.network.collate([data.targets[i] for i in indices]).to(device)
        parts: list[torch.Tensor] = []
        for start in range(0, len(indices), self.at_once):
            chosen = indices[start : start + self.at_once]
            inputs = self.tokenizer.pad([data.encodings[i] for i in chosen], return_tensors="pt").to(device)
            targets = self.network.collate([data.targets[i] for i in chosen]).to(device)
            weights = data.weights[chosen].to(device)
            with autocast(device, self.precision):
                logits = self.model(**inputs).logits
            each = self.network.loss(logits, targets, self.settings.label_smoothing, classes, batch)
            # The share is exactly 1 where the batch is computed whole.
            loss = (each * weights).mean() * (len(chosen) / len(indices))
            loss.backward()  # type: ignore[no-untyped-call]
            parts.append(loss.detach())
        return torch.stack(parts).sum()


def clear_layer(layer: torch.nn.Linear) -> None:
    """Let a full training of a pretrained encoder begin at equal logits; in place."""
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()


def _check_losses(losses: list[torch.Tensor]) -> None:
    """Check the losses since the last check; NaN stays NaN, so the first step tells where it began."""
    first = (len(losses) - 1) // _CHECK_EVERY * _CHECK_EVERY
    wrong = (~torch.isfinite(torch.stack(losses[first:]))).nonzero()
    if len(wrong):
        raise Diverged("loss", first + int(wrong[0]) + 1)


def _check_weights(model: torch.nn.Module, steps: int) -> None:
    """Check what the last step made, which no loss has shown."""
    if not bool(torch.stack([torch.isfinite(parameter).all() for parameter in model.parameters()]).all()):
        raise Diverged("weights", steps)


def _rate_at(step: int, steps: int) -> float:
    """Linear up to 1 during the warm-up, then linear down to 0 behind the last step."""
    warm = max(1, round(steps * _WARM_UP))
    return (step + 1) / warm if step < warm else (steps - step) / max(1, steps - warm)
