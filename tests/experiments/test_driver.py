"""Driving a backtest: what is done is not done again, what is interrupted goes on, results are never mixed."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import evokd.experiments.execution
from evokd.experiments.driver import drive
from evokd.experiments.execution import DomainCache, find_curve, run_cell
from evokd.experiments.learning_curve import FILE
from evokd.experiments.results import measure
from evokd.experiments.spec import Arm, plan_experiment, read_domain
from evokd.experiments.worker_pool import Interrupted
from evokd.graph.setup.config_layers import ConfigSource
from evokd.graph.setup.run_folder import ResumeError, RunFolder
from evokd.messages import InputError
from evokd.student.protocol import TrainJob, TrainResult
from evokd.tracing.summary import read_summary
from tests.experiments.conftest import PLAIN, InlinePool, make_order
from tests.graph.toy import ForgetfulStudent, WordStudent, read_rows, write_rows


def ignore(event: Mapping[str, Any]) -> None:
    pass


def test_a_cell_leaves_its_curve_and_no_student(toy_domain: Path, tmp_path: Path) -> None:
    (cell,) = plan_experiment(make_order(toy_domain, columns=[PLAIN], seeds=[1])).cells
    student = WordStudent(tmp_path)
    record = run_cell(cell, DomainCache(read_domain(cell.folder)), tmp_path / "out", student)
    folder = RunFolder(tmp_path / "out" / "runs" / cell.id)
    summary = read_summary(folder.summary)
    assert summary is not None
    assert json.loads((folder.path / FILE).read_text(encoding="utf-8")) == record
    assert not folder.work.exists()
    assert not folder.student.exists()
    points = record["points"]
    assert [point["cycle"] for point in points] == [cycle["cycle"] for cycle in summary["cycles"]]
    assert (points[0]["samples"], points[0]["tokens"], points[0]["calls"]) == (0, 0, 0)
    assert points[-1]["samples"] == summary["totals"]["samples"] == 20
    totals = summary["totals"]
    assert points[-1]["tokens"] == totals["input_tokens"] + totals["output_tokens"] > 0
    assert points[-1]["calls"] == totals["calls"]
    for point, when in ((points[0], "start"), (points[-1], "final")):
        assert {name: round(value, 4) for name, value in point["test"].items()} == summary[when]["test"]
    assert record["seeds"] == 6
    assert record["validation"] == 0


def test_a_rolled_back_cycle_keeps_the_score_and_adds_no_samples(toy_domain: Path, tmp_path: Path) -> None:
    """The student forgets all in its second training; on validation data the gate sees it."""
    order = make_order(toy_domain, ConfigSource("x", {"rows": {"validation": 20}}), columns=[PLAIN], seeds=[1])
    (cell,) = plan_experiment(order).cells
    record = run_cell(cell, DomainCache(read_domain(cell.folder)), tmp_path / "out", ForgetfulStudent(tmp_path))
    first, second = record["points"][:2]
    assert second["version"] == "c000"
    assert second["samples"] == 0
    assert second["tokens"] > 0
    assert second["test"] == first["test"]


class StoppedStudent(WordStudent):
    """Is interrupted in its second training."""

    async def train(self, job: TrainJob) -> TrainResult:
        if self.jobs:
            raise KeyboardInterrupt
        return await super().train(job)


def test_an_interrupted_cell_goes_on_with_the_same_result(toy_domain: Path, tmp_path: Path) -> None:
    (cell,) = plan_experiment(make_order(toy_domain, columns=[PLAIN], seeds=[1])).cells
    stock = DomainCache(read_domain(cell.folder))
    whole = run_cell(cell, stock, tmp_path / "whole", WordStudent(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        run_cell(cell, stock, tmp_path / "cut", StoppedStudent(tmp_path))
    assert find_curve(tmp_path / "cut", cell) is None
    student = WordStudent(tmp_path)
    assert run_cell(cell, stock, tmp_path / "cut", student)["points"] == whole["points"]
    assert all(Path(job.out).name != "c000" for job in student.jobs)
    # and what is done is read, not made again
    assert run_cell(cell, stock, tmp_path / "cut", StoppedStudent(tmp_path))["points"] == whole["points"]


class AbsentStudent(WordStudent):
    """Only answers."""

    async def train(self, job: TrainJob) -> TrainResult:
        raise AssertionError("nothing is to be trained")


def test_a_run_that_ended_without_its_curve_gets_one(
    toy_domain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cell,) = plan_experiment(make_order(toy_domain, columns=[PLAIN], seeds=[1])).cells
    stock = DomainCache(read_domain(cell.folder))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(evokd.experiments.execution, "write_curve", stop)
        with pytest.raises(KeyboardInterrupt):
            run_cell(cell, stock, tmp_path / "out", WordStudent(tmp_path))
    record = run_cell(cell, stock, tmp_path / "out", AbsentStudent(tmp_path))
    assert len(record["points"]) > 1
    # where the students are lost too, the run is made again
    (RunFolder(tmp_path / "out" / "runs" / cell.id).path / FILE).unlink()
    student = WordStudent(tmp_path)
    assert run_cell(cell, stock, tmp_path / "out", student)["points"] == record["points"]
    assert len(student.jobs) == len(record["points"])


def test_a_backtest_does_what_is_missing_alone(toy_domain: Path, tmp_path: Path, inline_pool: InlinePool) -> None:
    backtest = plan_experiment(make_order(toy_domain))
    out = tmp_path / "out"
    first = drive(backtest, out, 2, None, ignore)
    assert len(first.outcomes) == len(backtest.cells) == 4
    assert len(first.ceilings) == 2
    assert len(inline_pool.given[0]) == 6
    shutil.rmtree(out / "runs" / backtest.cells[2].id)
    second = drive(backtest, out, 2, None, ignore)
    assert inline_pool.given[1] == [backtest.cells[2].id]
    assert [outcome.points for outcome in second.outcomes] == [outcome.points for outcome in first.outcomes]


def test_seeds_without_a_full_shot_student_are_held_to_the_mean_of_the_others(
    toy_domain: Path, tmp_path: Path, inline_pool: InlinePool
) -> None:
    backtest = plan_experiment(make_order(toy_domain, columns=[PLAIN], seeds=[1, 2, 3]))
    results = drive(backtest, tmp_path / "out", 1, 2, ignore)
    assert list(results.ceilings) == [("toy", 1), ("toy", 2)]
    metric = backtest.cells[0].metric
    own = [found["test"][metric] for found in results.ceilings.values()]
    held = [item.full for item in measure(results.outcomes)]
    assert held == [*own, pytest.approx(sum(own) / 2)]
    assert [outcome.ceiling is None for outcome in results.outcomes] == [False, False, True]
    more = drive(backtest, tmp_path / "out", 1, None, ignore)
    assert len(more.ceilings) == 3
    assert len(inline_pool.given[1]) == 1


def test_the_start_of_all_columns_scores_the_same(toy_domain: Path, tmp_path: Path, inline_pool: InlinePool) -> None:
    results = drive(
        plan_experiment(
            make_order(toy_domain, seeds=[1], typicality=[0.0, 1.0], columns=(PLAIN, Arm("random", "random")))
        ),
        tmp_path / "out",
        1,
        0,
        ignore,
    )
    assert results.ceilings == {}
    starts = {(outcome.cell.seed, tuple(outcome.points[0]["test"].items())) for outcome in results.outcomes}
    assert len(starts) == 1
    assert len({str(outcome.points) for outcome in results.outcomes}) > 1  # without advice typicality counts


def test_full_shot_is_seeds_and_the_whole_corpus_each_text_once(
    toy_domain: Path, tmp_path: Path, inline_pool: InlinePool
) -> None:
    results = drive(plan_experiment(make_order(toy_domain, seeds=[1])), tmp_path / "out", 1, None, ignore)
    corpus = {row["text"] for row in read_rows(toy_domain / "corpus.jsonl")}
    ((key, full),) = results.ceilings.items()
    assert key == ("toy", 1)
    assert full["samples"] == len(corpus)
    test = read_rows(toy_domain / "test.jsonl")
    write_rows(toy_domain / "corpus.jsonl", [*read_rows(toy_domain / "corpus.jsonl"), *test[:3]])
    leaky = drive(plan_experiment(make_order(toy_domain, seeds=[1])), tmp_path / "leaky", 1, None, ignore)
    assert leaky.ceilings["toy", 1]["samples"] == len(corpus)  # what is asked in the test was not taught
    assert full["test"]["macro_f1"] > max(outcome.points[0]["test"]["macro_f1"] for outcome in results.outcomes)


def test_ctrl_c_tells_how_far_it_came_and_the_same_command_goes_on(
    toy_domain: Path, tmp_path: Path, inline_pool: InlinePool
) -> None:
    backtest = plan_experiment(make_order(toy_domain))
    inline_pool.stop_after = 3
    with pytest.raises(Interrupted, match=r"3 of 4 cells are done; go on with the same command") as caught:
        drive(backtest, tmp_path / "out", 1, 0, ignore)
    assert caught.value.exit_code == 130
    inline_pool.stop_after = None
    assert len(drive(backtest, tmp_path / "out", 1, 0, ignore).outcomes) == 4
    assert inline_pool.given[1] == [backtest.cells[3].id]


def test_other_settings_never_take_the_results_of_these(
    toy_domain: Path, tmp_path: Path, inline_pool: InlinePool
) -> None:
    first = plan_experiment(make_order(toy_domain, columns=[PLAIN], seeds=[1]))
    changed = ConfigSource("x", {"curriculum": {"quotas": {"drafts": 10}}})
    other = plan_experiment(make_order(toy_domain, changed, columns=[PLAIN], seeds=[1]))
    drive(first, tmp_path / "out", 1, 0, ignore)
    results = drive(other, tmp_path / "out", 1, 0, ignore)
    assert len(inline_pool.given[1]) == 1
    assert {outcome.cell.id for outcome in results.outcomes} == {cell.id for cell in other.cells}


def test_a_folder_that_cannot_be_one_is_refused(toy_domain: Path, tmp_path: Path, inline_pool: InlinePool) -> None:
    backtest = plan_experiment(make_order(toy_domain))
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    for out, told in (
        (file, "is not a folder"),
        (file / "out", "cannot be made"),
        (toy_domain, "is the folder of a domain"),
    ):
        with pytest.raises(InputError, match=f"--out {out}: .*{told}.*; name another one"):
            drive(backtest, out, 1, 0, ignore)
    assert file.read_text(encoding="utf-8") == "mine"
    assert inline_pool.given == []


def test_two_backtests_do_not_work_in_one_folder(toy_domain: Path, tmp_path: Path, inline_pool: InlinePool) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with RunFolder(out).lock(), pytest.raises(ResumeError, match="another process"):
        drive(plan_experiment(make_order(toy_domain)), out, 1, 0, ignore)
