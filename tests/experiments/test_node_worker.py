"""What a machine of a cluster looks at before it makes runs of an experiment, and the process that makes them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from evokd.experiments import node_worker
from evokd.experiments.node_worker import ProcessOnNode, check_node
from evokd.experiments.on_ray import count_threads, limit_workers, list_keys
from evokd.experiments.spec import ExperimentRun, plan_experiment
from evokd.graph.setup.config_layers import ConfigSource
from evokd.jobs.node import ProcessDiedError
from evokd.messages import InputError
from tests.experiments.conftest import PLAIN, make_spec


def make_body(folder: Path, out: Path) -> dict[str, Any]:
    out.mkdir()
    (out / "token").touch()
    (run,) = plan_experiment(make_spec(folder, arms=[PLAIN], seeds=[1])).runs
    return {"out": str(out), "token": "token", "keys": [], "runs": [json.loads(json.dumps(asdict(run)))]}


def test_a_machine_that_sees_the_same_makes_the_same_runs(toy_domain: Path, tmp_path: Path) -> None:
    check_node(make_body(toy_domain, tmp_path / "out"))


def test_a_machine_with_other_data_is_refused(toy_domain: Path, tmp_path: Path) -> None:
    body = make_body(toy_domain, tmp_path / "out")
    seeds = toy_domain / "corpus.jsonl"
    seeds.write_text(seeds.read_text(encoding="utf-8").replace("a", "b", 1), encoding="utf-8")
    with pytest.raises(InputError, match="would not make the same runs of toy"):
        check_node(body)


def test_a_machine_without_folder_or_key_is_refused(
    toy_domain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = make_body(toy_domain, tmp_path / "out")
    with pytest.raises(InputError, match=r"does not see the folder .*choose an --out that all machines share"):
        check_node({**body, "token": "other"})
    with pytest.raises(InputError, match="MY_KEY is not set there"):
        check_node({**body, "keys": ["MY_KEY"]})
    monkeypatch.setenv("MY_KEY", "k")
    check_node({**body, "keys": ["MY_KEY"]})


def make_runs(folder: Path, **settings: Any) -> list[ExperimentRun]:
    return list(plan_experiment(make_spec(folder, ConfigSource("x", settings), arms=[PLAIN], seeds=[1])).runs)


def test_keys_are_named_and_never_sent(toy_domain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "k1")
    monkeypatch.setenv("OPENAI_API_KEY", "k2")
    assert list_keys(make_runs(toy_domain)) == []  # the rehearsal teacher has none
    teacher = {"model": "m", "base_url": "http://127.0.0.1:9/v1", "roles": {"labeler": {"api_key_env": "MY_KEY"}}}
    assert list_keys(make_runs(toy_domain, teacher=teacher)) == ["OPENAI_API_KEY", "MY_KEY"]


def test_a_worker_takes_the_cores_that_its_runs_compute_on(toy_domain: Path) -> None:
    assert count_threads(make_runs(toy_domain)) == 1
    assert count_threads(make_runs(toy_domain, student={"threads": 3})) == 3


def test_a_cluster_has_no_more_workers_than_an_address_takes_calls(toy_domain: Path) -> None:
    teacher = {"model": "m", "base_url": "http://127.0.0.1:9/v1", "concurrency": 10}
    runs = make_runs(toy_domain, teacher=teacher)
    assert [limit_workers(runs, limit) for limit in (None, 4, 20)] == [10, 4, 10]
    assert [limit_workers(make_runs(toy_domain), limit) for limit in (None, 4)] == [None, 4]


PROGRAM = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    given = {"id": request["id"]}
    if request["body"].get("dies"):
        sys.exit(7)
    state = sys.argv[1] + "/asked"
    asked = open(state, "a+"); asked.write("x"); asked.flush(); asked.seek(0)
    print(json.dumps({"ready": True}), flush=True)
    print(json.dumps({**given, "event": {"event": "trained"}}), flush=True)
    held = request["body"].get("held") and len(asked.read()) < 3
    answer = {"error": {"message": "held", "code": 4}} if held else {"result": {}}
    print(json.dumps({**given, **answer}), flush=True)
"""


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessOnNode]:
    monkeypatch.setattr(ProcessOnNode, "program", ("-c", PROGRAM))
    monkeypatch.setattr(node_worker, "_PAUSE", 0.01)
    opened = ProcessOnNode(tmp_path, tmp_path / "log")
    yield opened
    opened.close()


def test_a_run_that_a_lost_machine_still_holds_is_tried_again(process: ProcessOnNode) -> None:
    messages = list(process.do("j", "run", {"held": True}))
    assert messages[-1] == {"result": {}}
    assert messages.count({"event": {"event": "trained"}}) == 3


def test_a_process_that_dies_is_told_and_the_next_job_has_a_new_one(process: ProcessOnNode) -> None:
    with pytest.raises(ProcessDiedError, match="exit code 7"):
        list(process.do("j", "run", {"dies": True}))
    assert list(process.do("k", "run", {}))[-1] == {"result": {}}


def test_patience_with_a_held_run_ends(process: ProcessOnNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_worker, "_PATIENCE", 0.0)
    answer: Mapping[str, Any] = list(process.do("j", "run", {"held": True}))[-1]
    assert answer["error"]["code"] == 4
