"""Runs whose teacher answers by batch: the same texts at half the price, on resume too; no batches, no run."""

import asyncio
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from evokd import api
from evokd.agents.llm.batch_queue import BatchQueue
from evokd.agents.llm.open_batch import BatchProgress, OpenBatch
from evokd.agents.llm.teacher_settings import OPENAI_URL
from evokd.cli import main
from evokd.cli.views.run_sentences import describe_batches, describe_estimate
from evokd.graph.estimate import estimate_run
from evokd.graph.setup.config_layers import ConfigSource
from evokd.graph.setup.plan import plan_run
from evokd.messages import InputError
from evokd.simulator.app import create_app
from evokd.simulator.batches import BatchScript
from evokd.simulator.corpus import load_corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from tests.conftest import ServeApp
from tests.graph.toy import QUICK, WordStudent, read_rows

BATCHES = ["--set", "teacher.batch=true", "--set", "teacher.batch_poll=0.05"]
PRICED = ["--set", "teacher.prices.input=1", "--set", "teacher.prices.output=2"]


def serve_teacher(serve_app: ServeApp, domain: Path, script: BatchScript | None = None) -> str:
    seeds = [row["text"] for row in read_rows(domain / "seeds.jsonl")]
    corpus = load_corpus(domain / "corpus.jsonl", never=seeds)
    return f"{serve_app(create_app(corpus, RehearsalSettings(), 0, script))}/v1"


def run(domain: Path, url: str, run_id: str, *more: str) -> int:
    where = ["--runs-dir", str(domain.parent / "runs"), "--run-id", run_id, "--teacher", "m", "--base-url", url]
    return main.run_cli(["run", str(domain), *QUICK, *where, *PRICED, *more])


