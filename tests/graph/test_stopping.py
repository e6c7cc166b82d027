"""Runs that are stopped while calls are under way: what the server answers is kept, nothing is asked twice."""

import asyncio
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import evokd.agents.generator
from evokd.api.run_list import list_runs
from evokd.cli import main
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.stopping import Stopped, exit_code, signals_stop
from evokd.student.protocol import StudentError
from evokd.tracing.ledger import Ledger
from tests.conftest import ServeApp
from tests.graph.served import WatchedTeacher, options
from tests.graph.toy import QUICK, WordStudent

HELD = 0.3
"""Seconds that an answer takes once the run is to be stopped."""


class SlowTeacher(WatchedTeacher):
    """Answers the first request at once; the third one, when others are under way, does something to the run."""

    def __init__(self, domain: Path, strike: Any) -> None:
        super().__init__(domain)
        self.app = Starlette(routes=[Route("/v1/chat/completions", self._slowly, methods=["POST"])])
        self.strike = strike
        self.hold = HELD
        self.came: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.paid = 0

    async def _slowly(self, request: Request) -> Response:
        body = json.dumps((await request.json())["messages"])
        self.came[body] += 1
        number = self.came.total()
        if number == 3:
            await asyncio.sleep(0.1)  # the others have left by now
            refusal: Response | None = self.strike()
            if refusal is not None:
                return refusal
        if number > 2 and self.hold:
            await asyncio.sleep(self.hold)
        answer = await self._complete(request)
        if answer.status_code == 200:
            self.answered[body] += 1
            self.paid += json.loads(bytes(answer.body))["usage"]["total_tokens"]
        return answer


def refuse() -> Response:
    return JSONResponse({"error": {"message": "revoked"}}, 401)


def raise_signal(number: int) -> Any:
    def strike() -> None:
        os.kill(os.getpid(), number)

    return strike


@pytest.fixture
def handlers() -> Iterator[None]:
    """A process that leaves signals to the system, as a command has it from a shell."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in numbers[1:]:
        signal.signal(number, signal.SIG_DFL)
    yield
    after = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert after == {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }


STOPS = {
    "401": (refuse, 3, "revoked", "parked"),
    "SIGINT": (raise_signal(signal.SIGINT), 130, "interrupted", "interrupted"),
    "SIGTERM": (raise_signal(signal.SIGTERM), 143, "interrupted", "interrupted"),
    "SIGHUP": (raise_signal(signal.SIGHUP), 129, "interrupted", "interrupted"),
}


@pytest.mark.usefixtures("handlers", "word_students")
@pytest.mark.parametrize(("strike", "code", "told", "state"), STOPS.values(), ids=STOPS)
def test_replies_under_way_are_kept_when_a_run_is_stopped(
    strike: Any,
    code: int,
    told: str,
    state: str,
    toy_domain: Path,
    serve_app: ServeApp,
    capsys: pytest.CaptureFixture[str],
) -> None:
    teacher = SlowTeacher(toy_domain, strike)
    folder = RunFolder(toy_domain.parent / "runs" / "one")
    args = ["run", str(toy_domain), *QUICK, *options(serve_app(teacher.app)), "--runs-dir", str(folder.path.parent)]
    capsys.readouterr()
    assert main.run_cli([*args, "--run-id", "one"]) == code
    err = capsys.readouterr().err
    assert "under way, at most" in err
    last = err.splitlines()[-1]
    assert told in last
    assert last.endswith(f"go on with: evokd resume {folder.path}")
    assert list_runs(folder.path.parent)[0]["state"] == state
    check_books(folder, teacher)
    assert teacher.answered.total() > 2, "some were under way"
    answered = set(teacher.answered)
    teacher.strike, teacher.hold = (lambda: None), 0
    before = Counter(teacher.came)
    assert main.run_cli(["resume", str(folder.path)]) == 0
    assert not [body for body in teacher.came if body in answered and teacher.came[body] > before[body]]
    check_books(folder, teacher)


def check_books(folder: RunFolder, teacher: SlowTeacher) -> None:
    """All that the server has answered is in the ledger, with its tokens."""
    ledger = Ledger(folder.ledger)
    kept = [call for call in ledger.calls() if call.status in ("ok", "fault")]
    spent = ledger.spent(None)[0]
    ledger.close()
    assert (len(kept), spent) == (teacher.answered.total(), teacher.paid)


@pytest.mark.usefixtures("handlers", "word_students")
def test_a_second_signal_leaves_what_is_under_way_and_books_it_as_lost(
    toy_domain: Path, serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = SlowTeacher(toy_domain, raise_signal(signal.SIGINT))
    teacher.hold = 2
    folder = RunFolder(toy_domain.parent / "runs" / "one")
    again = threading.Timer(0.0, lambda: None)

    def strike() -> None:
        nonlocal again
        os.kill(os.getpid(), signal.SIGINT)
        again = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
        again.start()

    teacher.strike = strike
    args = ["run", str(toy_domain), *QUICK, *options(serve_app(teacher.app)), "--runs-dir", str(folder.path.parent)]
    assert main.run_cli([*args, "--run-id", "one"]) == 130
    again.join()
    ledger = Ledger(folder.ledger)
    lost = [call for call in ledger.calls() if call.status == "lost"]
    ledger.close()
    assert len(lost) == teacher.came.total() - 2
    assert all(call.input_tokens for call in lost)


@pytest.mark.parametrize("fault", [StudentError("no student any more"), BrokenPipeError(32, "Broken pipe")], ids=repr)
def test_a_fault_of_anything_else_keeps_the_replies_as_well(
    fault: Exception,
    toy_domain: Path,
    word_students: list[WordStudent],
    serve_app: ServeApp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    teacher = SlowTeacher(toy_domain, lambda: None)
    write = evokd.agents.generator.write

    async def fail_once(*args: Any) -> Any:
        if args[4] != "c001-l01":
            return await write(*args)
        while teacher.came.total() < 4:
            await asyncio.sleep(0.01)
        raise fault

    monkeypatch.setattr(evokd.agents.generator, "write", fail_once)
    folder = RunFolder(toy_domain.parent / "runs" / "one")
    args = ["run", str(toy_domain), *QUICK, *options(serve_app(teacher.app)), "--runs-dir", str(folder.path.parent)]
    assert main.run_cli([*args, "--run-id", "one"]) == 1
    assert teacher.answered.total() > 2
    check_books(folder, teacher)


@pytest.mark.usefixtures("handlers")
def test_signals_that_are_ignored_stay_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals_stop():
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        with pytest.raises(Stopped) as caught:
            signal.raise_signal(signal.SIGTERM)
    assert caught.value.exit_code == exit_code(caught.value) == 143
    assert exit_code(KeyboardInterrupt()) == 130
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
