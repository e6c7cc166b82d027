"""A server shaped like vLLM's, as its documentation and sources describe it; `version` chooses between its wordings.

What matters to a client: the list of models tells `max_model_len`; a prompt beyond it is an error 400 with the figures;
`--api-key` guards everything under /v1; the model has the name that `--served-model-name` gives it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

CHARACTERS = 3.6
"""Characters of a token."""
TOO_LONG = {
    "0.6": "This model's maximum context length is {most} tokens. However, you requested {total} tokens ({prompt} in"
    " the messages, {reply} in the completion). Please reduce the length of the messages or completion.",
    "0.9": "This model's maximum context length is {most} tokens. However, your request has {prompt} input tokens."
    " Please reduce the length of the input messages.",
    "0.15": "You passed {prompt} input tokens and requested {reply} output tokens. However, the model's context length"
    " is only {most} tokens, resulting in a maximum input length of {room} tokens. Please reduce the length of the"
    " input prompt. (parameter=input_tokens, value={prompt})",
}
"""Version from which on -> what it says about a prompt that is too long."""
LIMIT_TOO_LARGE = (
    "'max_tokens' or 'max_completion_tokens' is too large: {reply}. This model's maximum context length is {most}"
    " tokens and your request has {prompt} input tokens ({reply} > {most} - {prompt})."
)
_OLD_FORMATS = (
    "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text'"
    + (" or 'json_object'\", 'input': 'json_schema', 'ctx': {'expected': \"'text' or 'json_object'\"}}]")
)


@dataclass
class VLLM:
    """Such a server; `app` serves it."""

    answer: Callable[[Mapping[str, Any]], str]
    """Gets the request's JSON, gives the text of the reply."""
    version: str = "0.15"
    name: str = "small"
    """--served-model-name"""
    max_model_len: int = 8192
    key: str = ""
    """--api-key"""
    reasoning: str = ""
    knows_json_schema: bool = True
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        routes = [Route("/v1/models", self._list), Route("/v1/chat/completions", self._complete, methods=["POST"])]
        return Starlette(routes=routes)

    def _is_refused(self, request: Request) -> bool:
        return bool(self.key) and request.headers.get("authorization") != f"Bearer {self.key}"

    async def _list(self, request: Request) -> Response:
        if self._is_refused(request):
            return JSONResponse({"error": "Unauthorized"}, 401)
        entry = {"id": self.name, "object": "model", "created": 0, "owned_by": "vllm", "root": f"/models/{self.name}"}
        more = {"parent": None, "max_model_len": self.max_model_len, "permission": [{"id": "modelperm-1"}]}
        return JSONResponse({"object": "list", "data": [{**entry, **more}]})

    async def _complete(self, request: Request) -> Response:
        if self._is_refused(request):
            return JSONResponse({"error": "Unauthorized"}, 401)
        body = await request.json()
        self.requests.append(body)
        if body["model"] != self.name:
            return self._fail(404, "NotFoundError", f"The model `{body['model']}` does not exist.")
        if not self.knows_json_schema and body.get("response_format", {}).get("type") == "json_schema":
            return self._fail(400, "BadRequestError", _OLD_FORMATS)
        prompt = round(sum(len(turn["content"]) for turn in body["messages"]) / CHARACTERS)
        limit = body.get("max_completion_tokens", body.get("max_tokens"))
        reply, most = limit or 0, self.max_model_len
        if prompt + reply > most:
            return self._fail(400, "BadRequestError", self._tell_length(prompt, reply))
        return JSONResponse(self._write(body, prompt, limit or most - prompt))

    def _tell_length(self, prompt: int, reply: int) -> str:
        figures = {"prompt": prompt, "reply": reply, "most": self.max_model_len, "total": prompt + reply}
        if self.version == "0.9" and prompt <= self.max_model_len:
            return LIMIT_TOO_LARGE.format(**figures)
        return TOO_LONG[self.version].format(**figures, room=self.max_model_len - reply)

    def _fail(self, status: int, kind: str, message: str) -> Response:
        error: dict[str, Any] = {"message": message, "type": kind, "param": None, "code": status}
        return JSONResponse({"object": "error", **error} if self.version == "0.6" else {"error": error}, status)

    def _write(self, body: Mapping[str, Any], prompt: int, limit: int) -> dict[str, Any]:
        text = self.answer(body)
        is_cut = len(text) / CHARACTERS > limit
        text = text[: round(limit * CHARACTERS)] if is_cut else text
        key = "reasoning" if self.version == "0.15" else "reasoning_content"
        message = {"role": "assistant", key: self.reasoning or None, "content": text, "tool_calls": []}
        written = round(len(text + self.reasoning) / CHARACTERS) + 1
        finish = {"finish_reason": "length" if is_cut else "stop", "stop_reason": None, "logprobs": None}
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": self.name,
            "choices": [{"index": 0, "message": message, **finish}],
            "usage": {"prompt_tokens": prompt, "total_tokens": prompt + written, "completion_tokens": written},
        }
