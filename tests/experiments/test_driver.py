"""Driving an experiment: what is done is not done again, what is interrupted goes on, results are never mixed."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import evokd.experiments.execution
from evokd.experiments.driver import drive
from evokd.experiments.execution import DomainCache, execute_run, plan_baseline, read_curve
from evokd.experiments.learning_curve import FILE
from evokd.experiments.results import measure
from evokd.experiments.spec import Arm, plan_experiment, read_domain
from evokd.graph.setup.config_layers import ConfigSource
from evokd.graph.setup.run_folder import ResumeError, RunFolder
from evokd.jobs.pool import Interrupted
from evokd.messages import InputError
from evokd.student.protocol import TrainJob, TrainResult
from evokd.tracing.summary import read_summary
from tests.experiments.conftest import PLAIN, InlinePool, make_spec
from tests.graph.toy import ForgetfulStudent, WordStudent, read_rows, write_rows


def ignore(event: Mapping[str, Any]) -> None:
    pass


def test_a_run_leaves_its_curve_and_no_student(toy_domain: Path, tmp_path: Path) -> None:
    (run,) = plan_experiment(make_spec(toy_domain, arms=[PLAIN], seeds=[1])).runs
    student = WordStudent(tmp_path)
    record = execute_run(run, DomainCache(read_domain(run.folder)), tmp_path / "out", student)
    folder = RunFolder(tmp_path / "out" / "runs" / run.id)
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
    spec = make_spec(toy_domain, ConfigSource("x", {"rows": {"validation": 20}}), arms=[PLAIN], seeds=[1])
    (run,) = plan_experiment(spec).runs
    record = execute_run(run, DomainCache(read_domain(run.folder)), tmp_path / "out", ForgetfulStudent(tmp_path))
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


def test_an_interrupted_run_goes_on_with_the_same_result(toy_domain: Path, tmp_path: Path) -> None:
    (run,) = plan_experiment(make_spec(toy_domain, arms=[PLAIN], seeds=[1])).runs
    cache = DomainCache(read_domain(run.folder))
    whole = execute_run(run, cache, tmp_path / "whole", WordStudent(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        execute_run(run, cache, tmp_path / "cut", StoppedStudent(tmp_path))
    assert read_curve(tmp_path / "cut", run) is None
    student = WordStudent(tmp_path)
    assert execute_run(run, cache, tmp_path / "cut", student)["points"] == whole["points"]
    assert all(Path(job.out).name != "c000" for job in student.jobs)
    # and what is done is read, not made again
    assert execute_run(run, cache, tmp_path / "cut", StoppedStudent(tmp_path))["points"] == whole["points"]


class AbsentStudent(WordStudent):
    """Only answers."""

    async def train(self, job: TrainJob) -> TrainResult:
        raise AssertionError("nothing is to be trained")


def test_a_run_that_ended_without_its_curve_gets_one(
    toy_domain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = plan_experiment(make_spec(toy_domain, arms=[PLAIN], seeds=[1])).runs
    cache = DomainCache(read_domain(run.folder))

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(evokd.experiments.execution, "write_curve", stop)
        with pytest.raises(KeyboardInterrupt):
            execute_run(run, cache, tmp_path / "out", WordStudent(tmp_path))
    record = execute_run(run, cache, tmp_path / "out", AbsentStudent(tmp_path))
    assert len(record["points"]) > 1
    # where the students are lost too, the run is made again
    (RunFolder(tmp_path / "out" / "runs" / run.id).path / FILE).unlink()
    student = WordStudent(tmp_path)
    assert execute_run(run, cache, tmp_path / "out", student)["points"] == record["points"]
    assert len(student.jobs) == len(record["points"])


def test_an_experiment_does_only_what_is_missing(toy_domain: Path, tmp_path: Path, inline_pool: InlinePool) -> None:
    experiment = plan_experiment(make_spec(toy_domain))
    out = tmp_path / "out"
    first = drive(experiment, out, 2, None, ignore)
    assert len(first.outcomes) == len(experiment.runs) == 4
    assert len(first.baselines) == 2
    assert len(inline_pool.given[0]) == 6
    shutil.rmtree(out / "runs" / experiment.runs[2].id)
    second = drive(experiment, out, 2, None, ignore)
    assert inline_pool.given[1] == [experiment.runs[2].id]
    assert [outcome.points for outcome in second.outcomes] == [outcome.points for outcome in first.outcomes]


def test_results_of_an_earlier_version_are_read_where_it_left_them(
    toy_domain: Path, tmp_path: Path, inline_pool: InlinePool
) -> None:
    """Names of folders and keys are written out here: they must not change, or everything would be done again."""
    experiment = plan_experiment(make_spec(toy_domain, arms=[PLAIN], seeds=[1]))
    (run,) = experiment.runs
    (domain,) = experiment.domains.values()
    point = {"cycle": 0, "version": "c000", "samples": 0, "tokens": 0, "calls": 0, "test": {}, "labels": {}}
    head = {"cell": run.id, "metric": run.metric, "stop_reason": "budget.samples", "totals": {"seconds": 1.0}}
    stored = {
        f"runs/{run.id}/curve.json": {**head, "seeds": 6, "validation": 0, "points": [point]},
        f"ceilings/{plan_baseline(run, domain).id}.json": {"samples": 9, "test": {run.metric: 0.8}, "labels": {}},
    }
    for name, record in stored.items():
        path = tmp_path / "out" / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(record), encoding="utf-8")
    results = drive(experiment, tmp_path / "out", 1, None, ignore)
    assert inline_pool.given == [[]]
    (outcome,) = results.outcomes
    assert (outcome.points, outcome.stop_reason) == ([point], "budget.samples")
    assert outcome.baseline == stored[f"ceilings/{plan_baseline(run, domain).id}.json"]


def test_seeds_without_a_full_shot_student_are_held_to_the_mean_of_the_others(
    toy_domain: Path, tmp_path: Path, inline_pool: InlinePool
) -> None:
    experiment = plan_experiment(make_spec(toy_domain, arms=[PLAIN], seeds=[1, 2, 3]))
    results = drive(experiment, tmp_path / "out", 1, 2, ignore)
    assert list(results.baselines) == [("toy", 1), ("toy", 2)]
    metric = experiment.runs[0].metric
    trained = [baseline["test"][metric] for baseline in results.baselines.values()]
    full = [item.full for item in measure(results.outcomes)]
    assert full == [*trained, pytest.approx(sum(trained) / 2)]
    assert [outcome.baseline is None for outcome in results.outcomes] == [False, False, True]
    more = drive(experiment, tmp_path / "out", 1, None, ignore)
    assert len(more.baselines) == 3
    assert len(inline_pool.given[1]) == 1


def test_the_start_of_all_arms_scores_the_same(toy_domain: Path, tmp_path: Path, inline_pool: InlinePool) -> None:
    results = drive(
        plan_experiment(make_spec(toy_domain, seeds=[1], typicality=[0.0, 1.0], arms=(PLAIN, Arm("random", "random")))),
        tmp_path / "out",
        1,
        0,
        ignore,
    )
    assert results.baselines == {}
    starts = {(outcome.run.seed, tuple(outcome.points[0]["test"].items())) for outcome in results.outcomes}
    assert len(starts) == 1
    assert len({str(outcome.points) for outcome in results.outcomes}) > 1  # without advice typicality counts


def test_full_shot_is_seeds_and_the_whole_corpus_each_text_once(
    toy_domain: Path, tmp_path: Path, inline_pool: InlinePool
) -> None:
    results = drive(plan_experiment(make_spec(toy_domain, seeds=[1])), tmp_path / "out", 1, None, ignore)
    corpus = {row["text"] for row in read_rows(toy_domain / "corpus.jsonl")}
    ((key, full),) = results.baselines.items()
    assert key == ("toy", 1)
    assert full["samples"] == len(corpus)
    test = read_rows(toy_domain / "test.jsonl")
    write_rows(toy_domain / "corpus.jsonl", [*read_rows(toy_domain / "corpus.jsonl"), *test[:3]])
    leaky = drive(plan_experiment(make_spec(toy_domain, seeds=[1])), tmp_path / "leaky", 1, None, ignore)
    assert leaky.baselines["toy", 1]["samples"] == len(corpus)  # what is asked in the test was not taught
    assert full["test"]["macro_f1"] > max(outcome.points[0]["test"]["macro_f1"] for outcome in results.outcomes)


def test_ctrl_c_tells_how_far_it_came_and_the_same_command_goes_on(
    toy_domain: Path, tmp_path: Path, inline_pool: InlinePool
) -> None:
    experiment = plan_experiment(make_spec(toy_domain))
    inline_pool.stop_after = 3
    with pytest.raises(Interrupted, match=r"3 of 4 runs are done; go on with the same command") as caught:
        drive(experiment, tmp_path / "out", 1, 0, ignore)
    assert caught.value.exit_code == 130
    inline_pool.stop_after = None
    assert len(drive(experiment, tmp_path / "out", 1, 0, ignore).outcomes) == 4
    assert inline_pool.given[1] == [experiment.runs[3].id]


def test_other_settings_never_take_the_results_of_these(
    toy_domain: Path, tmp_path: Path, inline_pool: InlinePool
) -> None:
    first = plan_experiment(make_spec(toy_domain, arms=[PLAIN], seeds=[1]))
    changed = ConfigSource("x", {"curriculum": {"quotas": {"drafts": 10}}})
    other = plan_experiment(make_spec(toy_domain, changed, arms=[PLAIN], seeds=[1]))
    drive(first, tmp_path / "out", 1, 0, ignore)
    results = drive(other, tmp_path / "out", 1, 0, ignore)
    assert len(inline_pool.given[1]) == 1
    assert {outcome.run.id for outcome in results.outcomes} == {run.id for run in other.runs}


def test_a_folder_that_cannot_be_one_is_refused(toy_domain: Path, tmp_path: Path, inline_pool: InlinePool) -> None:
    experiment = plan_experiment(make_spec(toy_domain))
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    for out, message in (
        (file, "is not a folder"),
        (file / "out", "cannot be made"),
        (toy_domain, "is the folder of a domain"),
    ):
        with pytest.raises(InputError, match=f"--out {out}: .*{message}.*; name another one"):
            drive(experiment, out, 1, 0, ignore)
    assert file.read_text(encoding="utf-8") == "mine"
    assert inline_pool.given == []


def test_two_experiments_do_not_work_in_one_folder(toy_domain: Path, tmp_path: Path, inline_pool: InlinePool) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with RunFolder(out).lock(), pytest.raises(ResumeError, match="another process"):
        drive(plan_experiment(make_spec(toy_domain)), out, 1, 0, ignore)
