"""What `evokd check` and a run say about servers shaped like Ollama and vLLM, and about their contexts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evokd.cli import main
from evokd.simulator.corpus import load_corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import find_message
from evokd.simulator.roles import answer
from tests.conftest import ServeApp
from tests.graph.toy import QUICK, WordStudent
from tests.servers.ollama import Ollama, always
from tests.servers.vllm import VLLM

NOTHING = always({})


def check(capsys: pytest.CaptureFixture[str], *args: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main.run_cli(["check", *args, "--json"]) == 0
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


def find(facts: Mapping[str, Any], code: str) -> list[str]:
    return [f"{item['text']} -> {item['mend']}" for item in facts["findings"] if item["code"] == code]


def address(url: str, model: str) -> list[str]:
    return ["--teacher", model, "--base-url", f"{url}/v1"]


def test_the_context_that_vllm_tells_is_told(
    toy_domain: Path, serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = check(capsys, str(toy_domain), *address(serve_app(VLLM(NOTHING, max_model_len=32_768).app), "small"))
    assert facts["teacher"][0]["state"] == "answers, and has the model (a context of 32,768 tokens)"
    assert facts["teacher"][0]["context"] == 32_768
    assert find(facts, "context_short") == []


def test_a_context_that_is_too_short_is_a_warning_before_anything_is_paid_for(
    toy_domain: Path, serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    server = VLLM(NOTHING, max_model_len=2_048)
    more = ["--set", "teacher.max_tokens=1500"]
    facts = check(capsys, str(toy_domain), *address(serve_app(server.app), "small"), *more)
    (found,) = find(facts, "context_short")
    assert found.startswith("the longest prompt (")
    assert "its reply 1,500, but the context of 'small' holds 2,048 -> give the model a longer context (vLLM: " in found
    assert server.requests == []


@pytest.mark.parametrize("context", ["as loaded", "by its Modelfile", "by default", "long enough"])
def test_ollama_is_asked_for_the_context_in_its_own_way(
    context: str, toy_domain: Path, serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Ollama(NOTHING, modelfiles={"small:latest": 2_048 if context == "by its Modelfile" else None})
    if context in ("as loaded", "long enough"):
        server.loaded.add("small:latest")
        server.context = 2_048 if context == "as loaded" else 16_384
    more = ["--set", "teacher.roles.generator.max_tokens=4000"]
    facts = check(capsys, str(toy_domain), *address(serve_app(server.app), "small"), *more)
    (teacher,), found = facts["teacher"], find(facts, "context_short")
    if context == "by default":
        assert (teacher["state"], teacher["context"]) == ("answers, and has the model", None)
        assert "its reply 4,000, but unless told otherwise Ollama reads 4,096 and cuts off what is before" in found[0]
        assert "OLLAMA_CONTEXT_LENGTH for the server, or num_ctx in a Modelfile" in found[0]
    elif context == "long enough":
        assert (teacher["context"], found) == (16_384, [])
    else:
        assert teacher["context"] == 2_048
        assert "the longest prompt (generator)" in found[0]


def test_a_run_notes_a_context_that_is_too_short_and_goes_on(
    toy_domain: Path, word_students: list[WordStudent], serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = load_corpus(toy_domain / "corpus.jsonl")

    def rehearse(request: Mapping[str, Any]) -> str:
        kind, message = find_message(request["messages"])
        return json.dumps(answer(kind, message, corpus, RehearsalSettings(), request["seed"]))

    url = serve_app(VLLM(rehearse, max_model_len=3_000).app)
    where = ["--runs-dir", str(toy_domain.parent / "runs"), "--run-id", "one"]
    args = ["run", str(toy_domain), *QUICK, *where, *address(url, "small"), "--set", "teacher.max_tokens=1100"]
    assert main.run_cli(args) == 0
    error = " ".join(capsys.readouterr().err.split())
    assert "note: the longest prompt (" in error
    assert "the context of 'small' holds 3,000; give the model a longer context (vLLM: --max-model-len" in error


def test_what_keeps_calls_from_succeeding_is_told_with_the_mend(
    toy_domain: Path, serve_app: ServeApp, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    guarded = serve_app(VLLM(NOTHING, key="right").app)
    (found,) = find(check(capsys, str(toy_domain), *address(guarded, "small")), "teacher_key_refused")
    assert found.endswith("refuses the key (HTTP 401): Unauthorized -> check the key in OPENAI_API_KEY")
    other = serve_app(VLLM(NOTHING, name="qwen3-4b").app)
    (found,) = find(check(capsys, str(toy_domain), *address(other, "qwen3-4")), "teacher_model_unlisted")
    assert "does not list 'qwen3-4' (did you mean 'qwen3-4b'?)" in found
    (found,) = find(check(capsys, str(toy_domain), *address("http://127.0.0.1:9", "small")), "teacher_no_answer")
    assert found.endswith("start the server (and wait until it has loaded its model), or mend the address (--base-url)")


def test_a_dry_call_shows_that_ollama_cuts_the_prompt(
    toy_domain: Path, serve_app: ServeApp, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Ollama(NOTHING, modelfiles={"small:latest": 1_024})
    long = ["--set", "curriculum.label_examples=50"]
    for split in ("seeds", "validation"):
        path = toy_domain / f"{split}.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        told = [json.dumps({**row, "text": f"{row['text']} {'and so on ' * 250}"}) for row in rows]
        path.write_text("\n".join(told) + "\n", encoding="utf-8")
    facts = check(capsys, str(toy_domain), *address(serve_app(server.app), "small"), *long, "--dry-call")
    assert any("reads less of the prompt than it was sent" in found for found in find(facts, "prompt_cut"))
