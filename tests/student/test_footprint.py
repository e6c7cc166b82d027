"""The computed memory of a training is what torch keeps."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification

from evokd.student.compute import autocast
from evokd.student.footprint import EncoderShape, compute_need, read_shape
from evokd.student.student_settings import LoraSettings, StudentSettings
from evokd.student.training.adapters import is_adapter, low_rank_adapters
from evokd.student.training.checkpointing import checkpointed
from tests.student.architectures import build_architecture

SIZE = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4}
TEXTS, LENGTH = 8, 48


def measure_kept(folder: Path, dtype: torch.dtype, is_checkpointed: bool = False) -> int:
    """Bytes that one forward pass keeps for the backward pass, parameters left out."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).train()
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    ids = torch.randint(5, 20, (TEXTS, LENGTH))
    with (
        checkpointed(model, is_checkpointed),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        autocast(torch.device("cpu"), dtype),
    ):
        model(input_ids=ids, attention_mask=torch.ones_like(ids))
    return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", ["electra", "roberta", "deberta-v2"])
def test_activations_are_those_that_torch_keeps(
    tiny_student: Path, tmp_path: Path, kind: str, dtype: torch.dtype
) -> None:
    folder = build_architecture(kind, tiny_student, tmp_path / "base", **SIZE)
    shape = read_shape(folder)
    assert shape is not None
    settings = StudentSettings()
    need = compute_need(shape, settings, texts=TEXTS, length=LENGTH, is_bfloat16=dtype == torch.bfloat16)
    copies = need.weights - 4 * shape.parameters
    # On a CPU dropout keeps numbers instead of bits, so that a GPU needs less.
    assert need.activations + copies == pytest.approx(measure_kept(folder, dtype), rel=0.2)


def test_checkpointing_keeps_the_inputs_of_layers(tiny_student: Path, tmp_path: Path) -> None:
    folder = build_architecture("electra", tiny_student, tmp_path / "base", **SIZE)
    shape = read_shape(folder)
    assert shape is not None
    plain, checked = (measure_kept(folder, torch.float32, is_checkpointed) for is_checkpointed in (False, True))
    settings = StudentSettings(gradient_checkpointing=True)
    need = compute_need(shape, settings, texts=TEXTS, length=LENGTH, is_bfloat16=False)
    # What one layer computes again is not kept by the forward pass, but is needed all the same.
    assert checked < need.activations < plain / 2


def test_adapters_need_no_second_copy_of_the_encoder() -> None:
    shape = EncoderShape(434_000_000, words=50_000, word_size=1024, layers=24, hidden=1024, intermediate=4096, heads=16)
    settings = [StudentSettings(), StudentSettings(lora=LoraSettings(rank=16))]
    full, low = (compute_need(shape, one, texts=1, length=128, is_bfloat16=True) for one in settings)
    assert full.optimizer == 2 * full.gradients > 3_000_000_000
    assert low.gradients == 4 * 16 * (8 * 1024 + 2 * 5120) * 24
    assert low.total < full.total / 2


@pytest.mark.parametrize("rank", [2, 5])
def test_adapters_have_the_counted_size(tiny_student: Path, tmp_path: Path, rank: int) -> None:
    folder = build_architecture("roberta", tiny_student, tmp_path / "base", **SIZE)
    shape = read_shape(folder)
    assert shape is not None
    assert shape.parameters == sum(value.numel() for value in load_file(folder / "model.safetensors").values())
    settings = StudentSettings(lora=LoraSettings(rank=rank))
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32)
    with low_rank_adapters(model, (), settings.lora):
        count = sum(parameter.numel() for name, parameter in model.named_parameters() if is_adapter(name))
    assert 4 * count == compute_need(shape, settings, texts=1, length=8, is_bfloat16=False).gradients


def test_a_base_whose_sizes_have_other_names(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "own", "size": 3}', encoding="utf-8")
    assert read_shape(tmp_path) is None
