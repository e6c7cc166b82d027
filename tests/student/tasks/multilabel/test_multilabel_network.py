"""Students that answer with sets of labels: trained both ways, calibrated, and read by plain transformers."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import pipeline

from evokd.student import calibration
from evokd.student.calibration import calibrate
from evokd.student.folds import split_folds
from evokd.student.predict import predict
from evokd.student.protocol import CalibrateJob, DoubtJob, PredictJob, TrainExample, TrainJob
from evokd.student.student_settings import StudentSettings
from evokd.student.tasks.multilabel.network import MultiLabelNetwork
from evokd.student.tasks.network import TextPiece
from evokd.student.tasks.registry import codec
from evokd.student.training.label_doubts import doubt_labels
from evokd.student.training.train import train
from tests.student.conftest import FILLERS, LABELS, WORDS


def _write_sets(count: int, seed: int) -> list[TrainExample]:
    """Toy samples: a text names an animal, a machine, both or neither."""
    rng = random.Random(seed)
    samples = []
    for number in range(count):
        gold = [label for label in LABELS if rng.random() < 0.5]
        words = [*rng.sample(FILLERS, 3), *(rng.choice(WORDS[label]) for label in gold)]
        rng.shuffle(words)
        samples.append(TrainExample(id=f"{seed}-{number}", text=" ".join(words), gold=gold))
    return samples


def _make_job(base: Path, out: Path, **changes: object) -> TrainJob:
    settings = StudentSettings(base=str(base), device="cpu", threads=1, max_length=32, **changes)  # type: ignore
    meanings = {"animal": "cat dog horse", "machine": "car pump drill"}
    return TrainJob(
        task="multilabel",
        labels=LABELS,
        examples=_write_sets(120, 1),
        meanings=meanings,
        out=str(out),
        settings=settings,
        seed=3,
    )


@pytest.mark.parametrize(
    "changes",
    [{"tune": "head"}, {"tune": "full", "steps": 200, "rate": 5e-4, "meaning_weight": 1.0, "loss": "bootstrap"}],
    ids=["head", "full"],
)
def test_a_student_learns_sets(tiny_student: Path, tmp_path: Path, changes: dict[str, object]) -> None:
    job = _make_job(tiny_student, tmp_path / "s", **changes)
    result = train(job)
    assert (result.samples, result.doubted) == (120, 0)
    held = _write_sets(60, 2)
    texts = [item.text for item in held]
    found = predict(PredictJob(folder=job.out, texts=texts))
    scores = codec("multilabel", LABELS).evaluate([item.gold for item in held], [item.answer for item in found])
    assert scores.metrics["macro_f1"] > 0.7
    assert any(item.answer == [] for item in found)
    for item in found:
        assert item.answer == [label for label in LABELS if item.scores[label] >= 0.5]
        assert item.confidence == pytest.approx(min(max(p, 1 - p) for p in item.scores.values()), abs=1e-6)
    plain = pipeline("text-classification", model=job.out, top_k=None, device="cpu")
    for answer, scored in zip(found[:5], plain(texts[:5], function_to_apply="sigmoid"), strict=True):
        given = {item["label"]: item["score"] for item in scored}
        assert given == pytest.approx(answer.scores, abs=1e-4)
    by_default = {item["label"]: item["score"] for item in plain(texts[0])[0]}
    assert by_default == pytest.approx(found[0].scores, abs=1e-4)


def test_probabilities_are_targets_and_smoothing_moves_both_ends() -> None:
    network = MultiLabelNetwork(LABELS)
    soft = TrainExample(id="1", text="x", gold=["animal"], shares={"animal": 0.8, "machine": 0.3})
    piece = TextPiece(0, {"input_ids": [1]})
    assert network.target(piece, soft).tolist() == [0.8, 0.3]
    targets = network.collate([network.target(piece, soft.model_copy(update={"shares": {}}))])
    logits = torch.tensor([[2.0, -1.0]])
    plain = network.loss(logits, targets, 0.0, None)
    assert plain.item() == pytest.approx(np.log1p(np.exp(-2)) + np.log1p(np.exp(-1)), abs=1e-6)
    assert network.loss(logits, targets, 0.2, None).item() > plain.item()


@pytest.mark.parametrize("temperature", [0.5, 2.5])
def test_the_temperature_of_known_logits_is_found(temperature: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(0, 2, (3_000, 2))
    holds = rng.random(true.shape) < 1 / (1 + np.exp(-true))

    class Engine:
        def compute(self, texts: list[str]) -> tuple[list[TextPiece], list[torch.Tensor]]:
            return [TextPiece(i, {"input_ids": [1]}) for i in range(len(texts))], list(torch.tensor(true * temperature))

    monkeypatch.setattr(calibration, "open_engine", lambda *_: Engine())
    gold = [[label for label, has in zip(LABELS, row, strict=True) if has] for row in holds]
    examples = [TrainExample(id=str(i), text=str(i), gold=labels) for i, labels in enumerate(gold)]
    found = calibrate(CalibrateJob(folder="x", task="multilabel", labels=LABELS, examples=examples))
    assert found is not None
    assert found.temperature == pytest.approx(temperature, rel=0.08)


def test_label_errors_are_not_looked_for_and_folds_share_out_sets(tiny_student: Path) -> None:
    examples = _write_sets(40, 5)
    settings = StudentSettings(base=str(tiny_student))
    report = doubt_labels(DoubtJob(task="multilabel", labels=LABELS, examples=examples, settings=settings))
    assert (report.judged, report.doubts) == (0, [])
    assert "any number of labels" in report.unjudged
    counts = [sum(item.gold == LABELS for item in fold) for fold in split_folds(examples, 2)]
    assert abs(counts[0] - counts[1]) <= 2
