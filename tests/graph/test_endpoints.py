"""A run asks whether its teacher is there before it trains, and only then."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from evokd.cli import main
from tests.conftest import ServeApp
from tests.graph.served import WatchedTeacher, options, refuse
from tests.graph.toy import QUICK, WordStudent

KEY = "sk-test-1234567890"
DEAD = ["--teacher", "mine", "--base-url", "http://127.0.0.1:9/v1"]


class Door:
    """A server that notes what it is asked; its list of models may be changed while it is served."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.models: Response = JSONResponse({"data": [{"id": "m"}]})
        self.app = Starlette(routes=[Route("/{rest:path}", self._answer, methods=["GET", "POST"])])

    async def _answer(self, request: Request) -> Response:
        self.asked.append(f"{request.method} {request.url.path}")
        return self.models if request.method == "GET" else JSONResponse({"error": {"message": "no"}}, 404)


def run(domain: Path, *more: str) -> int:
    return main.run_cli(
        ["run", str(domain), *QUICK, "--runs-dir", str(domain.parent / "runs"), "--run-id", "one", *more]
    )


def test_a_dead_address_ends_a_run_before_it_trains(
    toy_domain: Path, word_students: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(toy_domain, *DEAD) == 3
    error = capsys.readouterr().err
    assert "teacher 'mine' at http://127.0.0.1:9/v1: no answer (ConnectError); start the server" in error
    assert word_students == []
    assert not (toy_domain.parent / "runs").exists(), "nothing is written, so nothing has to be resumed"


def test_a_refused_key_ends_a_run_before_it_trains(
    toy_domain: Path,
    word_students: list[WordStudent],
    serve_app: ServeApp,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    door = Door()
    door.models = JSONResponse({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401)
    assert run(toy_domain, *options(serve_app(door.app))) == 3
    error = capsys.readouterr().err
    assert "refuses the key (HTTP 401): Incorrect API key provided: [key]; check the key in OPENAI_API_KEY" in error
    assert (word_students, door.asked) == ([], ["GET /v1/models"])


@pytest.mark.parametrize("status", [403, 404, 405, 429, 500, 503])
def test_a_server_that_lists_no_models_may_still_answer_calls(
    status: int, toy_domain: Path, word_students: list[WordStudent], serve_app: ServeApp
) -> None:
    door = Door()
    door.models = refuse(status)
    assert run(toy_domain, *options(serve_app(door.app), "teacher.retries=0")) == 3
    assert door.asked[:2] == ["GET /v1/models", "POST /v1/chat/completions"]
    assert len(word_students[0].jobs) == 1, "it has trained before it called"


def test_a_teacher_that_knows_no_list_of_models_serves_a_run(
    toy_domain: Path, word_students: list[WordStudent], serve_app: ServeApp
) -> None:
    teacher = WatchedTeacher(toy_domain)
    assert run(toy_domain, *options(serve_app(teacher.app))) == 0
    assert teacher.roles()


def test_a_resumed_run_asks_before_it_goes_on(
    toy_domain: Path, word_students: list[WordStudent], serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    door = Door()
    url = serve_app(door.app)
    assert run(toy_domain, *options(url, "teacher.retries=0")) == 3
    door.models = JSONResponse({"error": {"message": "Incorrect API key"}}, 401)
    del door.asked[:]
    assert main.run_cli(["resume", str(toy_domain.parent / "runs" / "one")]) == 3
    assert door.asked == ["GET /v1/models"]
    assert "refuses the key" in capsys.readouterr().err
    assert word_students[-1].jobs == []
