"""A teacher that tells the key back wherever it can: no byte of it in the run folder, on standard output or error."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from evokd.cli import main
from evokd.simulator.corpus import load_corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import find_message
from evokd.simulator.roles import answer
from tests.graph.toy import QUICK, WordStudent

KEY = "sk-Zq7/Wd3+Yx9=Kp5-Lm1"
WAYS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "escaped": lambda key: "".join(f"\\u{ord(char):04x}" for char in key),
    "json": lambda key: json.dumps(key)[1:-1].replace("/", "\\/"),
    "url": lambda key: quote(key, safe=""),
    "base64": lambda key: base64.b64encode(f"u:{key}".encode()).decode(),
}


class EchoTeacher:
    """The rehearsal teacher, with the key it was given in everything that it says; with `refuses` it soon says no."""

    def __init__(self, corpus: Path, ways: list[str], refuses: bool) -> None:
        self.told, self.refuses = " ".join(WAYS[way](KEY) for way in ways), refuses
        self.asked = 0
        self._corpus = load_corpus(corpus)
        self.app = Starlette(routes=[Route("/v1/chat/completions", self._complete, methods=["POST"])])

    async def _complete(self, request: Request) -> Response:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        told = self.told
        headers = {"x-request-id": told, "set-cookie": f"key={told}", "www-authenticate": f"Bearer {told}"}
        if "again" not in request.query_params:
            return RedirectResponse(f"/v1/chat/completions?again=1&key={quote(told)}", 307, headers)
        self.asked += 1
        body = await request.json()
        if self.refuses and self.asked > 2:
            return Response(f'{{"error": {{"message": "Incorrect API key: {told}"}}}}', 401, headers)
        match self.asked:
            case 2:
                return Response(f'{{"error": {{"message": "no {told}", "code": "{told}"}}}}', 500, headers)
            case 4:
                return PlainTextResponse(f"bad key {told}", 400, headers)
            case 6:
                return Response(f'{{"detail": "{told}", "choices": "{told}"}}', 200, headers, "application/json")
        kind, message = find_message(body["messages"])
        text = json.dumps(answer(kind, message, self._corpus, RehearsalSettings(), body["seed"]))
        for field in ("text", "name", "advice", "pattern"):
            text = text.replace(f'"{field}": "', f'"{field}": "{told} ')
        if self.asked == 8:
            text = f"{told}: {text[: len(text) // 2]} {told}"
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        reply = {"id": told, "object": "chat.completion", "created": 0, "model": told, "choices": [choice]}
        return JSONResponse(reply, headers=headers)


@pytest.mark.parametrize("refuses", [False, True], ids=["goes-on", "refuses"])
@pytest.mark.parametrize("ways", [["plain"], list(WAYS)], ids=["plain", "every-way"])
def test_a_key_that_is_told_back_reaches_no_file_and_no_terminal(
    ways: list[str],
    refuses: bool,
    toy_domain: Path,
    word_students: list[WordStudent],
    serve_app: Callable[[Any], str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    teacher = EchoTeacher(toy_domain / "corpus.jsonl", ways, refuses)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    runs = toy_domain.parent / "runs"
    where = ["--teacher", "m", "--base-url", serve_app(teacher.app) + "/v1", "--set", "teacher.retries=1"]
    code = main.run_cli(["run", str(toy_domain), *QUICK, *where, "--runs-dir", str(runs), "--run-id", "one", "--json"])
    assert code == (3 if refuses else 0)
    assert teacher.asked > (2 if refuses else 8)
    main.run_cli(["show", str(runs / "one")])
    printed = capfd.readouterr()
    said = {path.name: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    said |= {"standard output": printed.out.encode(), "standard error": printed.err.encode()}
    assert {"config.yaml", "ledger.db", "events.jsonl"} <= set(said)
    for name, raw in said.items():
        for way in ["plain", *ways]:
            for form in {WAYS[way](KEY), json.dumps(WAYS[way](KEY))[1:-1]}:
                assert form.encode() not in raw, (name, way)


@pytest.mark.parametrize(
    "key",
    ["short", "with\nnew line in it", "kłucz-nie-łaciński", "emoji-\U0001f426-key"],
    ids=["short", "new-line", "non-latin", "emoji"],
)
def test_an_odd_key_ends_in_one_line_without_it(
    key: str,
    toy_domain: Path,
    word_students: list[WordStudent],
    serve_app: Callable[[Any], str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def refuse(_: Request) -> Response:
        return JSONResponse({"error": {"message": "no"}}, 401)

    app = Starlette(routes=[Route("/v1/chat/completions", refuse, methods=["POST"])])
    monkeypatch.setenv("OPENAI_API_KEY", key)
    runs = toy_domain.parent / "runs"
    where = ["--teacher", "m", "--base-url", serve_app(app) + "/v1", "--set", "teacher.retries=0"]
    code = main.run_cli(["run", str(toy_domain), *QUICK, *where, "--runs-dir", str(runs), "--run-id", "one"])
    assert code in (2, 3)
    printed = capfd.readouterr()
    assert "Traceback" not in printed.err
    told = [path.read_bytes() for path in runs.rglob("*") if path.is_file()] + [printed.err.encode()]
    if len(key) >= 8:
        assert all(key.strip().encode() not in raw for raw in told)
        assert all(key.strip()[:6].encode() not in raw for raw in told)
