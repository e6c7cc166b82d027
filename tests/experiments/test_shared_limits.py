"""Who is told of the limiter that the runs of an experiment share, and that it changes nothing about a run."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks.shared_limits import SlowApp, make_teacher
from evokd.agents.llm.limiter_server import serve_limiters
from evokd.agents.llm.limiter_wire import LimiterAddress
from evokd.cli import main
from evokd.experiments.execution import DomainCache, execute_run
from evokd.experiments.shared_limits import limit_together, split_address
from evokd.experiments.spec import ExperimentRun, plan_experiment, read_domain
from evokd.graph.setup.config_layers import ConfigSource
from evokd.jobs.pool import PoolJob
from tests.conftest import ServeApp
from tests.experiments.conftest import PLAIN, make_spec
from tests.graph.toy import WordStudent
from tests.student.conftest import tiny_student

__all__ = ["tiny_student"]

MODEL = {"model": "m", "base_url": "http://127.0.0.1:9/v1", "concurrency": 10}


def make_jobs(folder: Path, **settings: Any) -> list[PoolJob]:
    runs = plan_experiment(make_spec(folder, ConfigSource("x", settings), arms=[PLAIN])).runs
    jobs = [PoolJob(run.id, "run", run.folder, "name", asdict(run)) for run in runs]
    return [*jobs, PoolJob("full", "baseline", runs[0].folder, "name", {"id": "full", "run": asdict(runs[0])})]


def test_runs_of_a_language_model_are_told_whom_to_ask_and_stay_the_same_runs(toy_domain: Path) -> None:
    jobs = make_jobs(toy_domain, teacher=MODEL)
    with limit_together(jobs, "127.0.0.1", 2) as limited:
        assert limited[2] == jobs[2]  # calls no teacher
        for job, given in zip(jobs[:2], limited, strict=False):
            fields, address = split_address(json.loads(json.dumps(dict(given.body))))
            assert ExperimentRun(**fields) == ExperimentRun(**json.loads(json.dumps(dict(job.body))))
            assert isinstance(address, LimiterAddress)
            assert (address.host, address.sharers, len(address.token)) == ("127.0.0.1", 2, 32)


@pytest.mark.parametrize("teacher", [{}, {"model": "rehearsal", "concurrency": 3}])
def test_embedded_teachers_need_no_limiter(toy_domain: Path, teacher: dict[str, Any]) -> None:
    jobs = make_jobs(toy_domain, teacher=teacher)
    with limit_together(jobs, "nowhere", 2) as limited:
        assert limited == jobs
    assert split_address(jobs[0].body) == (jobs[0].body, None)


def test_a_run_has_the_same_result_with_a_shared_limiter_with_its_share_and_alone(
    toy_domain: Path, tmp_path: Path, serve_app: ServeApp
) -> None:
    app = SlowApp(make_teacher(str(toy_domain)), latency=0.0, room=9)
    teacher = {**MODEL, "base_url": f"{serve_app(app)}/v1", "concurrency": 4}
    spec = make_spec(toy_domain, ConfigSource("x", {"teacher": teacher}), arms=[PLAIN], seeds=[1])
    (run,) = plan_experiment(spec).runs
    heard: list[Mapping[str, Any]] = []

    def work(name: str, limiters: LimiterAddress | None) -> list[Mapping[str, Any]]:
        heard.clear()
        cache, student = DomainCache(read_domain(run.folder)), WordStudent(tmp_path / name)
        record = execute_run(run, cache, tmp_path / name, student, (heard.append,), limiters)
        return [{**point, "seconds": None} for point in record["points"]]

    alone = work("alone", None)
    with serve_limiters("127.0.0.1", 2) as address:
        assert work("shared", address) == alone
    assert [event for event in heard if event["event"] == "limiter_lost"] == []
    assert work("share", LimiterAddress("127.0.0.1", 1, "t", 4)) == alone
    assert [event["message"] for event in heard if event["event"] == "limiter_lost"] == [
        "127.0.0.1:1, which limits the calls of all runs together, cannot be reached (Connection refused);"
        " this run keeps to its share, 1/4 of teacher.concurrency and teacher.limits"
    ]
    assert len(alone) > 1
    assert app.counts["calls"] >= 6


def test_processes_of_this_machine_keep_together_to_the_calls_that_one_run_may_make(
    tiny_student: Path, tmp_path: Path, serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    app, out = SlowApp(make_teacher("support_tickets"), latency=0.1, room=9), tmp_path / "out"
    command = ["bench", "support_tickets", "--presets", "evokd", "--seeds", "2", "--jobs", "2", "--no-full-shot"]
    command += ["--teacher", "m", "--base-url", f"{serve_app(app)}/v1"]
    command += ["--shots", "1", "--budget-samples", "16", "--cycles", "1"]
    settings = ("teacher.concurrency=1", "curriculum.quotas.drafts=20", "curriculum.quotas.lesson=4")
    command += [part for setting in settings for part in ("--set", setting)]
    command += ["--tune", "head", "--student", str(tiny_student), "--set", "student.allow_unreadable=true"]
    assert main.run_cli([*command, "--out", str(out)]) == 0
    assert app.counts["calls"] > 5
    assert app.counts["most"] == 1
    assert "cannot be reached" not in capsys.readouterr().err
