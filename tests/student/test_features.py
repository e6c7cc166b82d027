"""Features that are kept from call to call: the same answers, in less time, within a bound."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import evokd.student.features
from evokd.student.base import find_local
from evokd.student.features import CACHE, CachedFeatures, FeatureCache, open_encoder
from evokd.student.predict import predict
from evokd.student.protocol import Prediction, PredictJob, TrainJob
from evokd.student.record import read_record
from evokd.student.tasks.network import TextPiece
from evokd.student.tasks.registry import codec, make_network
from evokd.student.training.train import train
from tests.student.conftest import LABELS, MakeJob, build_tiny, write_texts
from tests.student.training.test_train import ner, write_sentences


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Texts in each forward pass."""
    seen: list[int] = []
    forward = torch.nn.Embedding.forward

    def spy(self: torch.nn.Embedding, ids: torch.Tensor) -> torch.Tensor:
        if self.padding_idx is not None:  # the table of words, not of places
            seen.append(len(ids))
        return forward(self, ids)

    monkeypatch.setattr(torch.nn.Embedding, "forward", spy)
    return seen


def make_jobs(make_job: MakeJob, task: str, name: str = "out", **changes: object) -> TrainJob:
    job = make_job(name, tune="head", **changes)
    return job if task == "classification" else ner(make_job, name, tune="head", **changes)


def mixed_texts(count: int) -> list[str]:
    """Texts of many lengths, some longer than what is read at once."""
    rows = [row.text for length in (2, 7, 30) for row in write_sentences(count, length, length)]
    return [*rows, *(row.text for row in write_texts(count, 5))]


def ask(job: TrainJob, texts: list[str]) -> list[Prediction]:
    return predict(PredictJob(folder=job.out, texts=texts))


