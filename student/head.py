"""Fit the output layer alone, on features of a frozen encoder."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import torch

from student.network import TaskNetwork

FEATURE_BATCH = 64
"""Pieces whose features are computed at once, where memory allows."""
_PENALTY = 100.0
"""Weight of the squared norm of the layer (on standardised features), divided by the number of samples."""
_ITERATIONS = 100


def read_features(
    model: torch.nn.Module,
    layer: torch.nn.Linear,
    tokenizer: Any,
    encodings: Sequence[dict[str, Any]],
    at_once: int = FEATURE_BATCH,
) -> list[torch.Tensor]:
    """Compute what the output layer sees of each piece, without dropout: (features,) or (sub-words, features).

    Pieces of one length are computed together, so that none is padded: on a CPU the features of a piece are then the
    same bits whatever it is computed with.

    Args:
        model: the student.
        layer: its output layer.
        tokenizer: its tokenizer.
        encodings: tokenizer output per piece.
        at_once: pieces computed at once.
    """
    seen: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    device = next(model.parameters()).device
    lengths = [len(encoding["input_ids"]) for encoding in encodings]
    order = sorted(range(len(encodings)), key=lambda i: lengths[i])
    model.eval()
    try:
        with torch.inference_mode():
            for _, group in groupby(order, key=lambda i: lengths[i]):
                alike = list(group)
                for start in range(0, len(alike), at_once):
                    chosen = [encodings[i] for i in alike[start : start + at_once]]
                    model(**tokenizer.pad(chosen, return_tensors="pt").to(device))
    finally:
        hook.remove()
    rows = [row for batch in seen for row in batch]
    found: dict[int, torch.Tensor] = {}
    for i, row in zip(order, rows, strict=True):
        # Outside of inference mode, so that a layer can be fitted on it.
        found[i] = row.clone()
    return [found[i] for i in range(len(encodings))]


def fit_head(
    network: TaskNetwork,
    layer: torch.nn.Linear,
    features: torch.Tensor,
    targets: torch.Tensor,
    weights: torch.Tensor,
    smoothing: float,
    classes: torch.Tensor | None,
) -> tuple[int, float]:
    """Fit the layer in place: penalised regression on standardised features by L-BFGS, in float64 on the CPU.

    Args:
        network: the task's, for its loss.
        layer: the output layer, features -> classes.
        features: (rows, features).
        targets: (rows,), what the network's `flatten` gave.
        weights: (rows,), weight of each in the loss.
        smoothing: label smoothing, 0 to 1.
        classes: (classes,), weight of each class in the loss.

    Returns:
        Evaluations of the loss, and the mean loss at the end (without the penalty).
    """
    inputs = features.double().cpu()
    mean, scale = inputs.mean(0), inputs.std(0, unbiased=False) + 1e-6
    inputs = (inputs - mean) / scale
    share = weights.double().cpu() / weights.sum().double().cpu()
    matrix = torch.zeros(layer.out_features, layer.in_features, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(layer.out_features, dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([matrix, bias], max_iter=_ITERATIONS, line_search_fn="strong_wolfe")
    calls: list[float] = []

    def evaluate() -> torch.Tensor:
        search.zero_grad()
        loss = (network.loss(inputs @ matrix.T + bias, targets.cpu(), smoothing, classes) * share).sum()
        calls.append(loss.item())
        total = loss + _PENALTY * (matrix.square().sum() + bias.square().sum()) / (2 * len(inputs))
        total.backward()  # type: ignore[no-untyped-call]
        return total

    search.step(evaluate)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        layer.weight.copy_(matrix / scale)
        if layer.bias is not None:
            layer.bias.copy_(bias - (matrix / scale) @ mean)
    return len(calls), calls[-1]
