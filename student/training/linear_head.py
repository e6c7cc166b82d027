"""Fit the output layer alone, on features of a frozen encoder."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

_ITERATIONS = 100


@dataclass(frozen=True)
class Rows:
    """What an output layer is fitted on."""

    features: torch.Tensor
    """(rows, features)."""
    targets: torch.Tensor
    """(rows,) indices of classes, or (rows, classes) shares of them."""
    weights: torch.Tensor
    """(rows,), weight of each in the loss, 1 is usual; the more they add up to, the less the L2 penalty counts."""


@dataclass(frozen=True)
class Fitted:
    """A fitted layer, float64."""

    matrix: torch.Tensor
    """(classes, features)."""
    bias: torch.Tensor
    """(classes,)."""
    calls: int
    """Evaluations of the loss."""
    loss: float
    """Weighted mean at the end, without the L2 penalty."""

    def answer(self, features: torch.Tensor) -> torch.Tensor:
        """Give the logits of features (rows, features): (rows, classes), float64."""
        return features.double().cpu() @ self.matrix.T + self.bias


LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Logits (rows, classes) and targets to the loss of each row, (rows,)."""


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Compute the cross-entropy of each row with shares of classes as targets."""
    return -(torch.log_softmax(logits, -1) * targets).sum(-1)


def fit_rows(rows: Rows, l2: float, loss: LossFunction = cross_entropy, classes: int | None = None) -> Fitted:
    """Fit a layer: L2-regularised regression by L-BFGS, in float64 on the CPU.

    Features are centred and scaled by one number, to a mean square of 1. Scaling each by its own deviation was measured
    worse: on a handful of texts a deviation is chance.

    Args:
        rows: features, targets and weights.
        l2: weight of the squared norm of the layer, divided by the sum of the weights.
        loss: per row.
        classes: of the layer; None where the targets are shares of them.
    """
    inputs, weights = rows.features.double().cpu(), rows.weights.double().cpu()
    count = rows.targets.shape[1] if classes is None else classes
    width = inputs.shape[1]
    mean = inputs.mean(0)
    inputs = inputs - mean
    scale = 1 / inputs.square().mean().sqrt().clamp(min=1e-6)
    inputs = inputs * scale
    mass = weights.sum().clamp(min=1e-12)
    share = weights / mass
    matrix = torch.zeros(count, width, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([matrix, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")
    losses: list[float] = []

    def evaluate() -> torch.Tensor:
        search.zero_grad()
        data_loss = (loss(inputs @ matrix.T + bias, rows.targets.cpu()) * share).sum()
        losses.append(data_loss.item())
        total = data_loss + l2 * (matrix.square().sum() + bias.square().sum()) / (2 * mass)
        total.backward()  # type: ignore[no-untyped-call]
        return total

    search.step(evaluate)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return Fitted(matrix * scale, bias - (matrix * scale) @ mean, len(losses), losses[-1])


def write_layer(layer: torch.nn.Linear, fitted: Fitted) -> None:
    """Put a fitted layer into the model's, in place."""
    with torch.no_grad():
        layer.weight.copy_(fitted.matrix)
        if layer.bias is not None:
            layer.bias.copy_(fitted.bias)
