import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from agents.messages import InputError
from student.classification import ClassificationNetwork
from student.compute import reproducible
from student.head import fit_head
from student.jobs import EmbedJob, PredictJob, StudentError
from student.predict import embed, predict
from student.train import train
from tests.student.conftest import LABELS, MakeJob, write_texts

GOOD = {"full": 0.85, "head": 0.7}
"""Accuracy that a training reaches; a head on random features cannot do as well."""


def score(folder: str) -> float:
    rows = write_texts(40, 99)
    answers = predict(PredictJob(folder=folder, texts=[row.text for row in rows]))
    return sum(answer.answer == row.gold for answer, row in zip(answers, rows, strict=True)) / len(rows)


@pytest.mark.parametrize("tune", ["full", "head"])
def test_training_learns_and_says_what_it_did(make_job: MakeJob, tune: str) -> None:
    job = make_job(tune=tune, steps=40)
    result = train(job)
    assert (result.tune, result.device, result.samples) == (tune, "cpu", 24)
    assert result.loss < 0.69
    assert result.steps == 40 or tune == "head"
    assert score(job.out) >= GOOD[tune]


@pytest.mark.parametrize("tune", ["full", "head"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_job_gives_the_same_bytes(make_job: MakeJob, tune: str, precision: str) -> None:
    jobs = [make_job(name, tune=tune, precision=precision) for name in ("one", "two")]
    before = torch.random.get_rng_state()
    for job in jobs:
        train(job)
        torch.rand(1)
    one, two = (Path(job.out, "model.safetensors").read_bytes() for job in jobs)
    assert one == two
    torch.random.set_rng_state(before)


def test_another_seed_gives_other_weights_and_no_global_state_moves(make_job: MakeJob) -> None:
    before = torch.random.get_rng_state()
    jobs = [make_job("one"), make_job("two", seed=4)]
    for job in jobs:
        train(job)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.are_deterministic_algorithms_enabled()
    one, two = (Path(job.out, "model.safetensors").read_bytes() for job in jobs)
    assert one != two


def test_the_saved_student_loads_in_plain_transformers_with_the_same_answers(make_job: MakeJob) -> None:
    job = make_job(card={"Scores": "macro-F1 1.0"})
    train(job)
    texts = [row.text for row in write_texts(10, 5)]
    model = AutoModelForSequenceClassification.from_pretrained(job.out, use_safetensors=True)
    tokenizer = AutoTokenizer.from_pretrained(job.out)
    with torch.inference_mode():
        logits = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits
    for answer, row in zip(predict(PredictJob(folder=job.out, texts=texts)), logits.softmax(-1).tolist(), strict=True):
        assert list(answer.scores.values()) == pytest.approx(row, abs=2e-6)
        assert answer.answer == model.config.id2label[int(np.argmax(row))]
        assert answer.confidence == max(answer.scores.values())
    assert model.config.label2id == {"animal": 0, "machine": 1}
    card = Path(job.out, "README.md").read_text(encoding="utf-8")
    for part in ("text-classification", "- animal", "language model trained it", "24 new and", "macro-F1 1.0"):
        assert part in card
    record = json.loads(Path(job.out, "evokd.json").read_text(encoding="utf-8"))
    assert record == {"task": "classification", "labels": LABELS, "max_length": 128, "tune": "full"}
    assert not list(Path(job.out).glob("*.bin"))


def test_answers_do_not_depend_on_the_order_of_the_texts(make_job: MakeJob) -> None:
    job = make_job()
    train(job)
    texts = [row.text for row in write_texts(70, 5)] + ["cat", "cat"]
    forward = predict(PredictJob(folder=job.out, texts=texts))
    backward = predict(PredictJob(folder=job.out, texts=texts[::-1]))
    assert forward == backward[::-1]


def test_auto_takes_the_head_for_few_samples_and_all_weights_for_more(make_job: MakeJob) -> None:
    few, many = write_texts(6, 1), write_texts(8, 2)
    assert train(make_job("a", tune="auto", head_until=4, examples=few)).tune == "head"
    assert train(make_job("b", tune="auto", head_until=4, examples=many)).tune == "full"
    assert train(make_job("c", tune="auto", head_until=4, examples=few[:2], replay=many[:6])).tune == "full"


@pytest.mark.parametrize("first", ["head", "full"])
@pytest.mark.parametrize("second", ["head", "full"])
def test_a_training_continues_from_either_kind(make_job: MakeJob, first: str, second: str) -> None:
    start = make_job("first", tune=first, steps=40)
    train(start)
    job = make_job("second", tune=second, steps=40, start=start.out, examples=write_texts(8, 7), replay=start.examples)
    assert train(job).samples == 32
    assert score(job.out) >= GOOD[second]


def test_once_all_weights_are_trained_auto_keeps_to_it(make_job: MakeJob) -> None:
    start = make_job("first", tune="full", steps=2)
    train(start)
    assert train(make_job("second", tune="auto", start=start.out, examples=write_texts(2, 7))).tune == "full"


def test_many_samples_raise_the_steps(make_job: MakeJob) -> None:
    assert train(make_job(steps=2, passes=3, batch=8)).steps == 9
    assert train(make_job("b", steps=10, passes=3, batch=8)).steps == 10


def test_weights_of_samples_count(make_job: MakeJob) -> None:
    rows = write_texts(24, 1)
    swapped = [r.model_copy(update={"id": f"x{r.id}", "gold": LABELS[r.gold == "animal"], "weight": 0.0}) for r in rows]
    for tune in ("head", "full"):
        job = make_job(tune, tune=tune, steps=80, examples=[*rows, *swapped])
        train(job)
        assert score(job.out) >= GOOD[tune]


def test_a_label_without_samples_is_possible(make_job: MakeJob) -> None:
    job = make_job(labels=[*LABELS, "plant"], tune="head")
    train(job)
    assert score(job.out) >= GOOD["head"]


def test_an_existing_folder_is_replaced_and_leftovers_of_a_killed_training_go(
    make_job: MakeJob, tmp_path: Path
) -> None:
    job = make_job()
    for name in ("out", ".out.partial", ".out.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "stale").touch()
    train(job)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert not (tmp_path / "out" / "stale").exists()


def test_wrong_starts_are_errors(make_job: MakeJob, tmp_path: Path) -> None:
    with pytest.raises(StudentError, match=r"evokd\.json cannot be read"):
        train(make_job(start=str(tmp_path)))
    start = make_job("first", tune="head")
    train(start)
    with pytest.raises(StudentError, match="it has labels"):
        train(make_job(start=start.out, labels=LABELS[::-1]))


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_a_missing_gpu_is_the_users_error(make_job: MakeJob) -> None:
    with pytest.raises(InputError, match="torch finds no GPU"):
        train(make_job(device="cuda"))


def test_the_head_is_what_scikit_learn_finds() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(60, 5))
    places = (features @ rng.normal(size=(5, 3))).argmax(1)
    network, layer = ClassificationNetwork(["a", "b", "c"]), torch.nn.Linear(5, 3)
    with reproducible(0):
        fit_head(network, layer, torch.tensor(features), torch.tensor(places), torch.ones(60), 0.0)
    scaled = (features - features.mean(0)) / features.std(0)
    # Ours penalises the bias too, as scikit-learn does for a constant feature.
    with_bias = np.hstack([scaled, np.ones((60, 1))])
    slow = LogisticRegression(C=0.01, fit_intercept=False, tol=1e-10, max_iter=1000).fit(with_bias, places)
    ours = layer(torch.tensor(features, dtype=torch.float32)).softmax(-1).detach().numpy()
    assert ours == pytest.approx(slow.predict_proba(with_bias), abs=1e-4)


def test_embeddings_have_length_one_and_follow_the_order(tiny_student: Path) -> None:
    rows = embed(EmbedJob(base=str(tiny_student), texts=["the cat", "a big old pump", "the cat"]))
    assert [sum(x * x for x in row) for row in rows] == pytest.approx([1, 1, 1], abs=1e-4)
    assert rows[0] == rows[2] != rows[1]
