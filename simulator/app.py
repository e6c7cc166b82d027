"""The rehearsal teacher as an OpenAI-compatible ASGI app, without any state but that of batches."""

import json
import math
from collections.abc import Callable, Iterator
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from evokd.simulator import roles
from evokd.simulator.batches import BatchDesk, BatchScript
from evokd.simulator.bodies import read_body, refuse, write_json
from evokd.simulator.corpus import Corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import RequestError, find_message, read_turns
from evokd.simulator.seeded_rng import hash_key

MODEL = "rehearsal"
LARGEST_BODY = 8 * 2**20
"""Bytes of the largest request that is answered."""
_FORMATS = ("json_schema", "json_object", "text")

AnswerFunction = Callable[[str, dict[str, Any], int], dict[str, Any]]
"""Kind of a message, the message and a seed -> the reply."""


def create_app(corpus: Corpus, settings: RehearsalSettings, seed: int, batches: BatchScript | None = None) -> Starlette:
    """Make the app of a teacher that answers from a labelled corpus.

    Args:
        corpus: what the answers come from.
        settings: noise and typicality; the corpus path in it is not read.
        seed: for requests that bring no integer `seed` of their own.
        batches: how batches go; None: the server has none.
    """

    def answer(kind: str, message: dict[str, Any], seed: int) -> dict[str, Any]:
        return roles.answer(kind, message, corpus, settings, seed)

    return serve_answers(answer, seed, len(corpus.rows), batches)


def serve_answers(answer: AnswerFunction, seed: int, texts: int, batches: BatchScript | None = None) -> Starlette:
    """Make an app: `POST /v1/chat/completions`, `GET /v1/models`, `GET /health`; with batches, their paths as well.

    Args:
        answer: what the messages are answered by.
        seed: for requests that bring no integer `seed` of their own.
        texts: how many texts the answers come from.
        batches: how batches go; None: there are none.
    """

    async def complete(request: Request) -> Response:
        body = _read_object(await read_body(request, LARGEST_BODY))
        completion = await run_in_threadpool(_complete, body, answer, seed)
        if not body.get("stream"):
            return write_json(completion)
        options = body.get("stream_options")
        with_usage = isinstance(options, dict) and bool(options.get("include_usage"))
        return StreamingResponse(_stream(completion, with_usage), media_type="text/event-stream")

    async def models(_: Request) -> Response:
        model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "evokd"}
        return write_json({"object": "list", "data": [model]})

    async def health(_: Request) -> Response:
        return write_json({"status": "ok", "model": MODEL, "texts": texts})

    desk = BatchDesk(lambda body: _complete(body, answer, seed), batches) if batches else None
    return Starlette(
        routes=[
            Route("/v1/chat/completions", complete, methods=["POST"]),
            Route("/v1/models", models),
            Route("/health", health),
            *(desk.routes if desk else ()),
        ],
        exception_handlers={RequestError: refuse, HTTPException: refuse},
    )


def _complete(body: dict[str, Any], answer: AnswerFunction, seed: int) -> dict[str, Any]:
    _check_options(body)
    turns = read_turns(body.get("messages"))
    kind, message = find_message(body.get("messages"))
    requested = body.get("seed")
    effective_seed = requested if isinstance(requested, int) and not isinstance(requested, bool) else seed
    reply = answer(kind, message, effective_seed)
    content = json.dumps(reply, ensure_ascii=False)
    model = body.get("model") or MODEL
    prompt_length, reply_length = sum(len(text) for _, text in turns), len(content)
    usage = {"prompt_tokens": math.ceil(prompt_length / 4), "completion_tokens": math.ceil(reply_length / 4)}
    return {
        "id": f"chatcmpl-{hash_key(kind, message, effective_seed, model, content).hex()[:24]}",
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": usage | {"total_tokens": sum(usage.values())},
    }


def _check_options(body: dict[str, Any]) -> None:
    model = body.get("model")
    if model is not None and not isinstance(model, str):
        raise RequestError("model: expected a string", "model")
    wanted = body.get("response_format")
    if wanted is not None and not (isinstance(wanted, dict) and wanted.get("type") in _FORMATS):
        raise RequestError(f"response_format: type must be one of {', '.join(_FORMATS)}", "response_format")
    if body.get("n") not in (None, 1):
        raise RequestError("n: the rehearsal teacher gives one choice", "n")


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise RequestError(f"the request is not JSON: {exc}", None) from exc
    if not isinstance(content, dict):
        raise RequestError("the request is not a JSON object", None)
    return content


def _stream(completion: dict[str, Any], with_usage: bool) -> Iterator[bytes]:
    """Write a completion as server-sent events: its start, its content in one piece, its end."""
    head = {key: completion[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    message = completion["choices"][0]["message"]
    steps: list[tuple[dict[str, Any], str | None]] = [
        ({"role": "assistant", "content": ""}, None),
        ({"content": message["content"]}, None),
        ({}, "stop"),
    ]
    chunks = [head | {"choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in steps]
    if with_usage:
        chunks.append(head | {"choices": [], "usage": completion["usage"]})
    for chunk in chunks:
        yield b"data: " + json.dumps(chunk).encode("ascii") + b"\n\n"
    yield b"data: [DONE]\n\n"
