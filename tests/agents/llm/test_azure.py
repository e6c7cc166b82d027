"""Azure OpenAI by its v1 API: no api-version, the deployment as the model, the key as any other server takes it."""

import json
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from evokd.agents.llm.teacher_settings import TeacherSettings
from evokd.cli import main
from evokd.graph.setup.domain import SHIPPED
from evokd.graph.setup.simulated_teacher import corpus_to_serve
from evokd.simulator.app import create_app
from evokd.simulator.rehearsal_settings import RehearsalSettings
from tests.cli.conftest import check_refusal
from tests.conftest import ServeApp

KEY = "azure-key-1234567890"
DEPLOYMENT = "our-deployment"


def make_azure(seen: list[dict[str, Any]]) -> Starlette:
    """A server that has the paths, the access control and the content filter's fields of Azure's v1 API."""
    corpus = SHIPPED / "support_tickets" / "corpus.jsonl"
    rehearsal = create_app(corpus_to_serve(corpus), RehearsalSettings(corpus=str(corpus)), 0)

    def guard(app: ASGIApp) -> ASGIApp:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope)
            seen.append({"path": scope["path"], "query": request.url.query, "headers": dict(request.headers)})
            if KEY not in (request.headers.get("api-key"), request.headers.get("authorization", "")[len("Bearer ") :]):
                message = "Access denied due to invalid subscription key or wrong API endpoint."
                refused: Response = JSONResponse({"error": {"code": "401", "message": message}}, 401)
                await refused(scope, receive, send)
                return
            await app(scope, receive, send)

        return guarded

    return Starlette(routes=[Mount("/openai", app=guard(rehearsal))])


@pytest.mark.parametrize("end", ["/openai/v1", "/openai/v1/"])
def test_the_v1_api_answers_all_roles(
    end: str, serve_app: ServeApp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[dict[str, Any]] = []
    url = serve_app(make_azure(seen)) + end
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    key = ["--set", "teacher.api_key_env=AZURE_OPENAI_API_KEY"]
    args = ["check", "support_tickets", "--teacher", DEPLOYMENT, "--base-url", url, *key, "--dry-call", "--json"]
    assert main.run_cli(args) == 0
    printed = capsys.readouterr()
    calls = json.loads(printed.out)["dry_calls"]
    assert [(call["role"], call["error"], call["finish"]) for call in calls] == [
        (role, None, "complete") for role in ("analyst", "generator", "labeler")
    ]
    assert {one["path"] for one in seen} == {"/openai/v1/models", "/openai/v1/chat/completions"}
    assert {one["query"] for one in seen} == {""}
    assert KEY not in printed.out + printed.err


def test_a_wrong_key_is_told_before_anything_is_paid_for(
    serve_app: ServeApp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{serve_app(make_azure([]))}/openai/v1"
    monkeypatch.setenv("OPENAI_API_KEY", "another-key-123")
    assert main.run_cli(["run", "support_tickets", "--teacher", DEPLOYMENT, "--base-url", url]) == 3
    told = capsys.readouterr().err
    assert "refuses the key (HTTP 401): Access denied due to invalid subscription key" in told
    assert "OPENAI_API_KEY" in told


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (
            "https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21",
            "https://x.openai.azure.com/openai/v1",
        ),
        ("https://x.openai.azure.com/openai/deployments/d/", "https://x.openai.azure.com/openai/v1"),
        ("https://x.services.ai.azure.com/openai?api-version=1", "https://x.services.ai.azure.com/openai/v1"),
        ("http://127.0.0.1:8000/v1?tenant=7", "leave that out"),
        ("http://127.0.0.1:8000/v1#tenant", "leave that out"),
    ],
)
def test_an_address_that_calls_would_be_wrongly_put_behind_is_refused(
    address: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValidationError, match=r"write https|leave that out"):
        TeacherSettings(base_url=address)
    check_refusal(["run", "support_tickets", "--teacher", "m", "--base-url", address], [told], capsys)


@pytest.mark.parametrize("address", ["https://x.openai.azure.com/openai/v1/", "https://example.org/deployments/v1"])
def test_other_addresses_are_taken_as_they_are(address: str) -> None:
    assert TeacherSettings(base_url=address).base_url == address
