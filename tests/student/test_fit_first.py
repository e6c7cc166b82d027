"""Where a full training begins: at the output layer that head tuning would fit."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from evokd.student.predict import predict
from evokd.student.protocol import PredictJob
from evokd.student.training.train import train
from tests.student.conftest import LABELS, MakeJob, write_texts


@pytest.mark.parametrize("start", [None, "head"])
def test_a_full_training_begins_at_the_fitted_output_layer(make_job: MakeJob, start: str | None) -> None:
    """Steps too small to move anything leave what the head alone would answer, or equal scores."""
    if start:
        train(make_job("first", tune="head", examples=write_texts(8, 5)))
    begun = {"start": make_job("first").out if start else None, "regime": "continue"}
    texts = [row.text for row in write_texts(20, 9)]
    confidences = []
    for name, changes in (
        ("head", {"tune": "head"}),
        ("fitted", {"rate": 1e-12, "steps": 1, "min_epochs": 0}),
        ("zero", {"rate": 1e-12, "steps": 1, "min_epochs": 0, "fit_first": False}),
    ):
        job = make_job(name, **begun, **changes)
        train(job)
        confidences.append([item.scores for item in predict(PredictJob(folder=job.out, texts=texts))])
    head, fitted, zero = confidences
    for one, two in zip(head, fitted, strict=True):
        assert one == pytest.approx(two, abs=1e-3)
    assert len({json.dumps(scores) for scores in head}) > 1
    assert all(scores == pytest.approx(dict.fromkeys(LABELS, 0.5), abs=1e-3) for scores in zero)


def test_the_output_layer_learns_at_a_rate_of_its_own(make_job: MakeJob) -> None:
    jobs = [make_job(str(rate), output_rate=rate, rate=1e-6, steps=3, min_epochs=0) for rate in (1, 1000)]
    for job in jobs:
        train(job)
    one, two = (load_file(Path(job.out, "model.safetensors")) for job in jobs)
    moved = [name for name in one if not torch.allclose(one[name], two[name], atol=1e-4)]
    assert {name.rpartition(".")[0] for name in moved} == {"classifier"}
