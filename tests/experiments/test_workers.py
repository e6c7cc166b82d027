"""Experiments in real worker processes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evokd.cli import main
from evokd.experiments.worker_pool import WorkerPool
from evokd.jobs.pool import PoolJob
from evokd.student.gpus import list_gpus
from tests.student.conftest import tiny_student

__all__ = ["tiny_student"]


def test_a_small_experiment_of_a_shipped_domain(
    tiny_student: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["bench", "support_tickets", "--presets", "evokd", "--variant", "blind:evokd:curriculum.weaknesses=0"]
    command += ["--seeds", "1", "--shots", "1", "--budget-samples", "30", "--tune", "head", "--jobs", "1"]
    settings = ("quotas.weaknesses=0.5", "quotas.least=1", "analyst.real=false", "analyst.above_chance=0")
    command += [part for setting in settings for part in ("--set", f"curriculum.{setting}")]
    command += ["--set", "curriculum.quotas.drafts=20", "--student", str(tiny_student), "--out", str(out)]
    command += ["--set", "student.allow_unreadable=true"]
    assert main.run_cli(command) == 0
    record = json.loads((out / "report.json").read_text(encoding="utf-8"))
    first, second = record["cells"]
    assert (first["column"], second["column"]) == ("evokd", "blind")
    assert first["points"][0]["test"] == second["points"][0]["test"]
    assert first["samples"] == second["samples"] == 30
    assert first["tokens"] > second["tokens"]
    assert first["full"] is not None
    assert list((out / "runs").glob("*/work")) == list((out / "runs").glob("*/student")) == []
    capsys.readouterr()
    assert main.run_cli(command) == 0
    assert "3 done before; nothing left to do" in capsys.readouterr().err
    assert json.loads((out / "report.json").read_text(encoding="utf-8")) == record


def job(name: str, group: str = "one", **body: Any) -> PoolJob:
    return PoolJob(name, "run", group, name, body)


def test_a_job_that_fails_is_reported_and_the_others_go_on(tmp_path: Path) -> None:
    events: list[Mapping[str, Any]] = []
    failures = WorkerPool(tmp_path, 1, events.append).work([job("bad"), job("worse")])
    assert [failure.job.name for failure in failures] == ["bad", "worse"]
    assert [event["event"] for event in events] == ["started", "failed", "started", "failed"]
    assert all("TypeError" in failure.message for failure in failures)


class FragilePool(WorkerPool):
    """Its processes die at the first job they are given."""

    program = ("-c", "import sys; sys.stdin.readline(); sys.exit(7)")


def test_a_job_whose_process_dies_is_done_once_more_and_then_given_up(tmp_path: Path) -> None:
    events: list[Mapping[str, Any]] = []
    failures = FragilePool(tmp_path, 1, events.append).work([job("bad"), job("worse")])
    seen = [(event["event"], event["job"].name) for event in events]
    once = [("started", "bad"), ("repeated", "bad"), ("started", "bad"), ("failed", "bad")]
    assert seen == [*once, *((event, "worse") for event, _ in once)]
    assert all("died 2 times (exit code 7)" in failure.message for failure in failures)


class TalkingPool(WorkerPool):
    """Its processes answer with the job, after a job of group `park` with an error that parks."""

    program = (
        "-c",
        "import sys, json\n"
        "for line in sys.stdin:\n"
        "    request = json.loads(line)\n"
        "    gone = {'error': {'message': 'gone', 'code': 3}}\n"
        "    answer = gone if request['body'].get('park') else {'result': {}}\n"
        "    print(json.dumps({'id': request['id'], **answer}), flush=True)\n",
    )


def test_a_process_stays_with_its_group(tmp_path: Path) -> None:
    events: list[Mapping[str, Any]] = []
    jobs = [job(f"{group}{number}", group) for number in range(3) for group in "ab"]
    assert TalkingPool(tmp_path, 1, events.append).work(jobs) == []
    done = [event["job"].name for event in events if event["event"] == "done"]
    assert done == ["a0", "a1", "a2", "b0", "b1", "b2"]


def test_a_teacher_that_is_gone_ends_all(tmp_path: Path) -> None:
    events: list[Mapping[str, Any]] = []
    failures = TalkingPool(tmp_path, 1, events.append).work([job("one", park=True), job("two")])
    assert [(failure.job.name, failure.code) for failure in failures] == [("one", 3)]
    assert [event["event"] for event in events] == ["started", "failed"]


class TellingPool(WorkerPool):
    """Its processes tell which GPUs they see."""

    program = (
        "-c",
        "import json, os, sys\n"
        "for line in sys.stdin:\n"
        "    request = json.loads(line)\n"
        "    seen = os.environ.get('CUDA_VISIBLE_DEVICES')\n"
        "    print(json.dumps({'id': request['id'], 'event': {'gpu': seen}}), flush=True)\n"
        "    print(json.dumps({'id': request['id'], 'result': None}), flush=True)\n",
    )


def see(out: Path, processes: int) -> list[str | None]:
    events: list[Mapping[str, Any]] = []
    jobs = [job(str(number), group=str(number)) for number in range(processes)]
    assert TellingPool(out, processes, events.append).work(jobs) == []
    return sorted(event["gpu"] for event in events if event["event"] == "cycle")


def test_each_worker_sees_one_of_several_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5,-1,7")
    assert see(tmp_path, 2) == ["3", "GPU-5"]
    assert see(tmp_path, 3) == ["3", "3", "GPU-5"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4")
    assert see(tmp_path, 2) == ["4", "4"]


def test_the_driver_names_the_gpus_where_the_user_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 0, 24576\necho 1, 24576\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(tool))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert see(tmp_path, 2) == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert list_gpus() == []
