"""A language model that follows a script: it enters as the HTTP transport of `Teacher` and never runs on for ever.

    with ScriptedTeacher([{"drafts": []}, (429, "slow down"), lambda request: {"drafts": [...]}]) as script:
        teacher = Teacher(settings, store, transport=script)

Steps are used in order, or in order per message kind when a mapping is given (lessons run in parallel):

    ScriptedTeacher({"feedback_packet": [...], "lesson_plan": [...], "draft_batch": [...]})

One call too many and steps left over fail the test when the `with` block (or the fixture `scripted`) ends.
"""

import inspect
import json
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx2

_BLOCK = re.compile(r'<message kind="(\w+)">(.*?)</message>', re.DOTALL)


@dataclass(frozen=True)
class Say:
    """A reply with everything that an endpoint may say about it."""

    content: Any
    usage: tuple[int, int] | None = (100, 20)
    finish: str = "stop"
    refusal: str | None = None


Step = Any
"""dict, list or str: content of the reply; `Say`; (status, body): an error; an `httpx2.Response`; an exception: raised
as a network error; a callable (sync or async) that gets the request's JSON and returns any of these."""


def message_of(request: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind and the JSON of the message block that ends a request's last user turn."""
    turn = [turn for turn in request["messages"] if turn["role"] == "user"][-1]
    blocks = _BLOCK.findall(turn["content"])
    assert len(blocks) == 1, f"{len(blocks)} message blocks in a user turn: {turn['content']!r}"
    assert turn["content"].endswith("</message>"), f"a user turn ends with its block: {turn['content']!r}"
    kind, text = blocks[0]
    return kind, json.loads(text)


def completion(say: Say, model: str = "scripted") -> dict[str, Any]:
    """The body of a chat completion."""
    content = say.content if isinstance(say.content, str | None) else json.dumps(say.content, ensure_ascii=False)
    message = {"role": "assistant", "content": content}
    if say.refusal is not None:
        message["refusal"] = say.refusal
    body: dict[str, Any] = {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "finish_reason": say.finish, "message": message}],
    }
    if say.usage is not None:
        body["usage"] = dict(
            zip(("prompt_tokens", "completion_tokens", "total_tokens"), (*say.usage, sum(say.usage)), strict=True)
        )
    return body


class ScriptedTeacher(httpx2.AsyncBaseTransport):
    """An endpoint that plays a script and remembers what it was asked."""

    def __init__(self, steps: Sequence[Step] | Mapping[str, Sequence[Step]]) -> None:
        self._by_kind = isinstance(steps, Mapping)
        script = steps if isinstance(steps, Mapping) else {"": steps}
        self._steps = {kind: deque(queue) for kind, queue in script.items()}
        self.requests: list[dict[str, Any]] = []
        """JSON of every request, in order of arrival."""
        self.https: list[httpx2.Request] = []
        """The same requests with address and headers."""
        self.failures: list[BaseException] = []

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Requests that carry a message of this kind."""
        return [request for request in self.requests if message_of(request)[0] == kind]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(await request.aread())
        self.requests.append(body)
        self.https.append(request)
        try:
            step = self._next(body)
            while callable(step):
                step = step(body)
                step = await step if inspect.isawaitable(step) else step
            if isinstance(step, Exception) and not isinstance(step, httpx2.TransportError):
                raise step
        except Exception as exc:
            # the client would take it for a broken connection and try again: refuse for good, raise when the test ends
            self.failures.append(exc)
            return httpx2.Response(403, text=f"script: {exc}", request=request)
        if isinstance(step, httpx2.TransportError):
            raise step
        return _respond(step, body)

    def _next(self, body: Mapping[str, Any]) -> Step:
        kind = message_of(body)[0] if self._by_kind else ""
        queue = self._steps.get(kind)
        if not queue:
            told = f" of kind {kind!r}" if self._by_kind else ""
            raise AssertionError(f"one call too many{told}: request {len(self.requests)}: {body['messages'][-1]}")
        return queue.popleft()

    def check(self) -> None:
        """Raise what went wrong: a failure in the script, one call too many, steps left over."""
        for failure in self.failures:
            raise AssertionError(f"scripted teacher: {failure}") from failure
        left = {kind or "steps": len(queue) for kind, queue in self._steps.items() if queue}
        assert not left, f"scripted teacher: steps left over: {left}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if exc is None or self.failures:
            self.check()


def _respond(step: Step, body: Mapping[str, Any]) -> httpx2.Response:
    if isinstance(step, httpx2.Response):
        return step
    if isinstance(step, tuple):
        status, text = step
        # a millisecond to wait keeps the client's own back-off out of the tests
        headers = {"retry-after-ms": "1"}
        return httpx2.Response(status, headers=headers, **({"text": text} if isinstance(text, str) else {"json": text}))
    say = step if isinstance(step, Say) else Say(step)
    return httpx2.Response(200, json=completion(say, body["model"]))


def refuse_unless(allowed: Callable[[dict[str, Any]], bool], status: int, text: str, content: Any) -> Step:
    """A step that answers with `content` where the request is allowed, and with an error otherwise."""
    return lambda request: content if allowed(request) else (status, text)
