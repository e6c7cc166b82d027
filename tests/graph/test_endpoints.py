"""A run asks whether its teacher is there before it trains, and only then."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from evokd.agents.llm.ping import EndpointState
from evokd.cli import main
from evokd.graph import endpoints
from evokd.graph.setup.run_settings import Settings
from evokd.graph.teacher_check import has_replies_ahead
from evokd.tracing.ledger import Ledger
from tests.conftest import ServeApp
from tests.graph.served import WatchedTeacher, options, refuse
from tests.graph.toy import QUICK, WordStudent
from tests.tracing.rows import call

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


def test_an_address_without_its_v1_ends_a_run_before_it_trains(
    toy_domain: Path, word_students: list[WordStudent], serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    def list_models(_: Request) -> Response:
        return JSONResponse({"data": [{"id": "m"}]})

    url = serve_app(Starlette(routes=[Route("/v1/models", list_models)]))
    assert run(toy_domain, "--teacher", "m", "--base-url", url) == 3
    assert f"at {url}: answers under {url}/v1 alone: use that address; pass --base-url" in capsys.readouterr().err
    assert word_students == []
    assert not (toy_domain.parent / "runs").exists()


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


def go_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nobody answers the question before a run."""
    down = EndpointState("no answer (ConnectError)", "no_answer", "start the server")
    monkeypatch.setattr(endpoints, "_ask", lambda _: down)


def test_a_run_whose_replies_are_all_stored_ends_though_nobody_answers(
    toy_domain: Path,
    word_students: list[WordStudent],
    serve_app: ServeApp,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    teacher = WatchedTeacher(toy_domain)
    assert run(toy_domain, *options(serve_app(teacher.app))) == 0
    folder = toy_domain.parent / "runs" / "one"
    for name in ("summary.json", "checkpoints.db"):
        (folder / name).unlink()
    asked = len(teacher.asked)
    go_down(monkeypatch)
    capsys.readouterr()
    assert main.run_cli(["resume", str(folder)]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "no answer (ConnectError); start the server; going on with stored replies, as far as they last" in told
    assert (folder / "summary.json").is_file()
    assert len(teacher.asked) == asked


def test_without_stored_replies_a_resumed_run_ends_before_it_trains(
    toy_domain: Path, word_students: list[WordStudent], serve_app: ServeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(toy_domain, *options(serve_app(Door().app), "teacher.retries=0")) == 3
    go_down(monkeypatch)
    assert main.run_cli(["resume", str(toy_domain.parent / "runs" / "one")]) == 3
    assert word_students[-1].jobs == []


@pytest.fixture
def asked_twice(tmp_path: Path) -> Iterator[Any]:
    """A run of four cycles with replies of cycle 2, and a failed call of cycle 3."""
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.record_call(call("c002-analyst-1", cycle=2))
        ledger.record_call(call("c003-analyst-1", cycle=3, status="error"))
        settings = Settings()
        stop = settings.stop.model_copy(update={"cycles": 4})
        yield SimpleNamespace(ledger=ledger, settings=settings.model_copy(update={"stop": stop}))


@pytest.mark.parametrize(
    ("next_nodes", "cycle", "may_go_on"),
    [
        ((), 0, True),
        (("train",), 1, True),
        (("analyze",), 2, True),
        (("lesson", "lesson"), 2, True),
        (("train",), 2, False),
        (("decide",), 2, False),
        (("analyze",), 3, False),
        (("train",), 4, True),
        (("analyze",), 4, False),
    ],
)
def test_a_run_goes_on_alone_where_the_next_calls_may_be_stored_or_none_is_left(
    asked_twice: Any, next_nodes: tuple[str, ...], cycle: int, may_go_on: bool
) -> None:
    assert has_replies_ahead(asked_twice, next_nodes, cycle) is may_go_on
