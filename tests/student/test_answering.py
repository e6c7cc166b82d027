from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from evokd.messages.files import write_atomically
from evokd.student import answering
from evokd.student.answering import _fill_batches, open_engine
from evokd.student.packed_linear import PackedLinear, pack_linear_layers
from evokd.student.predict import predict
from evokd.student.protocol import Calibration, PredictJob, StudentError
from evokd.student.record import read_record, store_calibration
from evokd.student.training.train import train
from tests.student.conftest import MakeJob, write_texts

TEXTS = [item.text for item in write_texts(30, 7)] + ["", "cat", " ".join(["the old dog"] * 60)]


@pytest.fixture
def student(make_job: MakeJob) -> Path:
    train(make_job())
    return Path(make_job().out)


def test_fast_answers_are_the_exact_ones(student: Path) -> None:
    exact = predict(PredictJob(folder=str(student), texts=TEXTS))
    fast = predict(PredictJob(folder=str(student), texts=TEXTS, fast=True))
    assert [item.answer for item in fast] == [item.answer for item in exact]
    assert [item.confidence for item in fast] == pytest.approx([item.confidence for item in exact], abs=1e-5)


def test_order_and_repeats_change_no_answer(student: Path) -> None:
    once = predict(PredictJob(folder=str(student), texts=TEXTS, fast=True))
    turned = predict(PredictJob(folder=str(student), texts=[*reversed(TEXTS), *TEXTS], fast=True))
    assert [item.answer for item in turned] == [item.answer for item in [*reversed(once), *once]]


def test_batches_side_by_side_give_the_same_answers_in_their_order(student: Path) -> None:
    engine = open_engine(student, torch.device("cpu"))
    alone = replace(engine, sub_words=64).answer(TEXTS)
    first, second = Event(), Event()

    def compute(**inputs: torch.Tensor) -> Any:
        if first.is_set():
            second.set()
        first.set()
        assert second.wait(60), "the first batch waits for another one, which starts meanwhile"
        return engine.model(**inputs)

    beside = replace(engine, model=compute, sub_words=64, batches=3).answer(TEXTS)
    assert [item.answer for item in beside] == [item.answer for item in alone]
    assert [item.confidence for item in beside] == pytest.approx([item.confidence for item in alone], abs=1e-5)


def test_a_temperature_changes_confidence_and_no_answer(student: Path) -> None:
    before = predict(PredictJob(folder=str(student), texts=TEXTS, fast=True))
    store_calibration(student, Calibration(temperature=3.0, rows=30, loss_before=0.5, loss_after=0.4))
    after = predict(PredictJob(folder=str(student), texts=TEXTS, fast=True))
    assert [item.answer for item in after] == [item.answer for item in before]
    assert all(cool.confidence <= warm.confidence for cool, warm in zip(after, before, strict=True))
    assert sum(item.confidence for item in after) < sum(item.confidence for item in before)
    exact = predict(PredictJob(folder=str(student), texts=TEXTS))
    assert [item.confidence for item in exact] == pytest.approx([item.confidence for item in before], abs=1e-5)


def test_a_student_is_loaded_once_and_anew_when_it_changes(student: Path) -> None:
    device = torch.device("cpu")
    first = open_engine(student, device)
    assert open_engine(student, device) is first
    write_atomically(student / "config.json", (student / "config.json").read_text(encoding="utf-8"))
    assert open_engine(student, device) is not first


def test_a_folder_without_a_record_is_no_student(tmp_path: Path) -> None:
    with pytest.raises(StudentError, match="is no student of this program"):
        open_engine(tmp_path, torch.device("cpu"))


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:1_000]), "a file of its weights is damaged"),
        (lambda path: drop_output_layer(path), "its weights are those of another model: they lack classifier.bias"),
    ],
)
def test_no_student_answers_with_weights_that_it_lacks(
    student: Path, spoil: Callable[[Path], object], told: str, fast: bool
) -> None:
    spoil(student / "model.safetensors")
    with pytest.raises(StudentError, match=told):
        predict(PredictJob(folder=str(student), texts=TEXTS, fast=fast))


def drop_output_layer(path: Path) -> None:
    """Leave the weights of the base alone, as if its file had been copied over the student's."""
    weights = load_file(path)
    save_file({name: weight for name, weight in weights.items() if "classifier" not in name}, path, {"format": "pt"})


def test_memory_that_runs_short_halves_a_batch(student: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine(student, torch.device("cpu"))
    expected = [item.answer for item in engine.answer(TEXTS)]
    sizes: list[int] = []
    answer = answering.AnswerEngine._answer_batch

    def short(self: answering.AnswerEngine, part: list[object]) -> list[torch.Tensor]:
        sizes.append(len(part))
        if len(part) > 4:
            raise MemoryError
        return answer(self, part)  # type: ignore[arg-type]

    monkeypatch.setattr(answering.AnswerEngine, "_answer_batch", short)
    assert [item.answer for item in engine.answer(TEXTS)] == expected
    assert max(sizes) > 4
    assert min(sizes) <= 4


def test_batches_hold_all_and_at_most_as_many_sub_words() -> None:
    lengths = [1, 1, 2, 3, 5, 8, 8, 13, 40]
    batches = list(_fill_batches(lengths, 16))
    assert [place for batch in batches for place in batch] == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch[-1]] <= 16
    for one, other in pairwise(batches):  # none is smaller than it must be
        assert (len(one) + 1) * lengths[other[0]] > 16
    assert list(_fill_batches([], 16)) == []


def test_packed_layers_compute_the_same_and_leave_other_layers_alone() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(7, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3, bias=False))
    inputs = torch.randn(2, 4, 7)
    with torch.inference_mode():
        expected = model(inputs)
        packed = pack_linear_layers(model)
        assert torch.allclose(packed(inputs), expected, atol=1e-5)
    assert sum(isinstance(layer, PackedLinear) for layer in packed) in (0, 2)  # 0 where torch has no oneDNN


def test_the_record_is_kept_when_a_temperature_is_stored(student: Path, tmp_path: Path) -> None:
    before = read_record(student)
    store_calibration(student, Calibration(temperature=2.0, rows=30, loss_before=0.5, loss_after=0.4))
    after = read_record(student)
    assert after.pop("calibration")["temperature"] == 2.0
    assert after == before
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    store_calibration(foreign, Calibration(temperature=2.0, rows=30, loss_before=0.5, loss_after=0.4))
    assert list(foreign.iterdir()) == []
