"""Trainings that run short of memory, or whose loss is NaN."""

import functools
import gc
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

import evokd.student.training.finetune
from evokd.messages import InputError
from evokd.student.embedding import embed
from evokd.student.features import CACHE
from evokd.student.predict import predict
from evokd.student.protocol import EmbedJob, PredictJob, StudentError
from evokd.student.student_settings import StudentSettings
from evokd.student.tasks.classification.network import ClassificationNetwork
from evokd.student.tasks.ner.network import TokenClassificationNetwork
from evokd.student.tasks.network import LoadedModel, TaskNetwork
from evokd.student.training.finetune import FullTraining, TrainingSet
from evokd.student.training.train import train
from tests.student.conftest import LABELS, MakeJob, write_texts
from tests.student.test_memory import ask_too_much
from tests.student.training.test_train import ner, write_sentences

Work = Callable[[], object]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Work], list[int]]:
    """Make memory run short in forward passes of more texts than given; the list takes the size of each pass."""

    def limit(largest: int, shortage: Work = ask_too_much) -> list[int]:
        seen: list[int] = []
        forward = torch.nn.Embedding.forward

        def spy(self: torch.nn.Embedding, ids: torch.Tensor) -> torch.Tensor:
            if self.padding_idx is not None:  # the table of words, not of places
                seen.append(len(ids))
                if len(ids) > largest:
                    shortage()
            return forward(self, ids)

        monkeypatch.setattr(torch.nn.Embedding, "forward", spy)
        return seen

    return limit


def raise_cuda() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


@pytest.mark.parametrize("shortage", [ask_too_much, raise_cuda])
@pytest.mark.parametrize("task", ["classification", "ner"])
def test_a_full_training_goes_on_with_less_at_once(
    make_job: MakeJob, room: Callable[..., list[int]], task: str, shortage: Work
) -> None:
    seen = room(4, shortage)
    make = make_job if task == "classification" else functools.partial(ner, make_job)
    result = train(make(batch=16, steps=3, min_epochs=0, fit_first=False))
    assert (result.at_once, result.steps, result.rate) == (4, 3, 5e-3)
    assert seen == [16, 8, *[4] * 12]
    assert result.faults == [
        "out of memory with 16 texts at once; again with 8",
        "out of memory with 8 texts at once; again with 4",
    ]


def test_fitting_first_reads_no_more_at_once_than_a_step(make_job: MakeJob, room: Callable[..., list[int]]) -> None:
    seen = room(4)
    result = train(make_job(batch=16, steps=3, min_epochs=0))
    assert (result.at_once, len(result.faults)) == (4, 2)
    assert seen == [16, 8, *[4] * 6, *[4] * 12]  # 24 texts, then three steps of 16


def test_a_head_goes_on_with_less_at_once_to_the_same_weights(
    make_job: MakeJob, room: Callable[..., list[int]]
) -> None:
    whole = make_job("whole", tune="head")
    assert train(whole).faults == []
    CACHE.clear()
    seen = room(10)
    job = make_job(tune="head")
    result = train(job)
    assert (result.at_once, result.rate, len(result.faults)) == (8, None, 3)
    assert seen == [24, 24, 16, 8, 8, 8]
    one, two = (load_file(Path(folder, "model.safetensors")) for folder in (whole.out, job.out))
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("tune", "tried"), [("full", "2, 1"), ("head", "64, 32, 16, 8, 4, 2, 1")])
def test_where_one_text_is_too_much_the_error_says_what_was_tried(
    make_job: MakeJob, room: Callable[..., list[int]], tune: str, tried: str
) -> None:
    room(0)
    job = make_job(tune=tune, batch=2)
    with pytest.raises(StudentError) as caught:
        train(job)
    assert str(caught.value) == (
        f"training ran out of memory with {tried} texts at once; set a smaller student.max_length, a smaller"
        " student.base or another student.device"
    )
    assert not Path(job.out).exists()


def test_halvings_are_made_beforehand(make_job: MakeJob, room: Callable[..., list[int]]) -> None:
    seen = room(99)
    job = make_job(batch=16, steps=2, min_epochs=0, fit_first=False)
    result = train(job.model_copy(update={"halvings": 2}))
    assert (result.at_once, result.faults) == (4, [])
    assert seen == [4] * 8


