"""How many tokens of prompt and reply a model can hold, as far as its server says so."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from evokd.agents.llm.error_reports import read_json

if TYPE_CHECKING:
    import httpx2

OLLAMA_DEFAULT = 4_096
"""Tokens that Ollama gives a model unless it is told otherwise; more on machines with much video memory."""
LONGEST = 10**9
"""Longest context that is believed."""
_KEYS = ("max_model_len", "context_length", "context_window", "max_context_length", "n_ctx")
"""Keys of a model in a list of models: of vLLM and SGLang, OpenRouter and Together, Groq, Mistral, llama.cpp."""
_OLLAMA_OWNER = "library"
_NUM_CTX = re.compile(r"^num_ctx\s+(\d{1,9})\b", re.MULTILINE)


def read_context(item: Mapping[str, Any]) -> int | None:
    """Read the context length from a model's entry in a list of models; None if it is not there."""
    meta = item.get("meta")
    for source in (item, meta if isinstance(meta, Mapping) else {}):
        for key in _KEYS:
            value = source.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LONGEST:
                return value
    return None


def is_ollama(item: Mapping[str, Any]) -> bool:
    """Whether a model's entry looks like one of Ollama's, whose list says nothing about context lengths."""
    return item.get("owned_by") == _OLLAMA_OWNER


def ask_ollama(client: "httpx2.Client", url: str, model: str) -> int | None:
    """Ask Ollama's own interface for the context of a model: as it is loaded, else as its Modelfile sets it.

    Args:
        client: HTTP client, with its time limit.
        url: address up to /v1.
        model: its name.

    Returns:
        Tokens; None if the model is not loaded and its Modelfile sets nothing, or the server does not answer.
    """
    import httpx2

    root = url.removesuffix("/v1")
    try:
        running = _read(client.get(f"{root}/api/ps")).get("models")
        for item in running if isinstance(running, list) else []:
            if isinstance(item, dict) and model in (item.get("name"), item.get("model")):
                return read_context(item)
        shown = _read(client.post(f"{root}/api/show", json={"model": model})).get("parameters")
    except httpx2.HTTPError:
        return None
    found = _NUM_CTX.search(shown) if isinstance(shown, str) else None
    return (int(found[1]) or None) if found else None


def _read(response: "httpx2.Response") -> dict[str, Any]:
    return read_json(response.content.decode("utf-8", "replace")) if response.status_code == 200 else {}
