"""Teachers that answer badly: the run copes, or it parks with the resume command and goes on once they are mended."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from evokd.cli import main
from evokd.simulator.corpus import Corpus, load_corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import find_message
from evokd.simulator.roles import answer
from evokd.tracing.ledger import Ledger
from tests.graph.toy import QUICK, WordStudent

Content = dict[str, Any]
Damage = Callable[[Content], str]


class FaultyTeacher:
    """The rehearsal teacher behind something that damages all replies, first ones (not those asked again), or none."""

    def __init__(self, corpus: Corpus, damage: Damage, which: str) -> None:
        self.damage, self.which = damage, which
        self.status = 200
        self.formats: set[str] = {"json_schema", "json_object", "text"}
        self._corpus = corpus
        self.app = Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        if self.status != 200:
            headers = {"retry-after-ms": "1"}
            return JSONResponse({"error": {"message": "no"}}, self.status, headers=headers)
        if body.get("response_format", {"type": "text"})["type"] not in self.formats:
            return JSONResponse({"error": {"message": "response_format not supported"}}, 400)
        kind, message = find_message(body["messages"])
        content = answer(kind, message, self._corpus, RehearsalSettings(), body["seed"])
        damaged = self.which == "all" or (self.which == "first" and len(body["messages"]) == 2)
        text = self.damage(content) if damaged else json.dumps(content)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        return JSONResponse({"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})


def change_items(change: Callable[[Content], Content]) -> Damage:
    def damage(content: Content) -> str:
        return json.dumps({key: [change(dict(item)) for item in items] for key, items in content.items()})

    return damage


def without_a_key(item: Content) -> Content:
    return dict(list(item.items())[:-1])


def other_label(item: Content) -> Content:
    changes = {"intended": "sports", "labels": ["sports"]}
    return {key: changes.get(key, value) for key, value in item.items()}


def other_evidence(item: Content) -> Content:
    return {key: ["x999"] if key == "evidence" else value for key, value in item.items()}


HARMLESS: dict[str, Damage] = {
    "fenced": lambda content: f"Here it is:\n```json\n{json.dumps(content)}\n```\nGood luck!",
    "thinking": lambda content: f"<think>What is wanted {{here}}?</think>\n{json.dumps(content)}",
    "extra key": change_items(lambda item: {**item, "note": "mine"}),
}
HARMFUL: dict[str, Damage] = {
    "missing field": change_items(without_a_key),
    "unknown label": change_items(other_label),
    "empty list": lambda content: json.dumps({key: [] for key in content}),
    "prose": lambda content: "I am sorry, I had rather talk about the weather.",
    "empty": lambda content: "",
}
MakeTeacher = Callable[..., tuple[FaultyTeacher, list[str]]]


@pytest.fixture
def faulty(toy_domain: Path, word_students: list[WordStudent], serve_app: Callable[[Any], str]) -> MakeTeacher:
    """Serve a faulty teacher; also gives the arguments of a run on it, whose folder is `runs/one`."""

    def make(damage: Damage, which: str) -> tuple[FaultyTeacher, list[str]]:
        seeds = [json.loads(line)["text"] for line in (toy_domain / "seeds.jsonl").read_text().splitlines()]
        teacher = FaultyTeacher(load_corpus(toy_domain / "corpus.jsonl", never=seeds), damage, which)
        runs = ["--runs-dir", str(toy_domain.parent / "runs"), "--run-id", "one"]
        where = ["--teacher", "m", "--base-url", serve_app(teacher.app) + "/v1", "--set", "teacher.retries=1"]
        return teacher, ["run", str(toy_domain), *QUICK, *where, "--cycles", "1", *runs]

    return make


def ledger_faults(folder: Path) -> list[Any]:
    ledger = Ledger(folder / "ledger.db")
    calls = [call for call in ledger.calls() if call.faults and call.status != "error"]
    ledger.close()
    return calls


@pytest.mark.parametrize("damage", HARMLESS.values(), ids=HARMLESS)
def test_what_can_be_mended_costs_no_second_call(damage: Damage, faulty: MakeTeacher, tmp_path: Path) -> None:
    _, args = faulty(damage, "all")
    assert main.run_cli(args) == 0
    folder = tmp_path / "runs" / "one"
    assert ledger_faults(folder) == []
    assert (folder / "dataset" / "train.jsonl").read_text(encoding="utf-8").count("\n") > 5


@pytest.mark.parametrize("damage", HARMFUL.values(), ids=HARMFUL)
def test_an_unusable_reply_is_asked_again(damage: Damage, faulty: MakeTeacher, tmp_path: Path) -> None:
    _, args = faulty(damage, "first")
    assert main.run_cli(args) == 0
    folder = tmp_path / "runs" / "one"
    assert {call.role for call in ledger_faults(folder)} >= {"generator", "labeler"}
    assert all(call.raw or damage({}) == "" for call in ledger_faults(folder))
    assert (folder / "dataset" / "train.jsonl").read_text(encoding="utf-8").count("\n") > 5


@pytest.mark.parametrize("damage", HARMFUL.values(), ids=HARMFUL)
def test_a_useless_teacher_parks_the_run_until_it_is_mended(
    damage: Damage, faulty: MakeTeacher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher, args = faulty(damage, "all")
    folder = tmp_path / "runs" / "one"
    assert main.run_cli(args) == 3
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith(f"go on with: evokd resume {folder}")
    faults = ledger_faults(folder)
    assert faults
    assert {call.status for call in faults} <= {"fault", "spent"}
    assert not (folder / "summary.json").exists()
    teacher.which = "none"
    assert main.run_cli(["resume", str(folder)]) == 0
    assert (folder / "dataset" / "train.jsonl").read_text(encoding="utf-8").count("\n") > 5


def test_invented_evidence_is_no_reason_to_stop(faulty: MakeTeacher, tmp_path: Path) -> None:
    _, args = faulty(change_items(other_evidence), "all")
    assert main.run_cli(args) == 0
    faults = ledger_faults(tmp_path / "runs" / "one")
    assert {call.role for call in faults} == {"analyst"}
    assert any("x999" in fault for call in faults for fault in call.faults)


@pytest.mark.parametrize("formats", [{"json_object", "text"}, {"text"}], ids=["no schema", "no format"])
def test_a_server_without_structured_output_will_do(formats: set[str], faulty: MakeTeacher, tmp_path: Path) -> None:
    teacher, args = faulty(json.dumps, "none")
    teacher.formats = formats
    assert main.run_cli(args) == 0
    assert (tmp_path / "runs" / "one" / "dataset" / "train.jsonl").read_text(encoding="utf-8").count("\n") > 5


@pytest.mark.parametrize("status", [401, 404, 429, 503])
def test_a_refusing_server_parks_the_run(
    status: int, faulty: MakeTeacher, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher, args = faulty(json.dumps, "none")
    teacher.status = status
    folder = tmp_path / "runs" / "one"
    assert main.run_cli(args) == 3
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"go on with: evokd resume {folder}")
    teacher.status = 200
    assert main.run_cli(["resume", str(folder)]) == 0