def test_a_run_by_batch_makes_the_same_set_at_half_the_price(
    toy_domain: Path, word_students: list[WordStudent], serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    url, runs = serve_teacher(serve_app, toy_domain, BatchScript()), toy_domain.parent / "runs"
    assert run(toy_domain, url, "direct", "--cycles", "1") == 0
    capsys.readouterr()
    assert run(toy_domain, url, "batch", "--cycles", "1", *BATCHES) == 0
    told = capsys.readouterr().err
    assert (runs / "batch/dataset/train.jsonl").read_bytes() == (runs / "direct/dataset/train.jsonl").read_bytes()
    direct, batch = (api.find_run(name, runs).summary["totals"] for name in ("direct", "batch"))  # type: ignore[index]
    assert "batch" not in direct
    assert batch["batch"]["calls"] == batch["calls"] - 1 > 0
    assert batch["batch"]["cost_usd"] == pytest.approx(batch["batch"]["saved_usd"])
    assert batch["cost_usd"] + batch["batch"]["saved_usd"] == pytest.approx(direct["cost_usd"])
    assert "waiting, Ctrl-C is safe: evokd resume goes on" in told
    assert f"; {batch['calls'] - 1} calls by batch for " in told
    assert " USD with batches, " in told


def test_a_run_stopped_while_it_waits_goes_on_with_its_batch(
    toy_domain: Path, word_students: list[WordStudent], serve_app: ServeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, runs = serve_teacher(serve_app, toy_domain, BatchScript(seconds=0.3)), toy_domain.parent / "runs"

    async def interrupt(self: BatchQueue, opened: OpenBatch) -> None:
        counts = (len(opened.keys), 0, 0)
        self._tell(BatchProgress(url, "m", opened.batch, "validating", *counts, next_look=60))
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)

    with monkeypatch.context() as patch:
        patch.setattr(BatchQueue, "_poll_until_end", interrupt)
        assert run(toy_domain, url, "one", *BATCHES) == 130
    state = api.find_run("one", runs).state
    assert state.status == "interrupted"
    assert re.fullmatch(r"a batch of \d+ calls? is at the server, resume goes on with it", state.reason)
    assert main.run_cli(["resume", str(runs / "one")]) == 0
    summary = api.find_run("one", runs).summary
    assert summary is not None
    keys = [call.key for call in api.find_run("one", runs).calls() if call.status == "ok"]
    assert len(keys) == len(set(keys)), "no reply came twice"


def test_an_address_without_batches_ends_a_run_before_it_trains(
    toy_domain: Path, word_students: list[WordStudent], serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    url = serve_teacher(serve_app, toy_domain)
    assert run(toy_domain, url, "one", *BATCHES) == 2
    error = capsys.readouterr().err
    assert f"teacher.batch: 'm': answers, but has no batches (HTTP 404 at {url}/batches); make calls directly" in error
    assert word_students == []
    assert not (toy_domain.parent / "runs").exists()


def test_the_check_tells_whether_an_address_has_batches(toy_domain: Path, serve_app: ServeApp) -> None:
    without, having = serve_teacher(serve_app, toy_domain), serve_teacher(serve_app, toy_domain, BatchScript())
    settings = {"teacher.batch": True}
    found = api.check(toy_domain, teacher="rehearsal", base_url=without, settings=settings)
    (finding,) = [item for item in found["findings"] if item["code"] == "teacher_no_batches"]
    assert (finding["level"], finding["mend"]) == ("error", "make calls directly: --set teacher.batch=false")
    found = api.check(toy_domain, teacher="rehearsal", base_url=having, settings=settings)
    assert found["teacher"][0]["state"] == "answers, and has the model; has batches"
    assert not [item for item in found["findings"] if item["code"].startswith("teacher_")]


def test_files_without_batches_are_no_batches(toy_domain: Path, serve_app: ServeApp) -> None:
    models = Route("/v1/models", lambda _: JSONResponse({"data": [{"id": "m"}]}))
    app = Starlette(routes=[models, Route("/v1/batches", lambda _: JSONResponse({"data": []}))])
    url = f"{serve_app(app)}/v1"
    found = api.check(toy_domain, teacher="m", base_url=url, settings={"teacher.roles.labeler.batch": True})
    assert found["teacher"][0]["state"] == f"answers, but has no batches (HTTP 404 at {url}/files)"
    (finding,) = [item for item in found["findings"] if item["code"] == "teacher_no_batches"]
    assert finding["mend"] == "make calls directly: --set teacher.roles.labeler.batch=false"
    key = r"teacher\.roles\.labeler\.batch"
    with pytest.raises(InputError, match=rf"^{key}: 'm': answers, but .*; make calls directly: --set {key}=false$"):
        api.run(toy_domain, teacher="m", base_url=url, settings={"teacher.roles.labeler.batch": True})


@pytest.mark.parametrize("key", ["teacher.batch", "teacher.roles.labeler.batch"])
def test_batches_of_an_embedded_teacher_are_refused(key: str, toy_domain: Path) -> None:
    with pytest.raises(InputError, match=rf"^{key}: the rehearsal teacher answers in process and at once"):
        api.run(toy_domain, settings={key: True})


def estimate(monkeypatch: pytest.MonkeyPatch, domain: Path, **teacher: Any) -> dict[str, Any]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    layers = [ConfigSource("test", {"teacher": {"model": "gpt-4o-mini", **teacher}, "stop": {"cycles": 2}})]
    return estimate_run(plan_run(str(domain), "evokd", layers)).tell()


def test_the_estimate_has_both_prices(toy_domain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    direct = estimate(monkeypatch, toy_domain)
    batch = estimate(monkeypatch, toy_domain, batch=True)
    assert direct["cost_usd"] == direct["direct_usd"] == batch["direct_usd"]
    assert batch["cost_usd"] == batch["batch_usd"] == direct["batch_usd"] == pytest.approx(direct["cost_usd"] / 2)
    assert (direct["batches"], describe_batches(direct)) == (0, [])
    assert batch["batches"] >= 2
    assert "each may take minutes or hours, at most 24 h" in describe_batches(batch)[0]
    assert " with teacher.batch=true; more" in describe_estimate(direct)
    assert " USD with batches, " in describe_estimate(batch)


def test_one_role_by_batch_costs_something_in_between(toy_domain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = estimate(monkeypatch, toy_domain, roles={"generator": {"batch": True}})
    assert found["batch_usd"] < found["cost_usd"] < found["direct_usd"]


def test_a_discount_of_the_users_own_wins(toy_domain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = estimate(monkeypatch, toy_domain, batch=True, batch_discount=0.25)
    assert found["cost_usd"] == pytest.approx(found["direct_usd"] / 4)


def test_nothing_is_said_of_batches_where_an_address_may_have_none(
    toy_domain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prices = {"input": 1.0, "output": 1.0}
    found = estimate(monkeypatch, toy_domain, base_url="http://127.0.0.1:9/v1", prices=prices)
    assert (found["direct_usd"], found["batch_usd"]) == (None, None)
    assert "batch" not in describe_estimate(found)
    assert estimate(monkeypatch, toy_domain, base_url=OPENAI_URL)["batch_usd"] is not None
