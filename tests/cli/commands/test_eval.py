"""`evokd eval` says what it scores: rows that have labels, and how many of them the student has met."""

import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from evokd.api.familiar_rows import find_familiar
from evokd.api.record import open_run
from evokd.cli import main
from evokd.student.protocol import Prediction
from tests.cli.conftest import check_refusal
from tests.graph.toy import LABELS, read_rows, write_rows


def write_record(student: Path, task: str, labels: Sequence[str]) -> Path:
    student.mkdir(parents=True, exist_ok=True)
    record = {"task": task, "labels": list(labels), "max_length": 32}
    (student / "evokd.json").write_text(json.dumps(record), encoding="utf-8")
    return student


@pytest.fixture
def run(done_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished run, whose student answers the first label to every text."""
    shutil.copytree(done_runs / "done", tmp_path / "done")
    write_record(tmp_path / "done" / "student", "classification", LABELS)

    def answer(_: object, parts: Iterable[Sequence[str]]) -> Iterable[list[Prediction]]:
        for part in parts:
            yield [Prediction(answer=LABELS[0], confidence=0.5, scores=dict.fromkeys(LABELS, 0.5)) for _ in part]

    monkeypatch.setattr("evokd.inference.evaluation.answer_texts", answer)
    return tmp_path / "done"


def evaluate(source: Path, file: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    assert main.run_cli(["eval", str(source), str(file), "--json"]) == 0
    facts: dict[str, object] = json.loads(capsys.readouterr().out)
    return facts


def test_rows_that_the_student_has_met_are_counted(
    run: Path, done_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    domain = done_runs.parent / "toy"
    seeds, samples = read_rows(domain / "seeds.jsonl"), read_rows(run / "dataset" / "train.jsonl")
    new = [{"text": "Kann ich das Fahrrad abends abholen?", "label": LABELS[0]}]
    learned = [{"text": row["text"], "label": row["label"]} for row in samples[:2]]
    write_rows(tmp_path / "rows.jsonl", [*new, {**seeds[0], "text": seeds[0]["text"].upper() + "!!"}, *learned])
    facts = evaluate(run, tmp_path / "rows.jsonl", capsys)
    assert (facts["rows"], facts["trained_on"], facts["chosen_by"]) == (4, 3, 0)
    assert "the student was trained on 3 of the 4 rows" in str(facts["notes"])
    bare = evaluate(run / "student", tmp_path / "rows.jsonl", capsys)
    assert (bare["trained_on"], bare["notes"]) == (None, [])
    write_rows(tmp_path / "rows.jsonl", new)
    assert evaluate(run, tmp_path / "rows.jsonl", capsys)["notes"] == []


def test_validation_rows_chose_the_student_unless_it_learned_them_at_the_end(run: Path, done_runs: Path) -> None:
    texts = [row["text"] for row in read_rows(done_runs.parent / "toy" / "validation.jsonl")]
    found = find_familiar(open_run(run), texts)
    assert found is not None
    assert (found.trained_on, found.chosen_by) == (len(texts), 0)
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    (run / "summary.json").write_text(json.dumps({**summary, "refit": 0}), encoding="utf-8")
    found = find_familiar(open_run(run), texts)
    assert found is not None
    assert found.chosen_by > len(texts) / 2
    assert found.trained_on + found.chosen_by == len(texts)
    assert "so the score flatters" in next(found.tell())


def test_seeds_that_were_too_many_for_the_record_are_read_from_the_domain(
    run: Path, done_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [row["text"] for row in read_rows(done_runs.parent / "toy" / "seeds.jsonl")]
    monkeypatch.setattr("evokd.tracing.ledger.Ledger.cycle_record", lambda *_: {"rows": [], "left_out": 3})
    found = find_familiar(open_run(run), texts)
    assert found is not None
    assert (found.trained_on, found.unknown) == (len(texts), ())
    config = run / "config.yaml"
    gone = config.read_text(encoding="utf-8").replace(f"domain_folder: {done_runs.parent}", "domain_folder: /nowhere")
    config.write_text(gone, encoding="utf-8")
    found = find_familiar(open_run(run), texts)
    assert found is not None
    assert found.unknown == ("seeds", "validation")
    assert "known in part only" in list(found.tell())[-1]


def test_rows_without_a_label_are_left_out_and_told(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "partly.csv"
    table.write_text(f"text,label\nwhere is it,{LABELS[1]}\nstop it,\nI am locked out,\n", encoding="utf-8")
    facts = evaluate(run, table, capsys)
    assert (facts["rows"], facts["unlabelled"]) == (1, 2)
    assert facts["notes"] == [f"{table}: 2 of 3 rows have no label and are left out (the first: line 3)"]
    table.write_text("text,label\nwhere is it,\n", encoding="utf-8")
    check_refusal(["eval", str(run), str(table)], ["no row has a label in 'label'"], capsys)
    table.write_text("text,Queue\nwhere is it,x\n", encoding="utf-8")
    check_refusal(["eval", str(run), str(table)], ['key "label" is missing', "such as --label-column Queue"], capsys)


def test_sets_and_entities_that_are_empty_on_purpose_are_labels(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "evokd.inference.evaluation.answer_texts",
        lambda _, parts: ([Prediction(answer=[], confidence=0.5, scores={}) for _ in part] for part in parts),
    )
    sets = write_record(tmp_path / "sets", "multilabel", ["damp", "noise"])
    table = tmp_path / "sets.csv"
    table.write_text("Body,Tags\nit drips,damp\nall is well,(none)\nto be done,\n", encoding="utf-8")
    check_refusal(["eval", str(sets), str(table), "--text-column", "Body"], ["such as --label-column Tags"], capsys)
    named = ["eval", str(sets), str(table), "--text-column", "Body", "--label-column", "Tags", "--json"]
    assert main.run_cli(named) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["rows"], facts["unlabelled"], facts["metrics"]["exact_match"]) == (2, 1, 0.5)
    entities = write_record(tmp_path / "entities", "ner", ["site"])
    write_rows(tmp_path / "e.jsonl", [{"text": "no name", "entities": []}, {"text": "not read yet"}])
    facts = evaluate(entities, tmp_path / "e.jsonl", capsys)
    assert (facts["rows"], facts["unlabelled"]) == (1, 1)
