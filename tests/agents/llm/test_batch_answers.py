"""Odd answers of batch APIs: what cannot be read, what is missing, what would leak a key."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from evokd.agents.llm.attempt import TeacherRefused, TeacherUnreachable
from evokd.agents.llm.batch_api import BatchApi
from evokd.agents.llm.batch_rows import RowOutcome, read_rows, write_row
from evokd.agents.llm.batch_state import BatchState, UnreadableFile

KEY = "sk-test-1234567890"
BATCH = {
    "id": "batch_1",
    "object": "batch",
    "created_at": 1,
    "endpoint": "/v1/chat/completions",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "completed",
}


class Answers(httpx2.AsyncBaseTransport):
    """Gives these answers in order, the last one again and again."""

    def __init__(self, *answers: httpx2.Response | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        answer = httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)
        answer.request = request
        return answer


@pytest.fixture
async def opened() -> AsyncIterator[list[BatchApi]]:
    apis: list[BatchApi] = []
    yield apis
    for api in apis:
        await api.close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeats come at once."""
    real = asyncio.sleep
    monkeypatch.setattr("evokd.agents.llm.batch_api.asyncio.sleep", lambda _: real(0))


def connect(opened: list[BatchApi], *answers: httpx2.Response | Exception, patience: float = 30.0) -> BatchApi:
    opened.append(BatchApi("http://teacher.test/v1", KEY, patience, Answers(*answers)))
    return opened[-1]


def answer(body: Any, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, json=body)


@pytest.mark.parametrize(
    "first",
    [
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("late"),
        answer({"error": {"message": "busy"}}, 429),
        answer({"error": {"message": "down"}}, 503),
        httpx2.Response(200, text="<html>maintenance</html>", headers={"content-type": "text/html"}),
        httpx2.Response(200, text="{", headers={"content-type": "application/json"}),
    ],
    ids=["refused", "late", "429", "503", "a page", "half an object"],
)
async def test_a_look_is_repeated_until_it_can_be_read(first: Any, opened: list[BatchApi]) -> None:
    state = await connect(opened, first, answer(BATCH)).look("batch_1")
    assert (state.status, state.done, state.failed, state.files, state.has_ended) == ("completed", 0, 0, (), True)


async def test_an_address_that_stays_away_is_given_up_after_the_patience(opened: list[BatchApi]) -> None:
    api = connect(opened, answer({"error": {"message": "down"}}, 503), patience=0.5)
    with pytest.raises(
        TeacherUnreachable, match=r"^http://teacher.test/v1/batches/b: no usable answer for 0 s: HTTP 5"
    ):
        await api.look("b")


@pytest.mark.parametrize(
    "refusal",
    [
        answer({"error": {"message": f"Incorrect API key provided: {KEY}"}}, 401),
        answer({"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, 429),
        answer({"error": {"message": "metadata: too long"}}, 400),
    ],
    ids=["key", "credit", "request"],
)
async def test_a_refusal_is_told_at_once_without_the_key(refusal: Any, opened: list[BatchApi]) -> None:
    with pytest.raises(TeacherRefused) as caught:
        await connect(opened, refusal).create(b"{}", "token")
    assert "HTTP 4" in str(caught.value)
    assert KEY not in str(caught.value)


async def test_what_a_batch_says_is_stored_without_the_key(opened: list[BatchApi]) -> None:
    error = {"code": "invalid", "message": f"the key {KEY} may not use this model"}
    failed = {**BATCH, "status": "failed", "errors": {"object": "list", "data": [error, {}]}}
    state = await connect(opened, answer(failed)).look("batch_1")
    assert state.errors == (("invalid", "the key [key] may not use this model"), ("", ""))
    ended = {**BATCH, "error_file_id": "file-2"}
    line = {"custom_id": "k", "response": None, "error": {"code": "denied", "message": f"{KEY} \ud800"}}
    content = httpx2.Response(200, content=json.dumps(line).encode())
    api = connect(opened, answer(ended), content)
    assert await api.read(await api.look("batch_1")) == {"k": RowOutcome(None, "denied: [key] ?")}


def test_lines_that_are_no_outcomes_are_passed_over() -> None:
    good = {"custom_id": "a", "response": {"status_code": 200, "body": {"x": "line\u2028end"}}, "error": None}
    odd: list[Any] = [[], 5, {"custom_id": 7}, {"custom_id": "b"}, {"custom_id": "c", "response": {"body": {}}}]
    lines = [json.dumps(good, ensure_ascii=False), "", "{", "[" * 100_000, *map(json.dumps, odd)]
    found = read_rows("\n".join(lines).encode() + b"\n\xff\n")
    assert found == {
        "a": RowOutcome(200, json.dumps({"x": "line\u2028end"})),
        "b": RowOutcome(None, "the batch gives no reason"),
        "c": RowOutcome(None, "the batch gives no reason"),
    }


ENDED = BatchState("batch_1", "completed", 2, 0, files=("file-2",))
LINES = [json.dumps({"custom_id": key, "response": {"status_code": 200, "body": {}}}) for key in "ab"]
WHOLE = "\n".join(LINES)


@pytest.mark.parametrize(
    "first", ["<html>gateway</html>", '{"error": "busy"}', WHOLE[:-20]], ids=["a page", "an error", "cut off"]
)
async def test_a_file_that_cannot_be_read_is_fetched_again(first: str, opened: list[BatchApi]) -> None:
    api = connect(opened, httpx2.Response(200, text=first), httpx2.Response(200, text=WHOLE))
    assert set(await api.read(ENDED)) == {"a", "b"}, "its calls are paid for: they are not asked again"


async def test_of_a_file_that_stays_broken_what_can_be_read_counts(opened: list[BatchApi]) -> None:
    api = connect(opened, httpx2.Response(200, text=WHOLE[:-20]), patience=0.5)
    with pytest.raises(UnreadableFile, match="its files lack replies that it has counted") as caught:
        await api.read(ENDED)
    assert set(caught.value.outcomes) == {"a"}
    with pytest.raises(UnreadableFile, match=r"/files/file-2/content: no line can be read; it begins with '<html>"):
        await connect(opened, httpx2.Response(200, text="<html>gateway</html>"), patience=0.5).read(ENDED)


async def test_a_batch_that_has_ended_is_cancelled_without_waiting(opened: list[BatchApi]) -> None:
    conflict = answer({"error": {"message": "Cannot cancel a batch with status 'completed'."}}, 409)
    await connect(opened, conflict, answer({"error": {"message": "asked twice"}}, 500), patience=0.5).cancel("batch_1")


def test_a_request_is_one_line_whatever_its_texts_hold() -> None:
    line = write_row("k", {"model": "m", "messages": [{"role": "user", "content": "a\nb\u2028c \ud800"}]})
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert json.loads(line)["body"]["messages"][0]["content"] == "a\nb\u2028c \ud800"
