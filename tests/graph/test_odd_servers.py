"""Runs on servers that are compatible in their own way: they end as they would on any other, or say what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from evokd.cli import main
from evokd.simulator.corpus import load_corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.roles import answer
from evokd.tracing.ledger import Ledger
from tests.agents.odd_bodies import chunks, message
from tests.conftest import ServeApp
from tests.graph.served import KINDS, Asked, WatchedTeacher, options, refuse
from tests.graph.toy import QUICK, WordStudent

Start = Callable[..., int]
Content = dict[str, Any]
_NAMES = {role: kind for kind, role in KINDS.items()}


class OddServer(WatchedTeacher):
    """A rehearsal teacher whose replies are sent in another form."""

    def __init__(self, domain: Path) -> None:
        super().__init__(domain)
        seeds = [json.loads(line)["text"] for line in (domain / "seeds.jsonl").read_text().splitlines()]
        self._rows = load_corpus(domain / "corpus.jsonl", never=seeds)

    def content(self, asked: Asked) -> Content:
        """What it would say."""
        return answer(_NAMES[asked.role], asked.message, self._rows, RehearsalSettings(), asked.body.get("seed", 0))


@pytest.fixture
def odd(toy_domain: Path, word_students: list[WordStudent], serve_app: ServeApp) -> tuple[OddServer, Start]:
    """A server, and a way to start a run of one cycle on it."""
    server = OddServer(toy_domain)
    url = serve_app(server.app)

    def start(*sets: str, run: str = "one") -> int:
        runs = ["--runs-dir", str(toy_domain.parent / "runs"), "--run-id", run, "--cycles", "1"]
        return main.run_cli(["run", str(toy_domain), *QUICK, *runs, *options(url, "teacher.retries=1", *sets)])

    return server, start


def count_samples(tmp_path: Path, run: str = "one") -> int:
    return (tmp_path / "runs" / run / "dataset" / "train.jsonl").read_text(encoding="utf-8").count("\n")


def calls_of(tmp_path: Path) -> list[Any]:
    ledger = Ledger(tmp_path / "runs" / "one" / "ledger.db")
    calls = ledger.calls()
    ledger.close()
    return calls


def in_thoughts(content: Content) -> Response:
    return JSONResponse(message({"content": None, "reasoning_content": json.dumps(content)}))


def in_tool_call(content: Content) -> Response:
    call = {"id": "1", "type": "function", "function": {"name": "json", "arguments": json.dumps(content)}}
    return JSONResponse(message({"content": None, "tool_calls": [call]}, "tool_calls"))


def as_stream(content: Content) -> Response:
    return PlainTextResponse(chunks({"content": json.dumps(content)}), media_type="text/event-stream")


def misspelt(content: Content) -> Response:
    for item in content.get("verdicts", []):
        item |= {"labels": item["labels"][0].upper(), "confidence": round(100 * item["confidence"])}
    for item in content.get("drafts", []):
        item |= {"difficulty": item["difficulty"].upper(), "intended": item["intended"].replace("_", " ").title()}
    return JSONResponse(message({"content": json.dumps(content)}))


@pytest.mark.parametrize("send", [in_thoughts, in_tool_call, as_stream, misspelt])
def test_another_form_of_the_replies_costs_no_call_and_no_sample(
    send: Callable[[Content], Response],
    odd: tuple[OddServer, Start],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server, start = odd
    server.twist = lambda asked: send(server.content(asked))
    assert start() == 0
    assert {call.status for call in calls_of(tmp_path)} == {"ok"}
    assert count_samples(tmp_path) > 5
    assert capsys.readouterr().err.count("note: the ") >= 1, "told once"


FILTERED = {"error": {"message": "The prompt triggered the content management policy.", "code": "content_filter"}}


def test_a_filtered_first_prompt_leaves_out_its_lesson_alone(odd: tuple[OddServer, Start], tmp_path: Path) -> None:
    server, start = odd
    first: list[str] = []

    def twist(asked: Asked) -> Response | None:
        first.append(json.dumps(asked.body["messages"]))
        return JSONResponse(FILTERED, 400) if first[-1] == first[0] else None

    server.twist = twist
    assert start("curriculum.quotas.lesson=3") == 0
    calls = calls_of(tmp_path)
    assert [call.status for call in calls].count("error") == 1, "sent in one form"
    assert {call.ability for call in calls} == {"json_schema"}
    assert count_samples(tmp_path) > 3


def test_where_all_prompts_are_filtered_the_run_parks_with_the_servers_words(
    odd: tuple[OddServer, Start], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server, start = odd
    server.twist = lambda _: JSONResponse(FILTERED, 400)
    assert start() == 3
    last = capsys.readouterr().err.splitlines()[-1]
    assert "a filter of the server refuses this prompt" in last
    assert "content management policy" in last
    server.twist = lambda _: None
    assert main.run_cli(["resume", str(tmp_path / "runs" / "one")]) == 0
    assert count_samples(tmp_path) > 5


def test_replies_that_are_cut_off_cost_calls_and_no_samples(
    odd: tuple[OddServer, Start], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server, start = odd
    assert start() == 0
    whole = count_samples(tmp_path)
    capsys.readouterr()

    def cut(asked: Asked) -> Response:
        content = server.content(asked)
        ((key, items),) = content.items()
        text = json.dumps({key: items[:2]})
        if len(items) <= 2:
            return JSONResponse(message({"content": text}))
        return JSONResponse(message({"content": f"{text[:-2]}, {json.dumps(items[2])[:9]}"}, "length"))

    server.twist = cut
    asked = len(server.asked)
    assert start(run="cut") == 0
    assert count_samples(tmp_path, "cut") >= 0.8 * whole
    assert len(server.asked) > 2 * asked
    assert capsys.readouterr().err.count("cuts replies off at its limit") == 1


def test_errors_inside_200_that_pass_cost_no_sample(odd: tuple[OddServer, Start], tmp_path: Path) -> None:
    server, start = odd

    def twist(asked: Asked) -> Response | None:
        before = sum(other.body == asked.body for other in server.asked)
        error = {"message": "Rate limit exceeded", "code": 429, "retry_after": 0.001}
        return JSONResponse({"error": error}) if before == 1 else None

    server.twist = twist
    assert start() == 0
    calls = calls_of(tmp_path)
    assert {call.status for call in calls} == {"ok", "error"}
    assert all("Rate limit exceeded" in call.raw for call in calls if call.status == "error")
    assert count_samples(tmp_path) > 5


def test_refused_parts_are_told_once(
    odd: tuple[OddServer, Start], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server, start = odd

    def twist(asked: Asked) -> Response | None:
        if "temperature" in asked.body:
            return refuse(400, "Unsupported parameter: temperature")
        return refuse(400, "System role not supported") if asked.body["messages"][0]["role"] == "system" else None

    server.twist = twist
    assert start("teacher.temperature=0.3") == 0
    told = capsys.readouterr().err
    assert told.count("the server takes no temperature") == told.count("the server takes no system prompt") == 1
    assert "HTTP 400" not in told
