"""Linear layers whose weights oneDNN has laid out for this CPU, for answering alone.

On CPUs that are not Intel's, torch's products of float32 matrices (MKL) take twice the time of oneDNN's.
"""

from typing import Any

import torch

ROWS = 2_048
"""Rows for which weights are laid out; other numbers are computed as well."""


class PackedLinear(torch.nn.Module):
    """A linear layer that can compute, and neither be trained nor saved."""

    def __init__(self, layer: torch.nn.Linear) -> None:
        """Lay out the weights of a layer.

        Args:
            layer: float32, on the CPU.
        """
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        # Some models look at the weights of their layers, if only for the number format.
        self.weight, self.bias = layer.weight, layer.bias
        self._packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), ROWS)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute (..., in features) -> (..., out features)."""
        operators: Any = torch.ops.mkldnn
        output: torch.Tensor = operators._linear_pointwise(inputs, self._packed, self.bias, "none", [], "")
        return output


def pack_linear_layers(model: torch.nn.Module) -> torch.nn.Module:
    """Replace the linear layers of a float32 model on the CPU, in place; left as it is where torch has no oneDNN."""
    if not _has_packed_products():
        return model
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is torch.nn.Linear:
                setattr(module, name, PackedLinear(child))
    return model


def _has_packed_products() -> bool:
    """Say whether this torch has oneDNN and the operators that its own compiler uses; they are no public interface."""
    operators: Any = torch.ops.mkldnn
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return hasattr(operators, "_linear_pointwise") and hasattr(operators, "_reorder_linear_weight")
