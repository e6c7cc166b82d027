"""Encoders of other kinds than BERT are trained, saved, loaded, asked and exported like it."""

from pathlib import Path
from typing import Any

import pytest
from transformers import pipeline

from evokd.messages import InputError
from evokd.release.model_card import CardOptions
from evokd.release.models import Material, export_hf
from evokd.release.student_folder import open_student
from evokd.student.base import check_student
from evokd.student.embedding import embed
from evokd.student.predict import predict
from evokd.student.protocol import EmbedJob, PredictJob, TrainJob
from evokd.student.training.train import train
from tests.student.architectures import ARCHITECTURES, build_architecture
from tests.student.conftest import LABELS, MakeJob, write_texts
from tests.student.training.test_train import ner, write_sentences

OPTIONS = CardOptions(licence=None, place=".", title="toy")
TEXTS = [row.text for row in write_texts(6, 5)]


def make_task(make_job: MakeJob, task: str, **changes: Any) -> TrainJob:
    """Make a training of a task; in the one with sets, every third text has no label."""
    if task == "ner":
        return ner(make_job, task, **changes)
    rows = write_texts(24, 1)
    if task == "multilabel":
        rows = [row.model_copy(update={"gold": [row.gold] if i % 3 else []}) for i, row in enumerate(rows)]
    return make_job(task, examples=rows, **changes).model_copy(update={"task": task})


@pytest.mark.parametrize("kind", [kind for kind in ARCHITECTURES if kind != "deberta"])
def test_a_base_of_another_kind_is_trained_and_answers(
    make_job: MakeJob, tiny_student: Path, tmp_path: Path, kind: str
) -> None:
    base = build_architecture(kind, tiny_student, tmp_path / "base")
    check_student(str(base))
    for task, tune in (("classification", "full"), ("multilabel", "head"), ("ner", "full")):
        job = make_task(make_job, task, base=str(base), tune=tune, steps=2)
        result = train(job)
        assert (result.tune, result.faults) == (tune, [])
        texts = [row.text for row in write_sentences(6, 5)] if task == "ner" else TEXTS
        texts = [*texts, " ".join(texts * 4)]
        exact = predict(PredictJob(folder=job.out, texts=texts))
        assert len(exact) == len(texts)
        if task == "classification":
            fast = predict(PredictJob(folder=job.out, texts=texts, fast=True))
            for one, other in zip(exact, fast, strict=True):
                assert one.scores == pytest.approx(other.scores, abs=1e-4)
    one, two, _ = embed(EmbedJob(base=str(base), texts=["the cat", "the cat", "a pump is here"]))
    assert one == two
    assert sum(value * value for value in one) == pytest.approx(1, abs=1e-3)


def test_a_modernbert_is_continued_and_exported(make_job: MakeJob, tiny_student: Path, tmp_path: Path) -> None:
    base = build_architecture("modernbert", tiny_student, tmp_path / "base")
    first = make_job("first", base=str(base), steps=4)
    train(first)
    job = make_job("second", base=str(base), steps=30, start=first.out)
    train(job)
    export_hf(open_student(Path(job.out)), None, Material(TEXTS), tmp_path / "hf", OPTIONS)
    plain = pipeline("text-classification", model=str(tmp_path / "hf"), device="cpu")(TEXTS, truncation=True)
    assert [item["label"] for item in plain] == [one.answer for one in predict(PredictJob(folder=job.out, texts=TEXTS))]
    assert {item["label"] for item in plain} == set(LABELS)


def test_the_first_deberta_is_trained_in_float32(make_job: MakeJob, tiny_student: Path, tmp_path: Path) -> None:
    base = build_architecture("deberta", tiny_student, tmp_path / "base")
    result = train(make_job("auto", base=str(base), steps=1))
    assert (result.precision, result.faults) == ("float32", [])
    job = make_job(base=str(base), steps=1, precision="bfloat16")
    with pytest.raises(InputError, match="kind deberta do not compute in bfloat16; use auto or float32"):
        train(job)


def test_a_tokenizer_that_needs_a_missing_package(
    tiny_student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = build_architecture("xlm-roberta", tiny_student, tmp_path / "base")
    (base / "tokenizer.json").unlink()
    (base / "spm.model").write_bytes(b"")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"is spm\.model alone, which needs two packages: pip install sentencepiece"):
        check_student(str(base))
