"""Texts of users, students, models and servers on their way to a terminal: none of them can steer it."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from evokd.cli import main
from evokd.cli.views.progress import Progress
from evokd.simulator.corpus import load_corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import find_message
from evokd.simulator.roles import answer
from evokd.student.protocol import Prediction
from tests.graph.conftest import give_student
from tests.graph.toy import QUICK, WordStudent, write_domain

HOSTILE = (
    "\x1b[31mred\x1b[2J \x1b]8;;http://a.example\x07link\x1b]8;;\x07 \x1b]0;t\x07 \x9b31m\x9d0;t\x9c \u202etxt\u202c "
    "\u2066a\u2069 line\r overwritten\x07\x08\x7f \u2028 [bold]b[/bold] [/] \\[ :bug: \u200b\ufeff"
)
JOINERS = "\u200c\u200d"


def check_harmless(text: str) -> None:
    """Only characters that are seen, and ends of lines."""
    strange = {char for char in text if not (char.isprintable() or char in ("\n", *JOINERS))}
    assert strange == set(), text[:2_000]


class HostileTeacher:
    """The rehearsal teacher with control sequences in all texts and in its errors."""

    def __init__(self, corpus: Path) -> None:
        self.asked = 0
        self.refuses = False
        self._corpus = load_corpus(corpus)
        self.app = Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])

    async def _complete(self, request: Request) -> Response:
        self.asked += 1
        if self.refuses:
            return PlainTextResponse(HOSTILE, 401)
        if self.asked == 2:
            return PlainTextResponse(HOSTILE, 500)
        body = await request.json()
        kind, message = find_message(body["messages"])
        content = answer(kind, message, self._corpus, RehearsalSettings(), body["seed"])
        for item in next(iter(content.values())):
            for field in {"text", "name", "advice", "pattern"} & set(item):
                item[field] = f"{item[field]} {HOSTILE}"
        if self.asked == 4:
            content = {
                key: [{**item, HOSTILE: 1, "confidence": HOSTILE} for item in items] for key, items in content.items()
            }
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(content)}}
        return JSONResponse({"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})


@pytest.fixture
def teacher(tmp_path: Path, serve_app: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[str]]:
    """A hostile teacher, and the arguments of a run on it, whose folder is `runs/one`."""
    give_student(monkeypatch, WordStudent)
    labels = dict.fromkeys(("cancel_plan", "delivery_trouble", "login_trouble"), f"meaning {HOSTILE}")
    domain = write_domain(tmp_path / "toy", labels=labels, description=f"letters {HOSTILE}")
    teacher = HostileTeacher(domain / "corpus.jsonl")
    where = ["--teacher", f"m{HOSTILE}", "--base-url", serve_app(teacher.app) + "/v1", "--set", "teacher.retries=1"]
    return teacher, ["run", str(domain), *QUICK, *where, "--runs-dir", str(tmp_path / "runs"), "--run-id", "one"]


def test_progress_and_pages_of_a_run_show_what_can_be_seen(
    teacher: tuple[Any, list[str]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main.run_cli(teacher[1]) == 0
    run = str(tmp_path / "runs" / "one")
    shown = capfd.readouterr()
    check_harmless(shown.out + shown.err)
    assert "[bold]b[/bold]" in shown.err, "the hostile text was told"
    for command in (["show", run], ["show", run, "--cycle", "1"], ["runs", "--runs-dir", str(tmp_path / "runs")]):
        assert main.run_cli(command) == 0
    ids = re.findall(r"c001-\w+(?:-d\d+)?", main_output(capfd))
    weakness = next(name for name in ids if re.fullmatch(r"c001-w\d+", name))
    assert main.run_cli(["show", run, "--weakness", weakness]) == 0
    sample = re.search(r"c001-l\d+-d\d+", main_output(capfd))
    assert sample is not None
    assert main.run_cli(["show", run, "--sample", sample[0]]) == 0
    assert "[bold]b[/bold]" in main_output(capfd)


def main_output(capfd: pytest.CaptureFixture[str]) -> str:
    shown = capfd.readouterr()
    check_harmless(shown.out + shown.err)
    return shown.out


def test_json_lines_hold_escapes_alone(
    teacher: tuple[Any, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main.run_cli([*teacher[1], "--json"]) == 0
    monkeypatch.setattr(
        "evokd.inference.prediction.answer_texts",
        lambda _, parts: ([Prediction(answer=HOSTILE, confidence=1.0, scores={}) for _ in part] for part in parts),
    )
    record = {"task": "classification", "labels": ["x", "y"], "max_length": 32}
    (tmp_path / "runs" / "one" / "student" / "evokd.json").write_text(json.dumps(record), encoding="utf-8")
    texts = tmp_path / "texts.txt"
    texts.write_text("a line\nwhere is it\x9b31m \u202e\n", encoding="utf-8")
    assert main.run_cli(["predict", str(tmp_path / "runs" / "one"), str(texts)]) == 0
    assert main.run_cli(["runs", "--runs-dir", str(tmp_path / "runs"), "--json"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) > 20
    assert any("\u202e" in json.dumps(json.loads(line), ensure_ascii=False) for line in lines)
    check_harmless("\n".join(lines))


def test_error_lines_show_what_can_be_seen(
    teacher: tuple[Any, list[str]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    teacher[0].refuses = True
    assert main.run_cli(teacher[1]) == 3
    odd = tmp_path / f"odd {HOSTILE.replace('/', '')}"
    for command in (
        ["run", str(odd)],
        ["run", str(write_domain(odd, labels={"a": "b"}))],
        ["show", str(odd)],
        ["show", HOSTILE, "--runs-dir", str(tmp_path)],
        ["run", str(tmp_path / "toy"), "--preset", HOSTILE],
        ["run", str(tmp_path / "toy"), "--set", f"{HOSTILE}=1"],
        ["run", str(tmp_path / "toy"), "--config", str(odd)],
        ["predict", str(tmp_path / "runs" / "one"), str(odd / "x.jsonl")],
        ["runs", "--runs-dir", str(odd)],
        [HOSTILE],
    ):
        main.run_cli(command)
    shown = capfd.readouterr()
    assert shown.err.count("evokd: ") >= 9
    check_harmless(shown.out + shown.err)


def test_the_live_line_of_a_terminal_holds_no_sequence_of_a_text() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=200)
    data = {"labels": 1, "seeds": 1, "validation": 1, "test": 1}
    start = {
        "event": "run_started",
        "folder": HOSTILE,
        "domain": HOSTILE,
        "task": "ner",
        "preset": "p",
        "teacher": HOSTILE,
    }
    start |= {
        "student": HOSTILE,
        "seed": 1,
        "metric": "m",
        "rehearsal": False,
        "own_prompts": [HOSTILE],
        "notes": [HOSTILE],
    }
    with Progress(console) as progress:
        progress({**start, "data": data, "budget_samples": 9, "cycles": 2})
        for status in ("error", "fault"):
            call = {"event": "call", "cycle": 1, "role": "labeler", "status": status, "faults": [HOSTILE]}
            progress({**call, "input_tokens": 1, "output_tokens": 1})
        progress({"event": "node_started", "cycle": 1, "node": "train"})
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", out.getvalue())
    assert "[bold]b[/bold]" in text
    check_harmless(text)
    for sequence in ("\x1b[31m" + "red", "\x1b[2J", "\x1b]"):
        assert sequence not in out.getvalue()
