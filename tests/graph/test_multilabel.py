"""A domain with any number of labels per text: init, run, review, show, predict, eval, export."""

import csv
import io
import json
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from evokd.cli import main
from evokd.cli.views.evaluation_page import show_evaluation
from evokd.messages import name_set
from evokd.tracing.ledger import Ledger
from evokd.tracing.queries import find_samples
from tests.multilabel_rows import LABELS, write_domain

QUICK = ["--device", "cpu", "--set", "student.tune=head", "--seed", "3", "--budget-samples", "16"]


def _call(*args: object) -> None:
    assert main.run_cli([str(arg) for arg in args]) == 0


@pytest.fixture(scope="module")
def done_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one cycle that has waited for a review, in which one answer was corrected."""
    base = tmp_path_factory.mktemp("multilabel")
    domain = write_domain(base / "hut")
    run = base / "runs" / "done"
    options = ["--set", "curriculum.labels=labeler", "--review", "all", "--cycles", "1"]
    _call("run", domain, *QUICK, *options, "--runs-dir", run.parent, "--run-id", run.name)
    table = base / "review.csv"
    _call("review", run, "--out", table)
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0] |= {"labels": "kitchen; water", "decision": "correct"}
    rows[1] |= {"labels": "(none)", "decision": "correct"}
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    _call("review", run, "--in", table)
    _call("review", run, "--rest", "accept")
    _call("resume", run)
    return run


def test_sets_are_asked_for_written_labelled_reviewed_and_learnt(done_run: Path) -> None:
    summary = json.loads((done_run / "summary.json").read_text(encoding="utf-8"))
    assert (summary["task"], summary["metric"]) == ("multilabel", "macro_f1")
    assert set(summary["final"]["test"]) == {"macro_f1", "micro_f1", "exact_match"}
    rows = [json.loads(line) for line in (done_run / "dataset" / "train.jsonl").read_text("utf-8").splitlines()]
    assert all(set(row["labels"]) <= set(LABELS) for row in rows)
    assert any(len(row["labels"]) > 1 for row in rows)
    assert {tuple(row["labels"]) for row in rows if row.get("reviewed_by")} >= {("water", "kitchen"), ()}
    with Ledger(done_run / "ledger.db") as ledger:
        quotas = [quota for lesson in ledger.lessons(1) for quota in lesson["plan"]["quotas"]]
    asked = {quota["label"]: quota.get("labels", []) for quota in quotas}
    assert all(name.split(";") == labels for name, labels in asked.items() if name != "(none)")
    assert any(len(labels) > 1 for labels in asked.values())


def test_pages_of_the_run_show_sets(done_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options in ([], ["--cycle", "1"]):
        _call("show", done_run, *options)
    told = capsys.readouterr().out
    assert "water;kitchen" in told or "heating;water" in told
    assert "water, kitchen" in told or "heating, water" in told
    _call("report", done_run)
    assert (done_run / "report.html").stat().st_size > 100_000


def test_samples_are_found_by_a_label_of_their_set(done_run: Path) -> None:
    with Ledger(done_run / "ledger.db") as ledger:
        samples = ledger.samples()
        for label in LABELS:
            found = {row["id"] for row in find_samples(ledger, {"label": label})["rows"]}
            assert found == {sample.id for sample in samples if label in (sample.label or [])}


def test_answers_are_joined_in_a_table(done_run: Path, tmp_path: Path) -> None:
    texts, answers = tmp_path / "in.csv", tmp_path / "out.csv"
    texts.write_text("text\nThe tap is frozen and the stove is cold\nWhat a view\n", encoding="utf-8")
    _call("predict", done_run, texts, "--output", answers, "--scores")
    with answers.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        scores = json.loads(row["predicted_scores"])
        assert row["predicted_label"] == name_set([label for label in LABELS if scores[label] >= 0.5])
        assert 0.5 <= float(row["predicted_confidence"]) == min(max(p, 1 - p) for p in scores.values())


def test_eval_tells_the_decisions_on_each_label(done_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = done_run.parents[1] / "test.csv"
    rows = [json.loads(line) for line in (done_run.parents[1] / "hut" / "test.jsonl").read_text("utf-8").splitlines()]
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [["text", "Tags"], *([row["text"], "; ".join(row["labels"]) or "(none)"] for row in rows)]
        )
    capsys.readouterr()
    _call("eval", done_run, table, "--text-column", "text", "--label-column", "Tags", "--json")
    facts = json.loads(capsys.readouterr().out)
    assert "matrix" not in facts
    support = {line["label"]: line["support"] for line in facts["report"]}
    for counts in facts["decisions"]:
        assert sum(counts[key] for key in ("tp", "fp", "fn", "tn")) == facts["rows"] == 10
        assert counts["tp"] + counts["fn"] == support[counts["label"]]
    console = Console(file=io.StringIO(), width=80)
    show_evaluation(console, facts)
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert "left out" in told
    assert max(map(len, told.splitlines())) <= 80


def test_exports_say_how_to_ask(done_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _call("export", done_run, "--format", "hf", "--to", tmp_path / "hf")
    card = (tmp_path / "hf" / "README.md").read_text(encoding="utf-8")
    assert 'function_to_apply="sigmoid"' in card
    assert (
        json.loads((tmp_path / "hf" / "config.json").read_text("utf-8"))["problem_type"] == "multi_label_classification"
    )
    _call("export", done_run, "--format", "dataset", "--to", tmp_path / "data", "--with-own-rows")
    rows = [json.loads(line) for line in (tmp_path / "data" / "data" / "test.jsonl").read_text("utf-8").splitlines()]
    assert [] in [row["labels"] for row in rows]
    capsys.readouterr()
    assert main.run_cli(["export", str(done_run), "--format", "conll", "--to", str(tmp_path / "conll")]) == 2
    assert "conll is for entities" in capsys.readouterr().err


def test_init_cuts_cells_and_says_at_which_sign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "tags.csv"
    table.write_text(
        "Remark,Tags\nCold stove and a dripping tap,heat | water\nTap drips,water\nA view,(none)\nOh,\n", "utf-8"
    )
    columns = ["--text-column", "Remark", "--label-column", "Tags"]
    _call("init", tmp_path / "hut", "--from", table, "--task", "multilabel", *columns)
    assert "the labels in 'Tags' are parted by '|'" in capsys.readouterr().out
    rows = [json.loads(line) for line in (tmp_path / "hut" / "seeds.jsonl").read_text("utf-8").splitlines()]
    assert sorted(tuple(sorted(row["labels"])) for row in rows) == [(), ("heat", "water"), ("water",)]
    assert yaml.safe_load((tmp_path / "hut" / "domain.yaml").read_text("utf-8"))["task"] == "multilabel"
    table.write_text(table.read_text("utf-8").replace("water\nA", "water;x\nA"), "utf-8")
    assert main.run_cli(["init", str(tmp_path / "b"), "--from", str(table), "--task", "multilabel", *columns]) == 2
    assert "both ';' and '|'" in capsys.readouterr().err


def test_init_without_a_task_says_what_it_takes_for_one_label(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "tags.csv"
    table.write_text("text,label\nCold stove and tap,heat | water\nTap drips,water\nStove,heat\n", "utf-8")
    _call("init", tmp_path / "hut", "--from", table)
    assert "'heat | water' is read as one label; --task multilabel reads it as several" in capsys.readouterr().out


def test_check_tells_of_a_domain_and_refuses_a_recording(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    domain = write_domain(tmp_path / "hut")
    _call("check", domain)
    assert "hut (multilabel, macro_f1)" in capsys.readouterr().out
    (domain / "llm").mkdir()
    (domain / "llm" / "written.jsonl").write_text("{}\n", encoding="utf-8")
    assert main.run_cli(["check", str(domain), "--teacher", "recorded"]) == 2
    assert "not for task multilabel" in capsys.readouterr().err
