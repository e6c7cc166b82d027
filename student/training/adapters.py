"""LoRA: train small matrices beside the encoder's linear layers, and add them to its weights before it is saved.

The layers outside of the encoder, and weights that the base lacks, are trained in full: nothing is known of them yet.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

from evokd.messages import InputError
from evokd.student.student_settings import LoraSettings

_MARK = "lora_"
"""What names of parameters of an adapter have in them."""
_NAMED = 12
"""Names of layers that an error lists."""


@contextmanager
def low_rank_adapters(model: Any, drawn: Collection[str], settings: LoraSettings) -> Iterator[None]:
    """Let only adapters, the layers outside of the encoder and drawn weights be trained inside the block; in place.

    Behind the block the model is what it was, with the adapters added to its weights. With rank 0 nothing is done.

    Args:
        model: a transformers model.
        drawn: names of the weights that the base lacks.
        settings: of the adapters.

    Raises:
        InputError: no layer has a name that `targets` asks for.
    """
    if not settings.rank:
        yield
        return
    # Imported here: the package is an extra.
    from peft import LoraConfig, LoraModel

    whole = _find_whole(model, drawn)
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.rank if settings.alpha is None else settings.alpha,
        lora_dropout=0.0,
        bias="none",
        target_modules=_find_targets(model, whole, settings),
    )
    adapted = LoraModel(model, config, "default")
    for parameter in whole:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        adapted.merge_and_unload()
        model.requires_grad_(True)
        # Left behind by peft, on the model and nowhere in what is saved.
        vars(model).pop("peft_config", None)


def is_adapter(name: str) -> bool:
    """Say whether a parameter belongs to an adapter, by its name."""
    return _MARK in name


def _find_whole(model: Any, drawn: Collection[str]) -> list[torch.nn.Parameter]:
    """Find the parameters that are trained in full."""
    encoder = {id(parameter) for parameter in model.base_model.parameters()}
    return [parameter for name, parameter in model.named_parameters() if id(parameter) not in encoder or name in drawn]


def _find_targets(model: Any, whole: Collection[torch.nn.Parameter], settings: LoraSettings) -> list[str]:
    """Name the linear layers of the encoder that get adapters: all, or those whose names end in a target."""
    trained = {id(parameter) for parameter in whole}
    layers = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and id(module.weight) not in trained
    ]
    if not settings.targets:
        return layers
    endings = {name.rsplit(".", 1)[-1] for name in layers}
    for target in settings.targets:
        if not any(_ends_in(name, target) for name in layers):
            known = ", ".join(sorted(endings)[:_NAMED])
            raise InputError(f"student.lora.targets: the student has no linear layer {target!r}; it has {known}")
    return [name for name in layers if any(_ends_in(name, target) for target in settings.targets)]


def _ends_in(name: str, target: str) -> bool:
    return f".{name}".endswith(f".{target}")
