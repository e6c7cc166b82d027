"""Arize Phoenix as a receiver: `make phoenix` installs it and sets EVOKD_PHOENIX to its command."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evokd.api.exports import send_run
from evokd.api.record import open_run

# read before the fixture that clears the environment
PHOENIX = os.environ.get("EVOKD_PHOENIX")
pytestmark = pytest.mark.skipif(not PHOENIX, reason="needs Phoenix: make phoenix")
PATIENCE = 120.0
"""Seconds for Phoenix to start, and to store what it took."""


def ask(address: str, path: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as reply:
        return json.loads(reply.read() or b"null")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Phoenix of its own on this machine; its address."""
    folder, port = tmp_path_factory.mktemp("phoenix"), free_port()
    variables = {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([str(PHOENIX), "serve"], env={**kept, **variables}, stdout=log, stderr=log)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
    try:
        while True:
            try:
                ask(address, "/v1/projects")
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, (folder / "log").read_text(errors="replace")[-2000:]
                assert time.monotonic() < deadline
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def spans_in(address: str, trace: str, count: int) -> dict[str, Any]:
    """Id -> span of a trace, as soon as Phoenix has stored so many."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            spans = ask(address, "/v1/projects/evokd/spans?limit=1000")["data"]
        except urllib.error.HTTPError:  # the project is not there yet
            spans = []
        found = {span["context"]["span_id"]: span for span in spans if span["context"]["trace_id"] == trace}
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def check(address: str, name: str) -> dict[str, Any]:
    """Export a run twice; Phoenix has each span once, under its parent, with the tokens of the ledger."""
    from evokd.exporters.spans import trace_id
    from tests.exporters.receiver import source_of

    trace = f"{trace_id(source_of(name).read_times()):032x}"
    ((count, _, _),) = send_run(name, trace=address)
    send_run(name, trace=address)
    spans = spans_in(address, trace, count)
    assert len(spans) == count
    roots = [span for span in spans.values() if span["parent_id"] is None]
    assert [span["name"].startswith("run ") for span in roots] == [True]
    assert all(span["parent_id"] in spans for span in spans.values() if span not in roots)
    calls = {span["attributes"]["evokd.call"]: span for span in spans.values() if span["span_kind"] == "LLM"}
    stored = {call.id: call for call in open_run(name).calls()}
    assert set(calls) == set(stored)
    for call, span in calls.items():
        told, kept = span["attributes"], stored[call]
        assert told["llm.token_count.prompt"] == told["gen_ai.usage.input_tokens"] == kept.input_tokens
        assert told["llm.token_count.completion"] == kept.output_tokens
        assert told["llm.model_name"] == kept.model
        assert told["llm.input_messages.0.message.role"] == "system"
        assert spans[span["parent_id"]]["name"] in ("analyze", "generate", "label")
    return spans


def test_the_example_stands_in_phoenix(phoenix: str) -> None:
    spans = check(phoenix, "example")
    kinds = {span["span_kind"] for span in spans.values()}
    assert kinds == {"CHAIN", "AGENT", "LLM", "EVALUATOR"}
    query = "{ projects { edges { node { name traceCount tokenCountPrompt tokenCountCompletion } } } }"
    nodes = [edge["node"] for edge in ask(phoenix, "/graphql", {"query": query})["data"]["projects"]["edges"]]
    (project,) = [node for node in nodes if node["name"] == "evokd"]
    assert (project["tokenCountPrompt"], project["tokenCountCompletion"]) == (23_333, 9_446)


def test_a_fresh_run_reports_to_phoenix_while_it_goes_on(phoenix: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evokd", "run", "support_tickets", "--cycles", "1", "--seed", "3"]
    command += ["--set", "student.head_until=1000", "--runs-dir", str(tmp_path), "--run-id", "fresh"]
    done = subprocess.run([*command, "--trace", phoenix], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "not delivered" not in done.stderr
    check(phoenix, str(tmp_path / "fresh"))
