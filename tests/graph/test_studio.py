"""LangGraph's development server loads the graph from `langgraph.json`, and a run goes through it: `make studio`."""

import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evokd.api.record import open_run
from tests.graph.toy import write_domain

# read before the fixture that clears the environment
LANGGRAPH = os.environ.get("EVOKD_LANGGRAPH")
pytestmark = pytest.mark.skipif(not LANGGRAPH, reason="needs evokd[studio]: make studio")
ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
"""Seconds for the server to start."""


def ask(address: str, body: dict[str, Any] | None = None, timeout: float = 300.0) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=timeout) as reply:
        return json.loads(reply.read() or b"null")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The development server on this machine; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [str(LANGGRAPH), "dev", "--no-browser", "--no-reload", "--allow-blocking", "--port", str(port)]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LANGSMITH_", "LANGCHAIN_"))}
    path = tmp_path_factory.mktemp("studio") / "log"
    with path.open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env={**kept, "LANGSMITH_TRACING": "false"}, stdout=log, stderr=log)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + PATIENCE
    try:
        while True:
            try:
                ask(f"{address}/ok", timeout=5)
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, path.read_text(errors="replace")[-2000:]
                assert time.monotonic() < deadline, path.read_text(errors="replace")[-2000:]
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_the_graph_is_served_and_a_run_goes_through_it(studio: str, tmp_path: Path) -> None:
    (assistant,) = ask(f"{studio}/assistants/search", {"graph_id": "evokd"})
    drawn = ask(f"{studio}/assistants/{assistant['assistant_id']}/graph")
    assert {"prepare", "train", "gate", "analyze", "curate", "publish"} <= {node["id"] for node in drawn["nodes"]}

    thread = ask(f"{studio}/threads", {})["thread_id"]
    context = {
        "domain": str(write_domain(tmp_path / "toy")),
        "settings": {"stop.cycles": 1, "student.head_until": 1000, "curriculum.quotas.drafts": 12},
        "runs_dir": str(tmp_path / "runs"),
    }
    body = {"assistant_id": "evokd", "input": {"cycle": 0}, "context": context}
    ask(f"{studio}/threads/{thread}/runs/wait", body)
    assert ask(f"{studio}/threads/{thread}")["status"] == "idle"

    run = open_run(thread, tmp_path / "runs")
    assert run.has_ended
    assert [cycle["cycle"] for cycle in run.cycles] == [0, 1]
    assert run.calls()
    history = ask(f"{studio}/threads/{thread}/history", {"limit": 1})
    assert history[0]["next"] == []