def test_no_tensor_of_a_failed_try_stays_alive(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a try has allocated must be free when the next one begins, or halving would not help."""
    alive: list[int] = []
    load = ClassificationNetwork.load

    def count(self: ClassificationNetwork, source: str) -> LoadedModel:
        gc.collect()
        # Not isinstance(): asking every object for its class wakes up old warnings.
        alive.append(sum(issubclass(type(item), torch.Tensor) for item in gc.get_objects()))
        return load(self, source)

    monkeypatch.setattr(ClassificationNetwork, "load", count)
    fail = iter([True, True, False])
    loss = ClassificationNetwork.loss

    def short(self: ClassificationNetwork, *args: Any) -> torch.Tensor:
        if next(fail, False):
            raise_cuda()
        return loss(self, *args)

    monkeypatch.setattr(ClassificationNetwork, "loss", short)
    assert len(train(make_job(steps=2)).faults) == 2
    assert alive[0] == alive[1] == alive[2]


@pytest.mark.parametrize("task", ["classification", "ner"])
@pytest.mark.parametrize("at_once", [1, 3, 8])
def test_parts_of_a_batch_add_up_to_its_gradient(tiny_student: Path, task: str, at_once: int) -> None:
    """Pieces of different lengths, words and weights, and weighted classes; without dropout, whose draws differ."""
    network: TaskNetwork
    if task == "classification":
        network, rows = ClassificationNetwork(LABELS), write_texts(8, 1)
        rows = [row.model_copy(update={"text": row.text + " old" * i}) for i, row in enumerate(rows)]
    else:
        network = TokenClassificationNetwork(LABELS)
        rows = [*write_sentences(4, 1, 5), *write_sentences(4, 2, 15)]
    tokenizer = AutoTokenizer.from_pretrained(tiny_student)
    pieces = network.cut(tokenizer, [row.text for row in rows], 64)
    targets = [network.target(piece, row) for piece, row in zip(pieces, rows, strict=True)]
    data = TrainingSet(
        encodings=[piece.inputs for piece in pieces],
        targets=targets,
        weights=torch.tensor([1.0, 0.5, 2.0, 0.0, 1.0, 1.5, 1.0, 0.25]),
        classes=network.class_weights(targets),
        groups=[""] * 8,
        older=[False] * 8,
    )
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = network.load(str(tiny_student)).model.eval()
    settings = StudentSettings(label_smoothing=0.1)
    results = []
    for size in (8, at_once):
        model.zero_grad()
        training = FullTraining(network, model, tokenizer, data, settings, torch.float32, size)
        loss = training.add_gradients(list(range(8)))
        results.append((loss, [p.grad.clone() for p in model.parameters() if p.grad is not None]))
    (whole, expected), (loss, gradients) = results
    torch.testing.assert_close(loss, whole)
    assert len(gradients) == len(expected) > 20
    assert sum(float(item.abs().sum()) for item in expected) > 1
    for one, two in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-6)


# -------------------------------------------------------------------------------------------------- predicting


@pytest.mark.parametrize("task", ["classification", "ner"])
def test_predictions_go_on_with_less_at_once(make_job: MakeJob, room: Callable[..., list[int]], task: str) -> None:
    job = make_job() if task == "classification" else ner(make_job)
    train(job)
    texts = [row.text for row in write_texts(40, 5)]
    whole = predict(PredictJob(folder=job.out, texts=texts))
    seen = room(10)
    parts = predict(PredictJob(folder=job.out, texts=texts))
    assert seen[:3] == [32, 16, 8]
    assert [answer.answer for answer in parts] == [answer.answer for answer in whole]
    assert [a.confidence for a in parts] == pytest.approx([a.confidence for a in whole], abs=1e-5)
    seen.clear()
    assert predict(PredictJob(folder=job.out, texts=texts, halvings=2)) == parts
    assert set(seen[:-1]) == {8}


def test_embeddings_go_on_with_less_at_once(tiny_student: Path, room: Callable[..., list[int]]) -> None:
    texts = [row.text for row in write_texts(40, 5)]
    whole = embed(EmbedJob(base=str(tiny_student), texts=texts))
    seen = room(10)
    assert embed(EmbedJob(base=str(tiny_student), texts=texts)) == [pytest.approx(row, abs=1e-5) for row in whole]
    assert seen[:3] == [32, 16, 8]
    room(0)
    with pytest.raises(StudentError, match="out of memory with one text at a time"):
        embed(EmbedJob(base=str(tiny_student), texts=texts))


# --------------------------------------------------------------------------------------------- trainings that diverge


@pytest.fixture
def diverge(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make the weights overflow in a step, as they do at too high a rate."""

    def above(limit: float, step: int) -> None:
        class Diverging(torch.optim.AdamW):
            taken = 0

            def step(self, closure: Any = None) -> Any:
                self.taken += 1
                if self.defaults["lr"] > limit and self.taken == step:
                    for group in self.param_groups:
                        for parameter in group["params"]:
                            parameter.data.mul_(float("inf"))
                return super().step(closure)

        monkeypatch.setattr(torch.optim, "AdamW", Diverging)

    return above


@pytest.mark.parametrize("step", [1, 26, 30])
def test_the_rate_falls_until_the_training_converges(
    make_job: MakeJob, diverge: Callable[..., None], step: int
) -> None:
    diverge(limit=1e-3, step=step)
    job = make_job(steps=30)
    result = train(job)
    assert result.rate == pytest.approx(5e-3 / 16)
    where = f"step {step + 1} (NaN in the loss)" if step < 30 else "step 30 (NaN in the weights)"
    assert result.faults == [
        f"training diverged in {where} at learning rate 0.005; again from the start at 0.00125",
        f"training diverged in {where} at learning rate 0.00125; again from the start at 0.0003125",
    ]
    plain = make_job("plain", steps=30, rate=5e-3 / 16)
    assert train(plain).faults == []
    # The start's weights came back: it is as if the last rate had been the first.
    one, two = (Path(folder, "model.safetensors").read_bytes() for folder in (job.out, plain.out))
    assert one == two


def test_after_a_retry_every_reader_of_the_rate_sees_the_lowered_one(
    make_job: MakeJob, diverge: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    diverge(limit=1e-3, step=1)
    job = make_job(output_rate=10.0)
    settings: list[float] = []
    optimizers: list[list[float]] = []
    run, optimizer = FullTraining.run, torch.optim.AdamW

    def spy_run(self: FullTraining, seed: int) -> tuple[int, float]:
        settings.append(self.settings.rate)
        return run(self, seed)

    def spy_optimizer(groups: list[dict[str, Any]], **options: Any) -> torch.optim.AdamW:
        optimizers.append([group.get("lr", options["lr"]) for group in groups])
        return optimizer(groups, **options)

    monkeypatch.setattr(FullTraining, "run", spy_run)
    monkeypatch.setattr(torch.optim, "AdamW", spy_optimizer)
    result = train(job)
    rates = [5e-3, 5e-3 / 4, 5e-3 / 16]
    assert settings == pytest.approx(rates)
    assert optimizers == [pytest.approx([rate, rate, 10 * rate]) for rate in rates]
    assert result.rate == pytest.approx(rates[-1])
    assert job.settings.rate == 5e-3, "the settings stay what the user asked for"


def test_a_training_that_diverges_ends_soon(make_job: MakeJob, diverge: Callable[..., None]) -> None:
    diverge(limit=1e-3, step=3)
    steps: list[int] = []
    look = evokd.student.training.finetune._check_losses

    def count(losses: list[torch.Tensor]) -> None:
        steps.append(len(losses))
        look(losses)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evokd.student.training.finetune, "_check_losses", count)
        train(make_job(steps=60, rate=2e-3))
    assert steps == [25, 25, 50, 60]


def test_after_three_rates_the_error_names_them(make_job: MakeJob, diverge: Callable[..., None]) -> None:
    diverge(limit=0.0, step=2)
    job = make_job()
    with pytest.raises(StudentError) as caught:
        train(job)
    assert str(caught.value) == (
        "training diverged (NaN in the loss) at learning rates 0.005, 0.00125, 0.0003125; set a lower student.rate, or"
        " student.precision to float32"
    )
    assert not Path(job.out).exists()


def test_a_real_overflow_is_noticed(make_job: MakeJob) -> None:
    job = make_job(steps=4)
    wild = job.settings.model_copy(update={"rate": 1e38})
    with pytest.raises(StudentError, match=r"at learning rates 1e\+38, 2\.5e\+37, 6\.25e\+36"):
        train(job.model_copy(update={"settings": wild}))


@pytest.mark.parametrize("tune", ["full", "head"])
def test_damaged_weights_are_no_matter_of_the_rate(
    make_job: MakeJob, tiny_student: Path, tmp_path: Path, tune: str
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in tiny_student.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    weights = load_file(broken / "model.safetensors")
    weights["encoder.layer.0.output.dense.bias"][0] = float("nan")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        StudentError, match=r"diverged before its first step .*; the weights of student\.base are damaged"
    ):
        train(make_job(base=str(broken), tune=tune))


def test_both_faults_can_come_in_one_training(
    make_job: MakeJob, room: Callable[..., list[int]], diverge: Callable[..., None]
) -> None:
    room(8)
    diverge(limit=2e-3, step=1)
    result = train(make_job(steps=4))
    assert (result.at_once, result.rate, len(result.faults)) == (8, 1.25e-3, 2)


def test_a_student_that_answers_no_numbers_is_named(make_job: MakeJob) -> None:
    job = make_job()
    train(job)
    file = Path(job.out, "model.safetensors")
    weights = load_file(file)
    save_file({name: item * 1e30 for name, item in weights.items()}, file, metadata={"format": "pt"})
    with pytest.raises(StudentError, match=r"output is NaN; train it at a lower student\.rate"):
        predict(PredictJob(folder=job.out, texts=["a cat"]))


@pytest.mark.parametrize("tune", ["head", "full"])
def test_a_base_without_some_weights_of_its_encoder_is_refused(
    make_job: MakeJob, tiny_student: Path, tmp_path: Path, tune: str
) -> None:
    """They would be drawn by chance."""
    base = Path(shutil.copytree(tiny_student, tmp_path / "base"))
    weights = load_file(base / "model.safetensors")
    gone = [name for name in weights if name.startswith("encoder.layer.1.output") or name.startswith("pooler")]
    save_file(
        {name: weights[name] for name in weights if name not in gone}, base / "model.safetensors", {"format": "pt"}
    )
    with pytest.raises(InputError, match=r"its weights lack 4 of the encoder.s tensors .*layer\.1\.output"):
        train(make_job(tune=tune, base=str(base), steps=2))
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    (base / "config.json").write_text(json.dumps({**config, "hidden_act": "none such"}), encoding="utf-8")
    with pytest.raises(InputError, match=r"transformers cannot load it \(KeyError: 'none such'\); check its config"):
        train(make_job(tune=tune, base=str(base), steps=2))
