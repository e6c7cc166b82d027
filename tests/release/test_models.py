"""Exported students give the answers of `evokd predict`: in plain transformers, and in onnxruntime."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import pipeline

from evokd.messages import InputError
from evokd.release import onnx_model
from evokd.release.model_card import CardOptions
from evokd.release.models import Material, export_hf, export_onnx
from evokd.release.student_folder import StudentFolder, open_student
from evokd.student.answering import open_engine
from evokd.student.onnx_engine import MODEL_INT8, open_session
from tests.release.conftest import TAGGED, TEXTS, RunProgram

OPTIONS = CardOptions(licence=None, place=".", title="toy: student")
pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries, in the programs of the cards


def warm(student: StudentFolder, temperature: float) -> StudentFolder:
    return replace(student, record={**student.record, "calibration": {"temperature": temperature, "rows": 40}})


def spans(answer: Any) -> list[tuple[int, int, str]]:
    return [(item["start"], item["end"], item["label"]) for item in answer]


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_the_plain_pipeline_gives_labels_and_calibrated_confidences(
    temperature: float, classifier: StudentFolder, tmp_path: Path
) -> None:
    student = warm(classifier, temperature)
    assert sum(0.6 < item.confidence < 0.99 for item in classifier.answer(TEXTS)) >= 5
    told = export_hf(student, None, Material(TEXTS), tmp_path / "out", OPTIONS)
    assert told == [f"the plain pipeline gives the answer of evokd predict on all {len(TEXTS)} texts"]
    classify = pipeline("text-classification", model=str(tmp_path / "out"), truncation=True, top_k=None, device="cpu")
    for expected, found in zip(classifier.answer(TEXTS), classify(TEXTS), strict=True):
        shares = np.array([expected.scores[label] for label in classifier.codec.labels]) ** (1 / temperature)
        given = {item["label"]: item["score"] for item in found}
        assert next(iter(given.values())) == max(given.values())
        assert [given[label] for label in classifier.codec.labels] == pytest.approx(shares / shares.sum(), abs=5e-3)


def test_a_calibrated_export_is_not_divided_again(classifier: StudentFolder, tmp_path: Path) -> None:
    export_hf(warm(classifier, 2.5), None, Material(), tmp_path / "out", OPTIONS)
    again = open_student(tmp_path / "out")
    assert again.temperature == 1.0
    assert again.record["calibration"]["temperature_in_weights"] == 2.5
    assert "temperature 2.5, already divided" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert [item.answer for item in again.answer(TEXTS)] == [item.answer for item in classifier.answer(TEXTS)]


def test_without_a_temperature_the_weights_stay_bit_for_bit(classifier: StudentFolder, tmp_path: Path) -> None:
    export_hf(classifier, None, Material(), tmp_path / "out", OPTIONS)
    for name in ("model.safetensors", "config.json", "tokenizer.json", "evokd.json"):
        assert (tmp_path / "out" / name).read_bytes() == (classifier.path / name).read_bytes()


def test_the_program_of_a_taggers_card_gives_the_entities_of_predict(
    tagger: StudentFolder, tmp_path: Path, run_program: RunProgram
) -> None:
    export_hf(warm(tagger, 1.7), None, Material(TAGGED[:8]), tmp_path / "out", OPTIONS)
    find = run_program(tmp_path / "out")["find"]
    expected = [spans(item.answer) for item in tagger.answer(TAGGED)]
    assert sum(map(len, expected)) > 40
    assert [spans(find(text)) for text in TAGGED] == expected


def test_the_card_says_how_far_the_plain_pipeline_is_from_predict(tagger: StudentFolder, tmp_path: Path) -> None:
    told = export_hf(tagger, None, Material(TAGGED), tmp_path / "out", OPTIONS)
    count = int(told[0].split(" on ")[1].split(" of ")[0])
    find = pipeline(
        "token-classification",
        model=str(tmp_path / "out"),
        aggregation_strategy="first",
        stride=tagger.stride,
        device="cpu",
    )
    plain = [[(item["start"], item["end"], item["entity_group"]) for item in found] for found in find(TAGGED)]
    ours = [spans(item.answer) for item in tagger.answer(TAGGED)]
    assert count == sum(one == other for one, other in zip(ours, plain, strict=True)) < len(TAGGED)
    assert f"on {count} of {len(TAGGED)} texts of its run" in (tmp_path / "out" / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def onnx_classifier(classifier: StudentFolder, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    out = tmp_path_factory.mktemp("onnx") / "out"
    rows = [(text, item.answer) for text, item in zip(TEXTS, classifier.answer(TEXTS), strict=True)]
    return out, export_onnx(warm(classifier, 2.0), None, Material(TEXTS, rows), out, OPTIONS)


def test_onnx_gives_the_calibrated_answers_of_torch(
    onnx_classifier: tuple[Path, list[str]], classifier: StudentFolder, run_program: RunProgram
) -> None:
    out, told = onnx_classifier
    assert told[0].startswith(f"model.onnx gives the answer of torch on all {len(TEXTS)} texts")
    assert told[2].startswith(f"On {len(TEXTS)} labelled rows macro_f1 is 1.0000 with torch, 1.0000 with model.onnx")
    assert (out / MODEL_INT8).stat().st_size < (out / "model.onnx").stat().st_size
    found = run_program(out)["classify"](TEXTS)
    for expected, given in zip(classifier.answer(TEXTS), found, strict=True):
        shares = np.sqrt(list(expected.scores.values()))  # of numbers with six digits, so good to 7e-4
        assert given == {"label": expected.answer, "score": pytest.approx(max(shares / shares.sum()), abs=1e-3)}


def test_the_engine_answers_texts_of_all_lengths_together(onnx_classifier: tuple[Path, list[str]]) -> None:
    out, _ = onnx_classifier
    engine = open_engine(out, torch.device("cpu"))
    together = torch.stack(engine.compute(TEXTS, sub_words=500)[1]).numpy()
    alone = torch.stack([engine.compute([text])[1][0] for text in TEXTS]).numpy()
    assert together == pytest.approx(alone, abs=1e-4)
    rough = torch.stack(open_engine(out, torch.device("cpu"), int8=True).compute(TEXTS)[1]).numpy()
    assert (rough.argmax(1) == alone.argmax(1)).mean() > 0.9
    assert rough != pytest.approx(alone, abs=1e-4)


def test_the_program_of_an_onnx_taggers_card_gives_the_entities_of_predict(
    tagger: StudentFolder, tmp_path: Path, run_program: RunProgram
) -> None:
    told = export_onnx(tagger, None, Material(TAGGED), tmp_path / "out", OPTIONS)
    assert told[0].startswith(f"model.onnx gives the answer of torch on all {len(TAGGED)} texts")
    find = run_program(tmp_path / "out")["find"]
    assert [spans(find(text)) for text in TAGGED] == [spans(item.answer) for item in tagger.answer(TAGGED)]


def test_onnx_without_its_packages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_model, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(InputError, match=r"needs the package onnxscript: pip install 'evokd\[onnx\]'"):
        onnx_model.check_packages()


def test_an_onnx_folder_without_int8_or_with_damage_is_refused(
    onnx_classifier: tuple[Path, list[str]], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"holds no model_int8\.onnx; make one with: evokd export"):
        open_session(tmp_path, int8=True)
    (tmp_path / "model.onnx").write_bytes((onnx_classifier[0] / "model.onnx").read_bytes()[:500])
    with pytest.raises(InputError, match="cannot be opened") as caught:
        open_session(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_onnx_export_is_not_exported_again(onnx_classifier: tuple[Path, list[str]]) -> None:
    record = json.loads((onnx_classifier[0] / "evokd.json").read_text(encoding="utf-8"))
    assert record["calibration"]["temperature"] == 1.0
    with pytest.raises(InputError, match=r"holds no model\.safetensors"):
        open_student(onnx_classifier[0])


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("evokd.json", b'{"task": "classification"}', "damaged \\(the key 'labels' is missing"),
        ("evokd.json", b"[]", "damaged"),
        ("model.safetensors", b"\x10\x00", "model.safetensors"),
        ("tokenizer.json", b"{", "tokenizer.json"),
        ("config.json", b"{", "config.json"),
    ],
    ids=["record", "list", "weights", "tokenizer", "config"],
)
def test_a_damaged_student_is_refused(
    name: str, content: bytes, told: str, classifier: StudentFolder, tmp_path: Path
) -> None:
    shutil.copytree(classifier.path, tmp_path / "student")
    (tmp_path / "student" / name).write_bytes(content)
    with pytest.raises(InputError, match=told) as caught:
        open_student(tmp_path / "student")
    assert "\n" not in str(caught.value)
