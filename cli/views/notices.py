"""Notices about the teacher's server, each shown once per run."""

from collections.abc import Mapping
from typing import Any

_NOTICES = {
    "no_seed": "the server takes no seed: it is left out, so that a repeated run gets other replies",
    "no_temperature": "the server takes no temperature: it is left out, and the server's own counts",
    "max_tokens": "the server takes no max_completion_tokens: the limit is sent as max_tokens",
    "max_completion_tokens": "the server takes no max_tokens: the limit is sent as max_completion_tokens",
    "no_max_tokens": "the server takes no limit of tokens: teacher.max_tokens is left out",
    "no_system": "the server takes no system prompt: it is put into the user's turn",
    "no_json_schema": "the server knows no json_schema: replies are asked for as JSON objects, with the schema beside",
    "no_json_object_schema": "the server takes no schema beside json_object: replies are asked for as JSON objects",
    "no_json_object": "the server knows no JSON objects: replies are asked for as plain text that holds one",
    "cut_off": "the server cuts replies off at its limit of output tokens: what is whole is kept, the rest is asked for"
    " in smaller requests, which costs tokens; raise teacher.max_tokens (and the server's own limit), or lower"
    " curriculum.quotas.lesson",
    "prompt_cut": "the server reads less of a prompt than it was sent: it probably cuts off the beginning, where the"
    " instructions are, without an error; give the model a longer context (Ollama: OLLAMA_CONTEXT_LENGTH=16384 for the"
    " server, or num_ctx in a Modelfile), or shorten the prompts (curriculum.quotas.lesson, curriculum.label_examples)",
    "event_stream": "the server answers with an event stream although none was asked for; it is read all the same",
    "in_reasoning_content": "the server puts replies into reasoning_content; they are read there",
    "in_reasoning": "the server puts replies into reasoning; they are read there",
    "in_tool_calls": "the server puts replies into tool calls; they are read there",
    "in_function_call": "the server puts replies into a function call; they are read there",
    "percent": "the teacher gives its confidence in percent; it is read as a share",
    "respelled": "the teacher writes words in another spelling; they are read as the only words that they can be",
    "thoughts": "the model thinks and writes no reply: turn its thinking off, or raise teacher.max_tokens",
}
"""Flag of a call -> its notice."""
_ADAPTED = ("adapted", "next_mode")


class Notices:
    """Gives each notice once."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def of_call(self, event: Mapping[str, Any]) -> list[str]:
        """The notices on a call that were not shown before."""
        fresh = [flag for flag in event.get("flags", ()) if flag in _NOTICES and flag not in self._shown]
        self._shown.update(fresh)
        return [_NOTICES[flag] for flag in fresh]


def is_adapted(event: Mapping[str, Any]) -> bool:
    """Whether a call was refused and is sent again in another form, about which there is a notice."""
    return any(flag in event.get("flags", ()) for flag in _ADAPTED)
