"""Entities marked in a text by hand: `[Robin](person) counted [robins](species)`."""

import re
from collections.abc import Sequence
from typing import Any

from evokd.messages.escape import clean
from evokd.messages.spans import Span, mark
from evokd.messages.suggest import suggest
from evokd.tracing.rows import Answer

_AROUND = 8
"""Characters around a change that are quoted."""
_QUOTED = 60
"""Characters of a quotation."""
_ANY_MARK = re.compile(r"\[[^\[\]]+\]\(([^()\s]{1,100})\)")


class MarkingError(ValueError):
    """A marked text that cannot be read; the message says why and how to mend it."""


def mark_answer(text: str, answer: Answer | None) -> str:
    """Write a text with the entities of an answer marked in it."""
    return mark(text, [Span(item["start"], item["end"], item["label"]) for item in list_entities(answer)])


def list_entities(answer: Answer | None) -> list[dict[str, Any]]:
    """The entities of an answer; labels of a whole text have none."""
    return [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []


def read_marked(text: str, marked: str, labels: Sequence[str]) -> list[dict[str, object]]:
    """Read the entities that are marked in a text.

    Args:
        text: the text as it is without marks.
        marked: the same text with `[words](label)` around the words of entities.
        labels: the labels that there are.

    Returns:
        Entities as {"start", "end", "label"}, in order.

    Raises:
        MarkingError: the words differ from those of the text, or a label is unknown.
    """
    names = "|".join(re.escape(label) for label in sorted(labels, key=len, reverse=True))
    pattern = re.compile(rf"\[((?:[^\[\]]|\[[^\[\]]*\])+)\]\(({names})\)")
    plain, entities, behind, length = [], list[dict[str, object]](), 0, 0
    for found in pattern.finditer(marked):
        before = marked[behind : found.start()]
        start = length + len(before)
        length = start + len(found[1])
        entities.append({"start": start, "end": length, "label": found[2]})
        plain += [before, found[1]]
        behind = found.end()
    plain.append(marked[behind:])
    if "".join(plain) != text:
        raise MarkingError(_explain(text, "".join(plain), labels))
    return entities


def _explain(text: str, plain: str, labels: Sequence[str]) -> str:
    unknown = next((found for found in _ANY_MARK.finditer(plain) if found[0] not in text), None)
    if unknown is not None:
        label = unknown[1]
        return f"unknown label {clean(label, 60)!r}{suggest(label, labels)}; known labels: {', '.join(labels)}"
    return (
        f"the words are not those of the text any more: {tell_change(text, plain)}; change marks such as [words](label)"
        " alone"
    )


def tell_change(before: str, after: str) -> str:
    """Quote what was changed in a text, with a few characters around it."""
    start = _count_alike(before, after)
    same = _count_alike(before[start:][::-1], after[start:][::-1])
    was, now = (text[max(0, start - _AROUND) : len(text) - same + _AROUND] for text in (before, after))
    return f"{clean(was, _QUOTED)!r} became {clean(now, _QUOTED)!r}"


def _count_alike(one: str, other: str) -> int:
    """Count the characters with which two texts begin alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (left, right) in pairs if left != right), min(len(one), len(other)))