@pytest.mark.parametrize("task", ["classification", "ner"])
def test_weights_and_answers_are_the_same_with_and_without_what_is_kept(
    make_job: MakeJob, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    texts = mixed_texts(12)
    # Kept from another training and another question, so that texts come in other company than without the cache.
    first = make_jobs(make_job, task, "first", max_length=16)
    train(first.model_copy(update={"examples": first.examples[:7]}))
    ask(first, texts[::3])
    warm = make_jobs(make_job, task, "warm", max_length=16)
    train(warm)
    kept = ask(warm, texts)
    monkeypatch.setattr(CACHE, "limit", 0)
    CACHE.clear()
    evokd.student.features._load_encoder.cache_clear()
    cold = make_jobs(make_job, task, "cold", max_length=16)
    train(cold)
    assert len(CACHE) == 0
    assert Path(warm.out, "model.safetensors").read_bytes() == Path(cold.out, "model.safetensors").read_bytes()
    assert ask(cold, texts) == kept


@pytest.mark.parametrize("task", ["classification", "ner"])
def test_the_answers_are_those_of_the_whole_folder(make_job: MakeJob, task: str) -> None:
    job = make_jobs(make_job, task, max_length=16)
    train(job)
    texts = mixed_texts(12)
    kept = ask(job, texts)
    record = Path(job.out, "evokd.json")
    said = json.loads(record.read_text(encoding="utf-8"))
    del said["encoder"]
    record.write_text(json.dumps(said), encoding="utf-8")
    for one, two in zip(kept, ask(job, texts), strict=True):
        assert one.answer == two.answer
        assert list(one.scores.values()) == pytest.approx(list(two.scores.values()), abs=5e-5)


@pytest.mark.parametrize("task", ["classification", "ner"])
def test_known_texts_are_not_computed_again(make_job: MakeJob, computed: list[int], task: str) -> None:
    job = make_jobs(make_job, task)
    train(job)
    texts = mixed_texts(4)
    answers = ask(job, texts)
    before = len(computed)
    assert before > 0
    again = make_jobs(make_job, task, "again", seed=9)
    train(again)
    assert ask(job, texts[::-1]) == answers[::-1]
    assert ask(again, texts) == answers  # a head is fitted without chance
    assert len(computed) == before
    ask(job, ["the old old old cow"])
    assert computed[before:] == [1]


def test_another_base_and_another_length_have_features_of_their_own(
    make_job: MakeJob, computed: list[int], tmp_path: Path
) -> None:
    job = make_job(tune="head")
    train(job)
    for changes in ({"base": str(build_tiny(tmp_path / "other", seed=1))}, {"max_length": 8}):
        before = len(computed)
        other = make_job("second", tune="head", **changes)
        train(other)
        assert len(computed) > before
    # A base that is replaced in its place is another one as well.
    base = build_tiny(tmp_path / "moving", seed=2)
    moving = make_job("third", tune="head", base=str(base))
    train(moving)
    build_tiny(base, seed=3)
    before = len(computed)
    replaced = make_job("fourth", tune="head", base=str(base))
    train(replaced)
    assert len(computed) > before
    assert read_record(Path(moving.out))["encoder"] != read_record(Path(replaced.out))["encoder"]


def test_weights_that_were_changed_afterwards_are_read(make_job: MakeJob) -> None:
    job = make_job(tune="head")
    train(job)
    texts = mixed_texts(4)
    before = ask(job, texts)
    path = Path(job.out, "model.safetensors")
    weights = load_file(path)
    weights["bert.encoder.layer.0.output.dense.weight"] *= -3
    save_file(weights, path, metadata={"format": "pt"})
    assert ask(job, texts) != before


def test_a_missing_base_leaves_the_folder_usable(make_job: MakeJob, tmp_path: Path) -> None:
    base = build_tiny(tmp_path / "gone")
    job = make_job(tune="head", base=str(base))
    train(job)
    texts = mixed_texts(4)
    before = [item.answer for item in ask(job, texts)]
    (base / "config.json").unlink()
    assert [item.answer for item in ask(job, texts)] == before


@pytest.mark.parametrize(
    "said", [3, {"base": 3}, {"base": "/"}, {"base": "no/such", "sha256": "x"}, {"base": "embedded"}]
)
def test_a_record_that_says_nonsense_is_not_believed(make_job: MakeJob, said: object) -> None:
    job = make_job(tune="head")
    train(job)
    texts = mixed_texts(2)
    answers = [item.answer for item in ask(job, texts)]
    record = Path(job.out, "evokd.json")
    record.write_text(json.dumps({**json.loads(record.read_text()), "encoder": said}), encoding="utf-8")
    assert [item.answer for item in ask(job, texts)] == answers


def test_only_students_with_the_encoder_of_their_base_say_so(make_job: MakeJob) -> None:
    full = make_job("full", steps=2)
    train(full)
    assert "encoder" not in read_record(Path(full.out))
    for start in (full.out, None):
        head = make_job("head", tune="head", start=start)
        train(head)
        assert ("encoder" in read_record(Path(head.out))) is (start is None)
    more = make_job("more", tune="head", start=head.out)
    train(more)
    assert read_record(Path(more.out))["encoder"] == read_record(Path(head.out))["encoder"]


@pytest.mark.parametrize("task", ["classification", "ner"])
def test_the_embedded_base_is_kept(task: str) -> None:
    network = make_network(codec(task, LABELS))
    source = find_local("embedded")
    assert source is not None
    encoder = open_encoder(network, LABELS, source)
    assert encoder is not None
    assert open_encoder(make_network(codec(task, LABELS)), LABELS, source) is encoder


def test_a_base_without_all_its_weights_is_not_kept(make_job: MakeJob, tiny_student: Path, tmp_path: Path) -> None:
    """What the base lacks is drawn anew in every training, so features of one are not those of another."""
    base = shutil.copytree(tiny_student, tmp_path / "base")
    weights = load_file(base / "model.safetensors")
    save_file({k: v for k, v in weights.items() if "pooler" not in k}, base / "model.safetensors", {"format": "pt"})
    job = make_job(tune="head", base=str(base))
    train(job)
    assert "encoder" not in read_record(Path(job.out))
    assert len(CACHE) == 0
    assert len(ask(job, ["the cat"])) == 1


def seen(size: int) -> CachedFeatures:
    return CachedFeatures((TextPiece(0, {"input_ids": []}),), (torch.zeros(size // 4),))


def test_the_oldest_go_where_there_is_no_room() -> None:
    cache = FeatureCache(1000)
    for name in "ab":
        cache.put(name, seen(400))
    assert cache.get("a") is not None  # now the newest
    cache.put("c", seen(400))
    assert [cache.get(name) is not None for name in "abc"] == [True, False, True]
    cache.put("large", seen(1004))
    assert (cache.get("large"), cache.size, len(cache)) == (None, 800, 2)
    cache.put("c", seen(400))
    assert cache.size == 800


def test_results_hold_with_room_for_a_few_texts(make_job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    job = make_job("one", tune="head")
    train(job)
    texts = mixed_texts(8)
    answers = ask(job, texts)
    CACHE.clear()
    monkeypatch.setattr(CACHE, "limit", 5000)
    again = make_job("two", tune="head")
    train(again)
    assert ask(again, texts) == answers
    assert 0 < CACHE.size <= 5000


def test_the_embedded_base_is_always_the_same_so_that_it_can_be_kept() -> None:
    source = find_local("embedded")
    assert source is not None
    assert open_encoder(make_network(codec("classification", ["a", "b"])), ["a", "b"], source) is not None
