"""A recorded language model answers by what a request asks for, and labels as it once labelled."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from evokd.messages import InputError
from evokd.simulator.recorded import SURE, RecordedTeacher
from evokd.simulator.recording import LABELLED, WRITTEN, read_recording
from evokd.simulator.requests import RequestError

WRITTEN_ROWS = [
    {"text": f"{how} {label} {number}", "label": label, "how": how}
    for how in ("plain", "varied", "hard", "toned")
    for label in ("a", "b")
    for number in range(6)
]
LABELLED_ROWS = [
    {"text": "a real one", "labels": ["a", "b"], "confidence": 0.55},
    {"text": "another real one", "labels": ["b"], "confidence": 0.97},
]


def write(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, WRITTEN, WRITTEN_ROWS)
    write(tmp_path, LABELLED, LABELLED_ROWS)
    return tmp_path


def teach(folder: Path, *before: dict[str, Any], seed: int = 1) -> RecordedTeacher:
    return RecordedTeacher(read_recording(folder), seed, lambda _: before)


def plan(easy: int = 3, hard: int = 0, **more: Any) -> dict[str, Any]:
    quotas = [{"label": label, "hard": hard, "easy": easy} for label in ("a", "b")]
    return {"id": "l1", "labels": {"a": "", "b": ""}, "quotas": quotas, **more}


def texts(teacher: RecordedTeacher, message: dict[str, Any]) -> list[str]:
    return [draft["text"] for draft in teacher.answer("lesson_plan", message, 0)["drafts"]]


@pytest.mark.parametrize(
    ("asked", "how"),
    [
        ({}, "plain"),
        ({"tone": ["a line"] * 7}, "plain"),
        ({"tone": ["a line"] * 8}, "toned"),
        ({"variety": ["short"] * 6}, "varied"),
        ({"variety": ["short"] * 6, "tone": ["a line"] * 8}, "toned"),
        ({"easy": 0, "hard": 3}, "hard"),
    ],
)
def test_texts_are_dealt_by_how_they_are_asked_for(asked: dict[str, Any], how: str, folder: Path) -> None:
    found = texts(teach(folder), plan(**asked))
    assert len(found) == 6
    assert {text.split()[0] for text in found} == {how}
    assert [text.split()[1] for text in found] == ["a"] * 3 + ["b"] * 3


def test_a_draft_says_what_it_was_written_for_and_how_hard_it_was_asked_for(folder: Path) -> None:
    drafts = teach(folder).answer("lesson_plan", plan(1, 1), 0)["drafts"]
    assert [(draft["intended"], draft["difficulty"]) for draft in drafts] == [
        ("a", "hard"),
        ("a", "easy"),
        ("b", "hard"),
        ("b", "easy"),
    ]


def test_no_text_comes_twice_before_all_have_come(folder: Path) -> None:
    first, later = texts(teach(folder), plan()), texts(teach(folder, plan()), plan())
    assert not set(first) & set(later)
    assert len({*first, *later}) == 12
    assert set(texts(teach(folder, plan(), plan()), plan())) <= {*first, *later}, "a model repeats itself in the end"


def test_the_order_of_the_texts_is_the_seeds(folder: Path) -> None:
    assert texts(teach(folder), plan()) == texts(teach(folder), plan())
    assert texts(teach(folder), plan()) != texts(teach(folder, seed=2), plan())


def label(teacher: RecordedTeacher, *drafts: str) -> dict[str, dict[str, Any]]:
    batch = {"labels": {"a": "", "b": ""}, "drafts": [{"id": text, "text": text} for text in drafts]}
    return {verdict["id"]: verdict for verdict in teacher.answer("draft_batch", batch, 0)["verdicts"]}


def test_real_texts_get_what_was_recorded_and_written_ones_the_writers_label(folder: Path) -> None:
    found = label(teach(folder), "a real one", "A real  one", "toned b 3", "nobody knows this")
    assert found["a real one"] == {"id": "a real one", "labels": ["a", "b"], "confidence": 0.55}
    assert found["A real  one"]["labels"] == ["a", "b"]
    assert found["toned b 3"] == {"id": "toned b 3", "labels": ["b"], "confidence": SURE}
    assert "nobody knows this" not in found


def test_what_nobody_recorded_is_refused(folder: Path) -> None:
    with pytest.raises(RequestError, match="no answer to any of these texts"):
        label(teach(folder), "nobody knows this")
    with pytest.raises(RequestError, match="unknown message kind 'domain_sample'"):
        teach(folder).answer("domain_sample", {"texts": []}, 0)
    with pytest.raises(RequestError, match="no text of these labels"):
        teach(folder).answer("lesson_plan", {**plan(), "quotas": [{"label": "c", "easy": 2}]}, 0)


def test_entities_are_dealt_by_the_types_that_they_hold(tmp_path: Path) -> None:
    rows = [
        {"text": "Ada went", "entities": [{"text": "Ada", "label": "person"}], "how": "plain"},
        {"text": "to Oslo", "entities": [{"text": "Oslo", "label": "site"}], "how": "plain"},
        {"text": "nothing here", "entities": [], "how": "plain"},
    ]
    write(tmp_path, WRITTEN, rows)
    teacher = teach(tmp_path)
    for name, text in (("site", "to Oslo"), ("person", "Ada went"), ("O", "nothing here")):
        assert texts(teacher, {**plan(), "quotas": [{"label": name, "easy": 1}]}) == [text]
    verdicts = label(teacher, "Ada went", "nothing here")
    assert verdicts["Ada went"]["entities"] == [{"text": "Ada", "label": "person"}]
    assert verdicts["nothing here"]["entities"] == []


BROKEN = {
    "no label": ('{"text": "x", "how": "plain"}', r"written\.jsonl:2: .*needs its label"),
    "unknown kind": ('{"text": "x", "label": "a", "how": "odd"}', r"written\.jsonl:2: how: "),
    "no text": ('{"label": "a", "how": "plain"}', r"written\.jsonl:2: text: is missing; add it"),
    "a number for a text": ('{"text": 5, "label": "a", "how": "plain"}', r"2: text: must be a text; put it in quotes"),
    "no JSON": ("{", r"written\.jsonl:2: not JSON at column 2: here must be a key .*a line is one JSON object"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_faults_of_a_recording_are_told_by_line(fault: str, tmp_path: Path) -> None:
    line, told = BROKEN[fault]
    (tmp_path / WRITTEN).write_text(json.dumps(WRITTEN_ROWS[0]) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=told):
        read_recording(tmp_path)


def test_a_folder_without_texts_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"written\.jsonl: no such file"):
        read_recording(tmp_path)
