"""Small runs of the command line on a real model: one whole, one whose server dies in the middle of a call."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evokd.tracing.ledger import Ledger
from tests.chaos.killer import clean_environment
from tests.graph.toy import write_domain
from tests.real_server.server import MODEL, RealServer

ROOT = Path(__file__).parents[2]
SMALL = (
    "student.tune=head",
    "curriculum.quotas.drafts=4",
    "curriculum.quotas.lesson=2",
    "curriculum.measure_rows=0",
    "curriculum.label_examples=2",
    "curriculum.style_examples=2",
    "curriculum.profile=off",
    "curriculum.labels=labeler",
    "curriculum.quotas.weaknesses=0.5",
    "curriculum.quotas.least=1",
    "curriculum.analyst.first=1",
    "curriculum.analyst.every=1",
    "curriculum.analyst.above_chance=0",
    "curriculum.analyst.real=false",
    "teacher.max_tokens=300",
    "teacher.max_reprompts=1",
    "teacher.concurrency=2",
    "teacher.retries=1",
    "teacher.limits.patience=1",
)
"""Little to read and write, as the model works on one thread; and every role is asked."""


def start(*args: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(ROOT / "main.py"), *args]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=clean_environment(), stdout=pipe, stderr=pipe, text=True)


def evokd(*args: str) -> tuple[int, str]:
    """Run a command to its end; its exit code and all that it printed."""
    process = start(*args)
    out, err = process.communicate(timeout=400)
    return process.returncode, out + err


def run_args(domain: Path, url: str) -> list[str]:
    small = [part for choice in SMALL for part in ("--set", choice)]
    teacher = ["--teacher", MODEL, "--base-url", url]
    where = ["--runs-dir", str(domain.parent / "runs"), "--run-id", "one", "--device", "cpu"]
    return ["run", str(domain), *teacher, "--budget-samples", "8", "--cycles", "1", *where, *small]


def read_calls(folder: Path) -> list[Any]:
    ledger = Ledger(folder / "ledger.db")
    try:
        return ledger.calls()
    finally:
        ledger.close()


def read_events(folder: Path) -> list[dict[str, Any]]:
    path = folder / "events.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def wait_until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RealServer]:
    """A server that this test alone uses, and may kill."""
    server = RealServer(tmp_path / "server.log").start()
    yield server
    server.kill()


def test_a_small_run_goes_through_every_node_and_ends(tmp_path: Path, server: RealServer) -> None:
    domain, folder = write_domain(tmp_path / "toy"), tmp_path / "runs" / "one"
    code, printed = evokd(*run_args(domain, server.url))
    assert code == 0, printed
    summary = json.loads((folder / "summary.json").read_text())
    calls = read_calls(folder)
    answered = [call for call in calls if call.status in ("ok", "fault")]
    assert {call.ability for call in answered} == {"json_object_schema"}
    assert not any(call.estimated for call in answered)
    assert sum(call.input_tokens for call in answered) == summary["totals"]["input_tokens"]
    assert {call.role for call in answered} == {"analyst", "generator", "labeler"}
    assert summary["totals"]["cost_usd"] is None, "nobody knows the price of a model of one's own"
    written = sum(call.output_tokens for call in answered)
    print(f"\n{len(answered)} replies, {written / sum(call.seconds for call in answered):.1f} tokens/s each")


def test_a_server_that_dies_in_the_middle_of_a_call_parks_the_run(tmp_path: Path, own_server: RealServer) -> None:
    domain, folder = write_domain(tmp_path / "toy"), tmp_path / "runs" / "one"
    process = start(*run_args(domain, own_server.url))
    wait_until(lambda: any(event["event"] == "call" and event["status"] != "error" for event in read_events(folder)))
    time.sleep(0.5)  # the next call is under way
    own_server.kill()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3, out + err
    assert f"resume {folder}" in err
    assert "no connection to the teacher" in err
    before = read_calls(folder)
    assert [call for call in before if call.status == "lost"], "what was under way counts with estimated tokens"
    paid = {call.key for call in before if call.status in ("ok", "fault")}
    assert paid

    code, printed = evokd("resume", str(folder))
    assert code == 3, printed
    assert "no answer (ConnectError)" in printed
    assert read_calls(folder) == before, "nothing is sent to a server that is not there"

    own_server.start()
    code, printed = evokd("resume", str(folder))
    assert code == 0, printed
    answered = [call.key for call in read_calls(folder) if call.status in ("ok", "fault")]
    assert paid < set(answered)
    assert len(answered) == len(set(answered)), "no reply is asked for twice"
