"""`evokd compare`: what can be compared stands in one table, what cannot stands in another."""

import json
from pathlib import Path

import pytest

from evokd.cli import main
from evokd.experiments.comparison import compare_runs
from evokd.graph.setup.run_folder import RunFolder
from tests.graph.conftest import give_student, run_quick
from tests.graph.toy import WordStudent, write_domain


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> list[WordStudent]:
    return give_student(monkeypatch, WordStudent)


def test_runs_that_differ_in_their_loop_stand_in_one_table(
    toy_domain: Path, tmp_path: Path, give: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [
        run_quick(toy_domain, "--seed", str(seed), *options, run_id=f"{name}{seed}")
        for seed in (1, 2)
        for name, options in {"plain": [], "blind": ["--set", "curriculum.weaknesses=0"]}.items()
    ]
    comparison = compare_runs(folders)
    assert len(comparison.groups) == 1
    (table,) = comparison.record["tables"]
    assert table["gate"] == "macro_f1 on validation data"
    rows = {row["run"]: row for row in table["runs"]}
    summary = json.loads(folders[0].summary.read_bytes())
    assert rows["plain1"]["final"] == {split: summary["final"][split]["macro_f1"] for split in ("validation", "test")}
    assert rows["plain1"]["samples"] == summary["totals"]["samples"]
    curve = rows["plain1"]["gate"]["samples"]
    assert curve[0][0] == 0
    assert curve[-1][0] == summary["totals"]["samples"]
    assert [row["loop"] for row in table["runs"]] == ["evokd (a)", "evokd (b)"] * 2
    assert "- curriculum.weaknesses: 2 in evokd (a), 0 in evokd (b)" in comparison.text
    assert "evokd (a) minus it" in comparison.text
    capsys.readouterr()
    out = tmp_path / "compared"
    assert main.run_cli(["compare", *(str(folder.path) for folder in folders), "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((out / "compare.json").read_text(encoding="utf-8"))
    assert "plain1" in (out / "compare.md").read_text(encoding="utf-8")


def test_runs_with_and_without_validation_are_never_in_one_table(
    toy_domain: Path, give: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"all": [], "none": ["--set", "rows.validation=0"], "some": ["--set", "rows.validation=9"]}
    folders = [run_quick(toy_domain, *more, run_id=name) for name, more in options.items()]
    comparison = compare_runs(folders)
    assert [[run.name for run in runs] for runs in comparison.groups] == [["all"], ["none"], ["some"]]
    assert [table["gate"] for table in comparison.record["tables"]] == [
        "macro_f1 on validation data",
        "nothing",  # with so few samples none is set aside
        "macro_f1 on validation data",
    ]
    capsys.readouterr()
    assert main.run_cli(["compare", *(str(folder.path) for folder in folders)]) == 0
    printed = capsys.readouterr()
    assert printed.out.count("## toy") == 3
    assert "3 tables" in printed.err


def test_a_table_says_where_its_areas_end_and_how_many_gates_measured(
    toy_domain: Path, give: list[WordStudent]
) -> None:
    blind = ["--set", "rows.validation=0", "--set", "gate.rule=off", "--set", "gate.holdout=0"]
    silent = run_quick(toy_domain, *blind, run_id="silent")
    assert compare_runs([silent]).record["tables"][0]["gate"] == "nothing"
    short = run_quick(toy_domain, "--cycles", "1", run_id="short")
    whole = run_quick(toy_domain, run_id="whole")
    text = compare_runs([short, whole]).text
    totals = json.loads(short.summary.read_bytes())["totals"]
    tokens = totals["input_tokens"] + totals["output_tokens"]
    assert f"has spent: {totals['samples']} samples and {tokens:,} tokens." in text
    aside = ["--set", "gate.holdout=0.5", "--set", "gate.holdout_from=0", "--set", "gate.minimum=1"]
    heard = run_quick(toy_domain, "--set", "rows.validation=0", *aside, run_id="heard")
    (table,) = compare_runs([silent, heard]).record["tables"]
    assert table["gate"] == "macro_f1 on generated samples that were set aside in 1 of 2 runs"


def test_other_domains_and_other_data_are_other_tables(
    toy_domain: Path, tmp_path: Path, give: list[WordStudent]
) -> None:
    other = write_domain(tmp_path / "other", name="other")
    folders = [run_quick(toy_domain, run_id="one"), run_quick(other, run_id="two")]
    with (toy_domain / "test.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"text": "one more row", "label": "cancel_plan"}\n')
    folders.append(run_quick(toy_domain, run_id="three"))
    assert [[run.name for run in runs] for runs in compare_runs(folders).groups] == [["one"], ["two"], ["three"]]


def test_a_run_that_has_not_ended_or_is_named_twice_is_refused(
    toy_domain: Path, give: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_quick(toy_domain)
    capsys.readouterr()
    assert main.run_cli(["compare", str(folder.path), str(folder.path)]) == 2
    assert "is named twice" in capsys.readouterr().err
    RunFolder(folder.path).summary.unlink()
    assert main.run_cli(["compare", str(folder.path)]) == 2
    assert f"has not ended; go on with: evokd resume {folder.path}" in capsys.readouterr().err
    assert main.run_cli(["compare", "nothing"]) == 2
    assert "no run 'nothing'" in capsys.readouterr().err
