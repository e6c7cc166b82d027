import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

from evokd.messages import InputError
from evokd.student.embedding import embed
from evokd.student.predict import predict
from evokd.student.protocol import EmbedJob, PredictJob, StudentError, TrainExample, TrainJob
from evokd.student.tasks.classification.network import ClassificationNetwork
from evokd.student.tasks.network import TextPiece
from evokd.student.tasks.registry import codec, make_network
from evokd.student.training.linear_head import Rows, fit_rows, write_layer
from evokd.student.training.samples import gather
from evokd.student.training.train import train
from tests.student.conftest import FILLERS, LABELS, WORDS, MakeJob, write_texts

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
    for part in (
        "text-classification",
        "- animal",
        "texts that a language model wrote",
        "on 24 labelled",
        "macro-F1 1.0",
    ):
        assert part in card
    record = json.loads(Path(job.out, "evokd.json").read_text(encoding="utf-8"))
    assert record == {"task": "classification", "labels": LABELS, "max_length": 64, "tune": "full"}
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


def test_auto_takes_all_weights_from_the_first_sample_on(make_job: MakeJob) -> None:
    assert train(make_job(tune="auto", steps=1, examples=write_texts(2, 1))).tune == "full"


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
    assert train(make_job(steps=2, min_epochs=3, batch=8)).steps == 9
    assert train(make_job("b", steps=10, min_epochs=3, batch=8)).steps == 10


def test_a_training_that_continues_may_have_steps_of_its_own(make_job: MakeJob) -> None:
    start = make_job("first", tune="full", steps=9, update_steps=2)
    assert train(start).steps == 9
    assert train(make_job("second", tune="full", steps=9, update_steps=2, start=start.out)).steps == 2
    assert train(make_job("third", tune="full", steps=9, min_epochs=0, start=start.out)).steps == 9


def test_meanings_are_new_at_first_and_old_in_a_training_that_continues(make_job: MakeJob) -> None:
    meanings = dict.fromkeys(LABELS, "what it means")
    for start, old in ((None, [False]), ("a folder", [True])):
        job = make_job(examples=write_texts(4, 1), start=start).model_copy(update={"meanings": meanings})
        network = make_network(codec(job.task, job.labels))
        samples = gather(job, network)
        pieces = [TextPiece(place, {"input_ids": [1]}) for place in range(len(samples.texts))]
        older = samples.encode(codec(job.task, job.labels), pieces).older
        assert older == [False] * 4 + old * len(LABELS)


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

    def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return network.loss(logits, targets, 0.0, None)

    write_layer(layer, fit_rows(Rows(torch.tensor(features), torch.tensor(places), torch.ones(60)), 300.0, loss, 3))
    scaled = features - features.mean(0)
    scaled /= np.sqrt((scaled**2).mean())
    # Ours penalises the bias too, as scikit-learn does for a constant feature.
    with_bias = np.hstack([scaled, np.ones((60, 1))])
    slow = LogisticRegression(C=1 / 300, fit_intercept=False, tol=1e-10, max_iter=1000).fit(with_bias, places)
    ours = layer(torch.tensor(features, dtype=torch.float32)).softmax(-1).detach().numpy()
    assert ours == pytest.approx(slow.predict_proba(with_bias), abs=1e-4)


def test_embeddings_have_length_one_and_follow_the_order(tiny_student: Path) -> None:
    rows = embed(EmbedJob(base=str(tiny_student), texts=["the cat", "a big old pump", "the cat"]))
    assert [sum(x * x for x in row) for row in rows] == pytest.approx([1, 1, 1], abs=1e-4)
    assert rows[0] == rows[2] != rows[1]


# ------------------------------------------------------------------------------------------------------------ entities

LEARNT = {"full": 0.9, "head": 0.3}
"""Entity F1 on the training sentences, from 0; a head on random features cannot do as well."""


def write_sentences(count: int, seed: int, length: int = 7) -> list[TrainExample]:
    """Make toy sentences that name no, one or two things; "loud" is always the first word of a machine's name."""
    rng = random.Random(seed)
    fillers = [word for word in FILLERS if word != "loud"]
    rows = []
    for i in range(count):
        words = [(word, "") for word in rng.choices(fillers, k=length)]
        for place, label in zip(rng.sample(range(length), i % 3), rng.sample(LABELS, i % 3), strict=True):
            name = rng.choice(WORDS[label])
            words[place] = (f"loud {name}" if label == "machine" and i % 2 else name, label)
        text, gold = "", []
        for word, label in words:
            text += " " if text else ""
            if label:
                gold.append({"start": len(text), "end": len(text) + len(word), "label": label})
            text += word
        rows.append(TrainExample(id=f"{seed}-{i}", text=text, gold=gold))
    return rows


def ner(make_job: MakeJob, name: str = "out", **changes: object) -> TrainJob:
    job = make_job(name, **{"examples": write_sentences(24, 1), **changes})
    return job.model_copy(update={"task": "ner"})


def score_entities(folder: str, rows: list[TrainExample]) -> float:
    answers = predict(PredictJob(folder=folder, texts=[row.text for row in rows]))
    scores = codec("ner", LABELS).evaluate([row.gold for row in rows], [answer.answer for answer in answers])
    return scores.metrics["entity_f1"]


@pytest.mark.parametrize("tune", ["full", "head"])
def test_entities_are_learnt(make_job: MakeJob, tune: str) -> None:
    job = ner(make_job, tune=tune, steps=60)
    result = train(job)
    assert (result.tune, result.samples) == (tune, 24)
    assert score_entities(job.out, job.examples) >= LEARNT[tune]


def test_samples_without_weight_teach_no_entity(make_job: MakeJob) -> None:
    job = ner(make_job, examples=[row.model_copy(update={"weight": 0.0}) for row in write_sentences(24, 1)])
    assert train(job).loss == 0.0
    assert score_entities(job.out, job.examples) == 0.0


