import asyncio
from typing import Any

import httpx2
import pytest

from tests.conftest import ServeApp
from tests.scripted import Say, ScriptedTeacher

BLOCK = '<message kind="draft_batch">{"drafts": []}</message>'


def post(script: ScriptedTeacher, text: str = BLOCK) -> httpx2.Response:
    async def send() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=script) as client:
            body = {"model": "m", "messages": [{"role": "user", "content": text}]}
            return await client.post("http://x/v1/chat/completions", json=body)

    return asyncio.run(send())


def content(response: httpx2.Response) -> Any:
    return response.json()["choices"][0]["message"]["content"]


def test_steps_are_played_in_order_and_requests_remembered() -> None:
    async def later(request: dict[str, Any]) -> Any:
        return Say(f"for {request['model']}", usage=None)

    with ScriptedTeacher([{"a": 1}, "text", (429, "later"), later, lambda _: (500, {"error": "e"})]) as script:
        assert content(post(script)) == '{"a": 1}'
        assert content(post(script)) == "text"
        assert (post(script).status_code, len(script.requests)) == (429, 3)
        told = post(script).json()
        assert told["choices"][0]["message"]["content"] == "for m"
        assert "usage" not in told
        assert post(script).json() == {"error": "e"}
    assert len(script.of_kind("draft_batch")) == 5


def test_one_call_too_many_fails_when_the_test_ends() -> None:
    script = ScriptedTeacher(["only"])
    post(script)
    assert post(script).status_code == 403
    with pytest.raises(AssertionError, match="one call too many: request 2"):
        script.check()


def test_steps_left_over_fail() -> None:
    with pytest.raises(AssertionError, match=r"steps left over: \{'steps': 1\}"), ScriptedTeacher(["a", "b"]) as script:
        post(script)


def test_steps_by_kind_fail_by_kind() -> None:
    script = ScriptedTeacher({"draft_batch": ["d"], "lesson_plan": ["l"]})
    assert content(post(script)) == "d"
    post(script)
    with pytest.raises(AssertionError, match="one call too many of kind 'draft_batch'"):
        script.check()
    script.failures.clear()
    with pytest.raises(AssertionError, match=r"steps left over: \{'lesson_plan': 1\}"):
        script.check()


def test_a_failing_step_and_a_missing_block_come_out() -> None:
    def fail(_: Any) -> Any:
        raise AssertionError("not what was expected")

    with pytest.raises(AssertionError, match="not what was expected"), ScriptedTeacher([fail]) as script:
        post(script)
    with (
        pytest.raises(AssertionError, match="2 message blocks in a user turn"),
        ScriptedTeacher({"draft_batch": []}) as script,
    ):
        post(script, BLOCK * 2)


def test_an_error_of_the_test_itself_is_not_covered_by_steps_left_over() -> None:
    with pytest.raises(KeyError), ScriptedTeacher(["a"]):
        raise KeyError("first")


def test_an_app_is_served_over_real_http(serve_app: ServeApp) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    first, second = serve_app(app), serve_app(app)
    assert first != second
    with httpx2.Client() as client:
        assert [client.get(f"{url}/hello").text for url in (first, second)] == ["/hello"] * 2
