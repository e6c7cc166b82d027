from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evokd.inference import asking
from evokd.inference.answers import AnswerColumns
from evokd.inference.asking import AnsweringProcess, TrainedStudent, answer_texts
from evokd.inference.evaluation import count_matrix, evaluate, measure_ece
from evokd.inference.input_rows import InputRow, cut_parts, read_input
from evokd.inference.prediction import answer_rows
from evokd.messages import InputError
from evokd.student.protocol import Compute, Prediction
from evokd.student.reading.layout import Layout
from evokd.student.reading.source import file_source
from evokd.student.tasks.base import LabeledExample


class Echo:
    """A student that is sure of texts with an even number of letters; it keeps what it was asked for."""

    asked: list[int]
    started: int
    compute: Compute
    computed: Compute

    def __init__(self, log: Path, **_: Any) -> None: ...

    async def warm_up(self) -> None:
        Echo.started += 1

    async def predict(self, folder: Path, texts: list[str], fast: bool, int8: bool) -> list[Prediction]:
        assert fast
        Echo.computed = self.compute
        self.asked.append(len(texts))
        return [
            Prediction(answer=text.split()[0], confidence=0.9 if len(text) % 2 == 0 else 0.3, scores={})
            for text in texts
        ]

    async def close(self) -> None: ...


@pytest.fixture
def student(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TrainedStudent:
    monkeypatch.setattr(Echo, "asked", [], raising=False)
    monkeypatch.setattr(Echo, "started", 0, raising=False)
    monkeypatch.setattr(asking, "StudentClient", Echo)
    folder = tmp_path / "student"
    folder.mkdir()
    (folder / "evokd.json").write_text('{"task": "classification", "labels": ["a", "b"]}', encoding="utf-8")
    return TrainedStudent(folder)


def test_answers_keep_their_rows_and_rows_without_text_have_none(student: TrainedStudent) -> None:
    rows = [InputRow(i, None if i % 3 == 0 else f"a {i}", {"n": i}) for i in range(200)]
    answered = [item for part in answer_rows(student, iter(rows), AnswerColumns(("a", "b"))) for item in part]
    assert [item.row for item in answered] == rows
    assert all(bool(item.columns) == (item.row.text is not None) for item in answered)
    assert len(Echo.asked) == 2
    assert Echo.asked[0] < 64


def test_a_process_that_runs_already_answers_for_each_student(
    student: TrainedStudent, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[int] = []

    async def close(_: Echo) -> None:
        closed.append(Echo.started)

    monkeypatch.setattr(Echo, "close", close)
    with AnsweringProcess() as process:
        for threads in (1, 2):
            served = replace(student, threads=threads, process=process)
            assert [len(part) for part in answer_texts(served, [["a"], ["b", "c"]])] == [1, 2]
            assert Echo.computed.threads == threads
        assert closed == []
    assert closed == [1]


def test_the_first_answers_are_there_before_the_last_rows_are_read(student: TrainedStudent) -> None:
    read: list[int] = []

    def rows() -> Iterator[InputRow]:
        for number in range(5_000):
            read.append(number)
            yield InputRow(number, "a", {})

    next(answer_rows(student, rows(), AnswerColumns(("a", "b"))))
    assert len(read) < 200


def test_a_column_of_the_input_is_not_written_over(student: TrainedStudent) -> None:
    rows = [InputRow(1, "a", {"text": "a", "p_label": "mine"})]
    with pytest.raises(InputError, match="has a column 'p_label' already; choose another --prefix"):
        list(answer_rows(student, iter(rows), AnswerColumns(("a", "b"), prefix="p_")))


def test_parts_grow_after_the_first() -> None:
    assert [len(part) for part in cut_parts(range(12), first=2, rest=5)] == [2, 5, 5]
    assert list(cut_parts([])) == []


FILES = {
    "a.csv": 'Unnamed: 0,id,Body,label\n0,7,"late, broken",x\n1,8,  ,y\n',
    "a.tsv": "id\tBody\tlabel\n7\tlate, broken\tx\n8\t\ty\n",
    "a.jsonl": '{"id": 7, "Body": "late, broken", "label": ["x"]}\n{"id": 8, "Body": null}\n',
}


@pytest.mark.parametrize("name", FILES)
def test_all_columns_are_read_by_their_own_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(FILES[name], encoding="utf-8")
    first, second = read_input(file_source(path), path.suffix[1:], Layout(), "Body")
    assert (first.text, second.text) == ("late, broken", None)
    assert str(first.fields["id"]) == "7"
    assert list(first.fields)[-3:] == ["id", "Body", "label"]
    assert ("Unnamed: 0" in first.fields) == (name == "a.csv")


FAULTS = {
    "another column": (
        "a.csv",
        "id,Text body\n1,x\n",
        "Body",
        r"a\.csv:1: no column 'Body' .* columns are 'id', 'Text",
    ),
    "capitals": ("a.csv", "id,body\n1,x\n", "Body", r"did you mean 'body'\?"),
    "none named": ("a.csv", "id,Body\n1,x\n", None, r"no column \"text\".*--text-column Body"),
    "a row lacks it": ("a.jsonl", '{"Body": "x"}\n{"id": 8}\n', "Body", r'a\.jsonl:2: no text; write \{"Body"'),
    "plain lines": ("a.txt", "x\n", "Body", r"plain lines have no column 'Body'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_column_that_is_not_there_is_told(tmp_path: Path, fault: str) -> None:
    name, content, column, told = FAULTS[fault]
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    form = "lines" if path.suffix == ".txt" else path.suffix[1:]
    with pytest.raises(InputError, match=told):
        list(read_input(file_source(path), form, Layout(), column))


def test_an_evaluation_scores_answers_and_confidence(student: TrainedStudent) -> None:
    examples = [LabeledExample("a ab", "a"), LabeledExample("b bc", "a"), LabeledExample("b", "b")]
    result = evaluate(student, examples)
    assert result.scores.metrics["accuracy"] == pytest.approx(2 / 3)
    assert list(result.answers) == ["a", "b", "b"]
    # of two answers with .9 one is right, one of .3 is right
    assert result.calibration_error == pytest.approx((2 * 0.4 + 0.7) / 3, abs=1e-4)


def test_confidence_that_is_the_share_of_right_answers_has_no_error() -> None:
    assert measure_ece([0.75] * 4, [True, True, True, False]) == 0.0
    assert measure_ece([1.0], [False]) == 1.0


def test_a_matrix_has_a_row_per_right_label() -> None:
    assert count_matrix(["a", "b"], ["a", "a", "b"], ["a", "b", "b"]) == [[1, 1], [0, 1]]
