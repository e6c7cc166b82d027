"""Workarounds for servers: parts of a request that an endpoint refuses, and how to write the request without them.

Quirks are stored beside the structured-output mode. They change what is sent but never the key of a call, so a stored
reply is found whatever was learned since.
"""

from collections.abc import Collection, Sequence
from typing import Any

from evokd.agents.llm.teacher_settings import OPENAI_URL, RoleSettings

NO_SEED = "no_seed"
NO_TEMPERATURE = "no_temperature"
OLD_LIMIT = "max_tokens"
"""The reply limit is sent under its older name, `max_tokens`, as the newer one is refused."""
NEW_LIMIT = "max_completion_tokens"
"""The reply limit is sent under its newer name, `max_completion_tokens`, as the older one is refused."""
NO_LIMIT = "no_max_tokens"
"""The reply limit is not sent, as neither name is accepted."""
NO_SYSTEM = "no_system"
"""The system prompt is sent in the first user turn."""
ALL = frozenset({NO_SEED, NO_TEMPERATURE, OLD_LIMIT, NEW_LIMIT, NO_LIMIT, NO_SYSTEM})

Quirks = frozenset[str]

_SIMPLE = {"seed": NO_SEED, "temperature": NO_TEMPERATURE, "system": NO_SYSTEM}
"""Refused part -> the quirk that leaves it out."""


def read_quirks(words: Collection[str]) -> Quirks:
    """The quirks among stored words; ignores words of other versions."""
    return ALL & frozenset(words)


def learn_quirks(sent: Quirks, refused: Collection[str], other_name: bool) -> Quirks:
    """Choose how to write a request for an endpoint that has refused parts of it.

    Args:
        sent: the quirks of the refused request.
        refused: `seed`, `temperature`, `max_tokens`, `max_completion_tokens` or `system`.
        other_name: whether the refusal names the other spelling of the limit as correct.

    Returns:
        The quirks of the next try; equal to `sent` if nothing can be changed.
    """
    quirks = set(sent) | {_SIMPLE[name] for name in refused if name in _SIMPLE}
    if "max_completion_tokens" in refused and not sent & {OLD_LIMIT, NO_LIMIT}:
        quirks.discard(NEW_LIMIT)
        quirks.add(NO_LIMIT if NEW_LIMIT in sent else OLD_LIMIT)
    if "max_tokens" in refused and not sent & {OLD_LIMIT, NEW_LIMIT, NO_LIMIT}:
        quirks.add(NEW_LIMIT)
    if "max_tokens" in refused and OLD_LIMIT in sent:
        quirks.discard(OLD_LIMIT)
        if not other_name:
            quirks.add(NO_LIMIT)
    return frozenset(quirks)


def write_sampling(role: RoleSettings, seed: int, quirks: Quirks) -> dict[str, Any]:
    """Write the sampling of a request, as fields of its body, in the way that the endpoint accepts."""
    limit_name = "max_tokens" if OLD_LIMIT in quirks or _begins_with_old(role, quirks) else "max_completion_tokens"
    sampling = {
        "seed": None if NO_SEED in quirks else seed,
        "temperature": None if NO_TEMPERATURE in quirks else role.temperature,
        limit_name: None if NO_LIMIT in quirks else role.max_tokens,
    }
    return {name: value for name, value in sampling.items() if value is not None}


def _begins_with_old(role: RoleSettings, quirks: Quirks) -> bool:
    """Whether the older name comes first: Ollama and llama-cpp-python ignore the newer one without a word."""
    return NEW_LIMIT not in quirks and not (role.base_url or OPENAI_URL).startswith(OPENAI_URL)


def adapt_turns(turns: Sequence[tuple[str, str]], quirks: Quirks) -> list[tuple[str, str]]:
    """Move the system prompt into the first user turn if the endpoint accepts no system turn."""
    if NO_SYSTEM not in quirks:
        return list(turns)
    head = [text for role, text in turns if role == "system"]
    rest = [(role, text) for role, text in turns if role != "system"]
    if head and rest and rest[0][0] == "user":
        rest[0] = ("user", "\n\n".join([*head, rest[0][1]]))
    return rest
