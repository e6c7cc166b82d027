"""Bodies as servers send them that are compatible in their own way."""

import json
from collections.abc import Mapping
from typing import Any

import httpx2

from tests.scripted import Say, completion


def body(content: Any, kind: str = "application/json", **headers: str) -> httpx2.Response:
    """An answer with status 200."""
    text = content if isinstance(content, str) else json.dumps(content)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(200, headers={"content-type": kind, **names}, text=text)


def message(fields: Mapping[str, Any], finish: str | None = "stop", **choice: Any) -> dict[str, Any]:
    """A completion whose message has these fields and no others but its role."""
    made = completion(Say("", finish="stop"))
    made["choices"][0] |= {"message": {"role": "assistant", **fields}, "finish_reason": finish, **choice}
    return made


def chunks(*deltas: Mapping[str, Any], finish: str | None = "stop", done: bool = True, gap: str = "\n\n") -> str:
    """An event stream of these deltas."""
    steps = [{"index": 0, "delta": dict(delta), "finish_reason": None} for delta in deltas]
    steps.append({"index": 0, "delta": {}, "finish_reason": finish})
    lines = [f"data: {json.dumps({'id': 'c', 'object': 'chat.completion.chunk', 'choices': [step]})}" for step in steps]
    return gap.join([": PROCESSING", *lines, *(["data: [DONE]"] if done else []), ""])
