"""Cells that hold more, or less, than they seem to: nothing is lost or taken for something else without a word."""

import json
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from evokd import api
from evokd.messages import InputError

TEXTS = ["The courier never came", "The bill shows a wrong sum", "The app crashes at login", "Where is my parcel now"]
LABELS = ["delivery", "billing", "app", "delivery"]


def _init(tmp_path: Path, name: str, content: str, **options: Any) -> dict[str, Any]:
    source = tmp_path / name
    source.write_text(content, encoding="utf-8")
    return api.init_domain(tmp_path / "made", source=source, **options)


def _seeds(tmp_path: Path, key: str) -> list[Any]:
    lines = (tmp_path / "made" / "seeds.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)[key] for line in lines]


def _workbook(tmp_path: Path, rows: list[list[Any]]) -> Path:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    path = tmp_path / "notes.xlsx"
    book.save(path)
    return path


@pytest.mark.parametrize("write", [json.dumps, str], ids=["json", "python"])
def test_a_list_that_was_written_as_text_is_a_list(tmp_path: Path, write: Any) -> None:
    lines = [f"{text}\t{write([label, 'urgent'])}" for text, label in zip(TEXTS, LABELS, strict=True)]
    _init(tmp_path, "notes.tsv", "\n".join(["text\tlabels", *lines]) + "\n", task="multilabel")
    assert _seeds(tmp_path, "labels") == [
        sorted([label, "urgent"], key=["urgent", "delivery", "billing", "app"].index) for label in LABELS
    ]


def test_json_min_writes_one_choice_as_text_and_several_as_an_object(tmp_path: Path) -> None:
    topics = ["delivery", {"choices": ["billing", "a, b"]}, "a, b", {"choices": ["delivery", "billing"]}]
    items = [{"id": 1, "text": text, "topic": topic} for text, topic in zip(TEXTS, topics, strict=True)]
    _init(tmp_path, "export.json", json.dumps(items), task="multilabel", label_column="topic")
    assert _seeds(tmp_path, "labels") == [["delivery"], ["a, b", "billing"], ["a, b"], ["billing", "delivery"]]


def test_scores_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    lines = [json.dumps({"text": text, "cats": {"app": "0.9", "billing": 0.1}}) for text in TEXTS]
    with pytest.raises(InputError, match=r"notes.jsonl:1: the score of 'app' is '0.9'; write a number"):
        _init(tmp_path, "notes.jsonl", "\n".join(lines), task="multilabel", label_column="cats")


def _label_studio(question: str, choice: str) -> dict[str, Any]:
    return {"from_name": question, "type": "choices", "value": {"choices": [choice]}}


def test_two_questions_of_label_studio_are_two_columns(tmp_path: Path) -> None:
    rows = zip(TEXTS, LABELS, ["high", "low", "low", "high"], strict=True)
    tasks = [
        {"data": {"text": text}, "annotations": [{"result": [_label_studio("area", a), _label_studio("haste", b)]}]}
        for text, a, b in rows
    ]
    with pytest.raises(InputError, match=r"'area' .*'haste' .*name it with --label-column"):
        _init(tmp_path, "tasks.json", json.dumps(tasks))
    new = _init(tmp_path, "tasks.json", json.dumps(tasks), label_column="haste")
    assert _seeds(tmp_path, "label") == ["high", "low", "low", "high"]
    assert not any(note.startswith("0 ") for note in new["notes"]), new["notes"]


def test_a_line_of_fasttext_without_a_label_is_unlabelled(tmp_path: Path) -> None:
    lines = [f"__label__{label} {text}" for text, label in zip(TEXTS, LABELS, strict=True)]
    _init(tmp_path, "notes.txt", "\n".join([*lines, "nobody has looked at this one"]))
    assert _seeds(tmp_path, "text") == TEXTS
    assert "nobody has looked" in (tmp_path / "made" / "pool.jsonl").read_text(encoding="utf-8")


def test_none_in_capitals_is_none(tmp_path: Path) -> None:
    _init(tmp_path, "notes.csv", f"text,labels\n{TEXTS[0]},a\n{TEXTS[1]},b\n{TEXTS[2]},(None)\n", task="multilabel")
    assert _seeds(tmp_path, "labels") == [["a"], ["b"], []]


def test_a_formula_without_its_result_is_refused(tmp_path: Path) -> None:
    rows = [[text, f'=LOWER("{label}")'] for text, label in zip(TEXTS, LABELS, strict=True)]
    path = _workbook(tmp_path, [["text", "label"], [TEXTS[0] + " again", "app"], *rows])
    with pytest.raises(InputError, match=r"row 3: a formula without a stored result .*; open the workbook"):
        api.init_domain(tmp_path / "made", source=path)


def test_a_workbook_without_a_header_is_refused(tmp_path: Path) -> None:
    rows = [[f"{text} for the third time in a row", label] for text, label in zip(TEXTS, LABELS, strict=True)]
    path = _workbook(tmp_path, rows)
    with pytest.raises(InputError, match="row 1: the first line seems to be a row, not a header"):
        api.init_domain(tmp_path / "made", source=path)


def test_cells_under_no_name_are_told(tmp_path: Path) -> None:
    rows = [[text, label, "more"] for text, label in zip(TEXTS, LABELS, strict=True)]
    new = api.init_domain(tmp_path / "made", source=_workbook(tmp_path, [["text", "label"], *rows]))
    assert "rows with cells in columns without a name, which are passed over: 4" in new["notes"]