@pytest.mark.parametrize("tune", ["full", "head"])
def test_the_same_entity_job_gives_the_same_bytes(make_job: MakeJob, tune: str) -> None:
    jobs = [ner(make_job, name, tune=tune, steps=4) for name in ("one", "two")]
    for job in jobs:
        train(job)
        torch.rand(1)
    one, two = (Path(job.out, "model.safetensors").read_bytes() for job in jobs)
    assert one == two


@pytest.mark.parametrize("tune", ["full", "head"])
def test_what_is_masked_is_not_learned_from(make_job: MakeJob, tune: str) -> None:
    rows = write_sentences(12, 1)
    masks = [[(gold["start"], gold["end"]) for gold in row.gold[:1]] for row in rows if isinstance(row.gold, list)]
    drop_masked = codec("ner", LABELS).drop_masked
    versions = {
        "with": [row.model_copy(update={"masked": mask}) for row, mask in zip(rows, masks, strict=True)],
        "without": [
            row.model_copy(update={"masked": mask, "gold": drop_masked(row.gold, mask)})
            for row, mask in zip(rows, masks, strict=True)
        ],
        "unmasked": rows,
    }
    # Drawing texts by label would tell the two apart.
    jobs = [
        ner(make_job, name, tune=tune, steps=3, balance=False, examples=version) for name, version in versions.items()
    ]
    for job in jobs:
        train(job)
    first, second, other = (load_file(Path(job.out, "model.safetensors")) for job in jobs)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_the_saved_tagger_loads_in_plain_transformers_with_the_same_answers(make_job: MakeJob) -> None:
    job = ner(make_job, steps=20)
    train(job)
    model = AutoModelForTokenClassification.from_pretrained(job.out, use_safetensors=True)
    tokenizer = AutoTokenizer.from_pretrained(job.out)
    tags = ["O", "B-animal", "I-animal", "B-machine", "I-machine"]
    assert model.config.id2label == dict(enumerate(tags))
    assert model.config.label2id == {tag: number for number, tag in enumerate(tags)}
    assert model.config.architectures == ["BertForTokenClassification"]
    assert {path.name for path in Path(job.out).iterdir() if path.suffix != ".json"} == {
        "README.md",
        "model.safetensors",
    }
    assert "pipeline_tag: token-classification" in Path(job.out, "README.md").read_text(encoding="utf-8")
    text = "the cat is here"  # a sub-word per word
    with torch.inference_mode():
        shares = model(**tokenizer(text, return_tensors="pt")).logits[0, 1:-1].softmax(-1)
    (answer,) = predict(PredictJob(folder=job.out, texts=[text]))
    scores = [float(shares[:, place : place + 2].sum(-1).max()) for place in (1, 3)]
    assert list(answer.scores.values()) == pytest.approx(scores, abs=2e-6)


def test_entities_do_not_depend_on_the_order_of_the_texts_nor_on_repeats(make_job: MakeJob) -> None:
    job = ner(make_job)
    train(job)
    texts = [row.text for length in (2, 7, 40) for row in write_sentences(15, length, length)] + ["cat", "cat"]
    forward = predict(PredictJob(folder=job.out, texts=texts))
    assert forward == predict(PredictJob(folder=job.out, texts=texts[::-1]))[::-1]
    assert forward[-1] == forward[-2]
    alone = predict(PredictJob(folder=job.out, texts=["cat"]))[0]
    assert alone.answer == forward[-1].answer
    assert alone.confidence == pytest.approx(forward[-1].confidence, abs=1e-5)


def test_long_and_odd_texts_are_answered(make_job: MakeJob) -> None:
    job = ner(make_job, steps=60, max_length=16)
    train(job)
    long = "the cat is here " + "my old " * 100 + "dog was there and a loud pump"
    answers = predict(PredictJob(folder=job.out, texts=[long, "\U0001f600", "\u200b", "..."]))
    assert isinstance(answers[0].answer, list)
    found = [long[item["start"] : item["end"]] for item in answers[0].answer]
    assert [name for name in found if name in ("cat", "dog", "loud pump")] == ["cat", "dog", "loud pump"]
    for answer in answers:
        assert 0 <= answer.confidence <= 1
        assert all(0 <= value <= 1 for value in answer.scores.values())


def test_long_samples_are_trained_on_to_their_end(make_job: MakeJob) -> None:
    """All entities of the samples stand where one window does not reach."""
    rows = []
    for row in write_sentences(12, 1):
        lead = "there is my old quiet " * 6
        assert isinstance(row.gold, list)
        gold = [{**item, "start": item["start"] + len(lead), "end": item["end"] + len(lead)} for item in row.gold]
        rows.append(row.model_copy(update={"text": lead + row.text, "gold": gold}))
    job = ner(make_job, examples=rows, steps=60, max_length=16)
    result = train(job)
    assert (result.samples, result.steps) == (12, 60)
    assert score_entities(job.out, rows) >= LEARNT["full"]


def test_a_tagger_continues_from_its_kind_alone(make_job: MakeJob) -> None:
    start = ner(make_job, "first", tune="head")
    train(start)
    job = ner(make_job, "second", start=start.out, steps=60, replay=start.examples, examples=write_sentences(6, 7))
    assert train(job).samples == 30
    assert score_entities(job.out, start.examples) >= LEARNT["full"]
    with pytest.raises(StudentError, match=r"it has labels \['animal', 'machine'\], the task has"):
        train(ner(make_job, "third", start=start.out, labels=[*LABELS, "plant"]))
    with pytest.raises(StudentError, match="it was trained for ner, the task is classification"):
        train(make_job("fourth", start=start.out))
