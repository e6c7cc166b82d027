"""What an endpoint refuses of a request although others take it, and how the request is written for it instead.

Quirks are remembered beside the response format. They change what is sent and never the key of a call, so that a
stored reply is found whatever was learned since.
"""

from collections.abc import Collection, Sequence
from typing import Any

from evokd.agents.llm.teacher_settings import RoleSettings

NO_SEED = "no_seed"
NO_TEMPERATURE = "no_temperature"
OLD_LIMIT = "max_tokens"
"""The limit of the reply goes under its older name, `max_tokens`."""
NO_LIMIT = "no_max_tokens"
"""Neither name of the limit is taken."""
NO_SYSTEM = "no_system"
"""The system prompt goes into the first user turn."""
ALL = frozenset({NO_SEED, NO_TEMPERATURE, OLD_LIMIT, NO_LIMIT, NO_SYSTEM})

Quirks = frozenset[str]

_SIMPLE = {"seed": NO_SEED, "temperature": NO_TEMPERATURE, "system": NO_SYSTEM}
"""What is refused -> the quirk that leaves it out."""


def read_quirks(words: Collection[str]) -> Quirks:
    """The quirks among remembered words; others are of another version and do not count."""
    return ALL & frozenset(words)


def learn_quirks(sent: Quirks, refused: Collection[str], other_name: bool) -> Quirks:
    """Say how to write a request for an endpoint that has refused parts of it.

    Args:
        sent: the quirks that the refused request was written for.
        refused: `seed`, `temperature`, `max_tokens`, `max_completion_tokens` or `system`.
        other_name: whether the refusal names the other spelling of the limit as the right one.

    Returns:
        The quirks of the next try; those of `sent` where nothing can be written otherwise.
    """
    found = set(sent) | {_SIMPLE[name] for name in refused if name in _SIMPLE}
    if "max_completion_tokens" in refused and not sent & {OLD_LIMIT, NO_LIMIT}:
        found.add(OLD_LIMIT)
    if "max_tokens" in refused and OLD_LIMIT in sent:
        found.discard(OLD_LIMIT)
        if not other_name:
            found.add(NO_LIMIT)
    return frozenset(found)


def write_sampling(role: RoleSettings, seed: int, quirks: Quirks) -> dict[str, Any]:
    """Write the sampling of a request, as fields of its body, in the way that the endpoint accepts."""
    limit_name = "max_tokens" if OLD_LIMIT in quirks else "max_completion_tokens"
    sampling = {
        "seed": None if NO_SEED in quirks else seed,
        "temperature": None if NO_TEMPERATURE in quirks else role.temperature,
        limit_name: None if NO_LIMIT in quirks else role.max_tokens,
    }
    return {name: value for name, value in sampling.items() if value is not None}


def adapt_turns(turns: Sequence[tuple[str, str]], quirks: Quirks) -> list[tuple[str, str]]:
    """Put the system prompt into the first user turn where the endpoint takes no system turn."""
    if NO_SYSTEM not in quirks:
        return list(turns)
    head = [text for role, text in turns if role == "system"]
    rest = [(role, text) for role, text in turns if role != "system"]
    if head and rest and rest[0][0] == "user":
        rest[0] = ("user", "\n\n".join([*head, rest[0][1]]))
    return rest
