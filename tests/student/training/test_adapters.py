"""LoRA: adapters are trained, merged, and leave a plain folder; gradient checkpointing changes no result."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from evokd.messages import InputError
from evokd.student.packages import check_lora
from evokd.student.student_settings import LoraSettings, StudentSettings
from evokd.student.training.adapters import low_rank_adapters
from evokd.student.training.train import train
from tests.student.architectures import build_architecture
from tests.student.conftest import MakeJob
from tests.student.training.test_train import score


def weights(folder: str) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(Path(folder, "model.safetensors"))
    return found


def test_adapters_are_merged_into_plain_weights(make_job: MakeJob, tiny_student: Path) -> None:
    job = make_job(steps=40, rate=1e-3, lora={"rank": 4})
    result = train(job)
    assert (result.tune, result.faults) == ("full", [])
    assert score(job.out) >= 0.85
    plain = make_job("plain", steps=1)
    train(plain)
    student, base = weights(job.out), load_file(tiny_student / "model.safetensors")
    assert student.keys() == weights(plain.out).keys()
    assert not list(Path(job.out).glob("*adapter*"))
    moved = {name for name, value in base.items() if not torch.equal(student[f"bert.{name}"], value)}
    assert {name for name in moved if ".weight" not in name or "LayerNorm" in name or "embeddings" in name} == set()
    linear = {f"encoder.layer.{i}.{part}.weight" for i in (0, 1) for part in ("attention.self.query", "output.dense")}
    assert linear <= moved
    for name in linear:
        rank = torch.linalg.matrix_rank(student[f"bert.{name}"] - base[name], rtol=1e-4)
        assert rank <= 4


def test_targets_choose_the_layers(make_job: MakeJob, tiny_student: Path) -> None:
    job = make_job(steps=2, lora={"rank": 2, "alpha": 8, "targets": ["query", "self.value"]})
    train(job)
    student, base = weights(job.out), load_file(tiny_student / "model.safetensors")
    moved = {name for name, value in base.items() if not torch.equal(student[f"bert.{name}"], value)}
    parts = {name.split(".attention.")[-1] for name in moved}
    assert parts == {"self.query.weight", "self.value.weight"}


def test_a_target_that_is_no_layer(make_job: MakeJob) -> None:
    with pytest.raises(InputError, match=r"targets: the student has no linear layer 'qury'; it has dense, key, query"):
        train(make_job(lora={"rank": 2, "targets": ["qury"]}))


@pytest.mark.parametrize("kind", ["modernbert", "deberta-v2", "xlm-roberta-xl"])
def test_adapters_fit_other_kinds(make_job: MakeJob, tiny_student: Path, tmp_path: Path, kind: str) -> None:
    base = build_architecture(kind, tiny_student, tmp_path / "base")
    job = make_job(base=str(base), steps=3, lora={"rank": 2}, gradient_checkpointing=True)
    assert train(job).faults == []
    assert not [name for name in weights(job.out) if "lora" in name or "base_layer" in name]


@pytest.mark.parametrize("lora", [{}, {"rank": 2}])
def test_checkpointing_gives_the_same_student(make_job: MakeJob, lora: dict[str, Any]) -> None:
    one, two = (
        make_job(name, precision="float32", lora=lora, gradient_checkpointing=name == "two") for name in ("one", "two")
    )
    assert train(one).loss == pytest.approx(train(two).loss, rel=1e-5)
    first, second = weights(one.out), weights(two.out)
    assert all(torch.allclose(first[name], second[name], atol=1e-5) for name in first)


def test_a_model_that_cannot_checkpoint_says_so() -> None:
    from evokd.student.training.checkpointing import checkpointed

    class Fixed(torch.nn.Module):
        supports_gradient_checkpointing = False
        config = type("Config", (), {"model_type": "fixed"})

    with pytest.raises(InputError, match="models of kind fixed cannot do it"), checkpointed(Fixed(), wanted=True):
        pass


def test_without_the_package_it_is_refused_before_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check_lora(StudentSettings())
    with pytest.raises(InputError, match=r"need the package peft: pip install 'evokd\[lora\]'"):
        check_lora(StudentSettings(lora=LoraSettings(rank=8)))


def test_rank_0_leaves_a_model_alone() -> None:
    with low_rank_adapters(None, (), LoraSettings()):
        pass
