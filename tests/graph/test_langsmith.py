"""LangSmith hears of a run only if its own variables ask for it; nothing here sets one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.conftest import ServeApp
from tests.graph.toy import QUICK, write_domain

SCRIPT = """
import json, os, sys
import evokd.graph.open_context
from evokd.cli import main
from tests.graph.toy import WordStudent

evokd.graph.open_context.StudentClient = WordStudent
before = dict(os.environ)
code = main.run_cli(json.loads(sys.argv[1]))
after = dict(os.environ)
from langchain_core.tracers.langchain import wait_for_all_tracers

wait_for_all_tracers()
print(json.dumps(sorted(key for key in {*before, *after} if before.get(key) != after.get(key))))
sys.exit(code)
"""


INGEST = {
    "use_multipart_endpoint": False,
    "size_limit": 100,
    "size_limit_bytes": 20_000_000,
    "size_queue_limit": 10_000,
    "scale_up_nthreads_limit": 1,
    "scale_up_qsize_trigger": 10_000,
    "scale_down_nempty_trigger": 4,
}
"""How the client is told to send."""


class LangSmith:
    """Counts what comes."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.app = Starlette(routes=[Route("/{path:path}", self._take, methods=["GET", "POST", "PATCH"])])

    async def _take(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        return JSONResponse({"batch_ingest_config": INGEST}, 200 if request.method == "GET" else 202)


def run(variables: dict[str, str], tmp_path: Path) -> list[str]:
    """Run on the toy domain; returns the names of the variables that the run has changed."""
    options = ["run", str(write_domain(tmp_path / "toy")), *QUICK, "--runs-dir", str(tmp_path / "runs"), "--json"]
    own = {key: value for key, value in os.environ.items() if not key.startswith(("LANGSMITH_", "LANGCHAIN_"))}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(options)],
        env={**own, **variables},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    changed: list[str] = json.loads(done.stdout.splitlines()[-1])
    return changed


@pytest.mark.parametrize("switch", [{}, {"LANGSMITH_TRACING": "false"}], ids=["unset", "off"])
def test_nothing_is_sent_unless_asked_for(switch: dict[str, str], tmp_path: Path, serve_app: ServeApp) -> None:
    langsmith = LangSmith()
    account = {"LANGSMITH_ENDPOINT": serve_app(langsmith.app), "LANGSMITH_API_KEY": "k", "LANGSMITH_PROJECT": "p"}
    changed = run({**account, **switch}, tmp_path)
    assert langsmith.bodies == []
    assert not [name for name in changed if name.startswith(("LANGSMITH_", "LANGCHAIN_", "OTEL_", "MLFLOW_"))]


def test_with_its_variable_prompts_and_replies_are_sent(tmp_path: Path, serve_app: ServeApp) -> None:
    langsmith = LangSmith()
    variables = {
        "LANGSMITH_ENDPOINT": serve_app(langsmith.app),
        "LANGSMITH_API_KEY": "k",
        "LANGSMITH_TRACING": "true",
        "LANGSMITH_DISABLE_RUN_COMPRESSION": "true",
    }
    run(variables, tmp_path)
    sent = b"".join(langsmith.bodies)
    assert b"Labeler in a team" in sent
    assert b"verdicts" in sent
