"""Who is told of the limiter that the runs of an experiment share, and that it changes nothing about a run."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from evokd.agents.llm.limiter_wire import LimiterAddress
from evokd.experiments.shared_limits import limit_together, split_address
from evokd.experiments.spec import ExperimentRun, plan_experiment
from evokd.graph.setup.config_layers import ConfigSource
from evokd.jobs.pool import PoolJob
from tests.experiments.conftest import PLAIN, make_spec

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
