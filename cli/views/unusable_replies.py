"""Replies of the teacher that could not be used: each kind is told with what mends it, then counted cycle by cycle."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from evokd.cli.markup import literal

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_FIRST_WORDS = 5
"""Words of a fault by which its kind is known; names and numbers are passed over."""
_FORM = ("json object", "the schema asks for", "field required", "input should be", "breaks off", "no text to read")
"""What occurs in faults of the form of a reply, in small letters; the others are faults of its content. The words are
those of `agents.llm.parse`, several each, since a fault may also list labels, whatever they are called."""
_CUT_OFF = "raise teacher.max_tokens and the server's own limit, or lower curriculum.quotas.lesson"
_THOUGHTS = "turn the model's thinking off, or raise teacher.max_tokens and the server's own limit"
_MENDS = {
    True: "the model does not keep to the form of a reply; a more capable one does, or a server that keeps it to a"
    " JSON schema (evokd check --dry-call shows what it answers)",
    False: "a more capable model makes fewer such mistakes",
}
"""Whether the form is at fault -> what mends it."""


class UnusableReplies:
    """Keeps count of unusable replies by their kind: role, fate and what was wrong."""

    def __init__(self) -> None:
        self._known: Counter[tuple[str, str, str]] = Counter()
        self._untold: Counter[str] = Counter()
        """Fate -> replies of this cycle that were only counted."""

    def tell(self, event: Mapping[str, Any], fate: str) -> str | None:
        """Say what is wrong with a reply, and at the second of a kind what mends it; None where it is only counted.

        Args:
            event: the call.
            fate: what follows it.

        Returns:
            A line as markup, without cycle and role.
        """
        fault = event["faults"][0]
        kind = (event["role"], fate, name_kind(fault))
        self._known[kind] += 1
        if self._known[kind] == 1:
            return f"{fate}: {literal(fault, 160)}"
        if self._known[kind] == 2:
            again = "; each is asked for up to teacher.max_reprompts times more, which costs tokens"
            cost = again if event.get("again") else ""
            mend = _find_mend(event, fault)
            return f"{fate}, the same fault as before; {mend}{cost}. From now on such replies are counted"
        self._untold[fate] += 1
        return None

    def close_cycle(self) -> list[str]:
        """Say how many replies were only counted since the last time."""
        lines = []
        for fate, number in self._untold.items():
            replies = "1 more reply" if number == 1 else f"{number:,} more replies"
            lines.append(f"{replies} with faults told before: {fate}")
        self._untold.clear()
        return lines


def _find_mend(event: Mapping[str, Any], fault: str) -> str:
    """What mends a fault that has come twice; no other model mends a limit of tokens."""
    flags = event.get("flags", ())
    if "thoughts" in flags:
        return _THOUGHTS
    return _CUT_OFF if "cut_off" in flags else _MENDS[_is_of_form(fault)]


def _is_of_form(fault: str) -> bool:
    """Whether the form of a reply is at fault, not its content; what the fault quotes does not count."""
    said = _QUOTED.sub("", fault).lower()
    return any(words in said for words in _FORM)


def name_kind(fault: str) -> str:
    """Name the kind of a fault by its first words, without what it quotes and without ids and numbers."""
    words = [word.strip(",.;:") for word in _QUOTED.sub("", fault).split()]
    return " ".join([word for word in words if word.isalpha()][:_FIRST_WORDS])
