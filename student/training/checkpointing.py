"""Gradient checkpointing: activations are computed a second time in the backward pass instead of being kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evokd.messages import InputError


@contextmanager
def checkpointed(model: Any, wanted: bool) -> Iterator[None]:
    """Checkpoint each layer of a transformers model inside the block, in place; does nothing where it is not wanted.

    Raises:
        InputError: this kind of model cannot do it.
    """
    if not wanted:
        yield
        return
    if not model.supports_gradient_checkpointing:
        kind = model.config.model_type
        raise InputError(f"student.gradient_checkpointing: models of kind {kind} cannot do it; set it to false")
    # With the reentrant kind nothing below frozen word vectors would get a gradient, as with LoRA.
    _switch(model, "enable", {"use_reentrant": False})
    try:
        yield
    finally:
        _switch(model, "disable")


def _switch(model: Any, what: str, *arguments: Any) -> None:
    """Call the method under its name, which later versions of transformers 5 have changed."""
    name = f"activation_checkpointing_{what}"
    method = getattr(model, name if hasattr(model, name) else f"gradient_checkpointing_{what}")
    method(*arguments)
