"""A server shaped like Ollama, as its documentation describes it: OpenAI's endpoints under /v1, its own under /api.

What matters to a client: a prompt that is longer than the context loses its beginning without an error, and only
`usage.prompt_tokens` shows it; `max_completion_tokens` is ignored; the list of models tells no context.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

DEFAULT_CONTEXT = 4096
CHARACTERS = 3.6
"""Characters of a token."""


@dataclass
class Ollama:
    """Such a server; `app` serves it."""

    answer: Callable[[Mapping[str, Any]], str]
    """Gets the request's JSON, gives the text of the reply."""
    modelfiles: Mapping[str, int | None] = field(default_factory=lambda: {"llama3.2:latest": None})
    """Model -> the `num_ctx` of its Modelfile."""
    context: int = DEFAULT_CONTEXT
    """OLLAMA_CONTEXT_LENGTH."""
    reasoning: str = ""
    """What the model thinks before it replies."""
    failures: list[tuple[int, str]] = field(default_factory=list)
    """Status and message of the next answers."""
    loaded: set[str] = field(default_factory=set)
    read: list[str] = field(default_factory=list)
    """What the model got to see of each prompt."""
    requests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def app(self) -> Starlette:
        routes = [
            Route("/v1/models", self._list),
            Route("/v1/chat/completions", self._complete, methods=["POST"]),
            Route("/api/ps", self._list_loaded),
            Route("/api/show", self._show, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    def _find(self, name: str) -> str | None:
        return next((model for model in self.modelfiles if model in (name, f"{name}:latest")), None)

    def _length(self, model: str) -> int:
        return self.modelfiles[model] or self.context

    async def _list(self, _: Request) -> Response:
        entries = [{"id": name, "object": "model", "created": 0, "owned_by": "library"} for name in self.modelfiles]
        return JSONResponse({"object": "list", "data": entries})

    async def _list_loaded(self, _: Request) -> Response:
        loaded = [{"name": name, "model": name, "context_length": self._length(name)} for name in self.loaded]
        return JSONResponse({"models": loaded})

    async def _show(self, request: Request) -> Response:
        model = self._find((await request.json())["model"])
        if model is None:
            return JSONResponse({"error": "model not found"}, 404)
        set_to = self.modelfiles[model]
        parameters = f'stop                           "<|eot_id|>"\nnum_ctx                        {set_to}'
        body = {"modelfile": "", "model_info": {"llama.context_length": 131072}}
        return JSONResponse({**body, **({"parameters": parameters} if set_to else {})})

    async def _complete(self, request: Request) -> Response:
        body = await request.json()
        self.requests.append(body)
        if self.failures:
            return _fail(*self.failures.pop(0))
        model = self._find(body["model"])
        if model is None:
            return _fail(404, f"model '{body['model']}' not found, try pulling it first")
        self.loaded.add(model)
        prompt = "\n".join(turn["content"] for turn in body["messages"])
        seen = prompt[-round(self._length(model) * CHARACTERS) :]
        self.read.append(seen)
        return JSONResponse(self._write(body, seen))

    def _write(self, body: Mapping[str, Any], seen: str) -> dict[str, Any]:
        text, limit = self.answer(body), body.get("max_tokens")
        is_cut = limit is not None and len(text) / CHARACTERS > limit
        text = text[: round(limit * CHARACTERS)] if is_cut else text
        message = {"role": "assistant", "content": text, **({"reasoning": self.reasoning} if self.reasoning else {})}
        counts = [round(len(seen) / CHARACTERS), round(len(text + self.reasoning) / CHARACTERS) + 1]
        return {
            "id": "chatcmpl-554",
            "object": "chat.completion",
            "created": 1764300000,
            "model": body["model"],
            "system_fingerprint": "fp_ollama",
            "choices": [{"index": 0, "message": message, "finish_reason": "length" if is_cut else "stop"}],
            "usage": {"prompt_tokens": counts[0], "completion_tokens": counts[1], "total_tokens": sum(counts)},
        }


def _fail(status: int, message: str) -> Response:
    kind = {400: "invalid_request_error", 404: "not_found_error"}.get(status, "api_error")
    error = {"message": message, "type": kind, "param": None, "code": None}
    return JSONResponse({"error": error}, status, headers={"retry-after-ms": "1"})


def always(content: Any) -> Callable[[Mapping[str, Any]], str]:
    """An answer that is the same for every request."""
    return lambda _: json.dumps(content)
