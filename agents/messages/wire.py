"""How messages look on the wire: the fence around them, and the schema of a reply."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from agents.messages.base import NO_ENTITY, VOCABULARY_KEY
from agents.messages.exchange import DraftBatch, FeedbackPacket, LessonPlan


def fence(message: FeedbackPacket | LessonPlan | DraftBatch) -> str:
    """Write a message as the block that ends every user turn; no text inside can close it.

    Returns:
        `<message kind="...">{JSON}</message>` with every `<` of the JSON written as a unicode escape.
    """
    body = message.model_dump(mode="json", exclude={"kind"})
    text = json.dumps(body, ensure_ascii=False).replace("<", "\\u003c")
    return f'<message kind="{message.kind}">{text}</message>'


def reply_schema(model: type[BaseModel], vocabularies: dict[str, Sequence[str]]) -> dict[str, Any]:
    """Make the JSON Schema of a reply class, closed word lists put in as enums.

    Args:
        model: a reply class.
        vocabularies: allowed values by vocabulary name (`labels`, `cases`); a missing name leaves a free string.
    """
    schema = model.model_json_schema()
    if vocabularies.get("labels"):
        vocabularies = {**vocabularies, "entity_labels": [*vocabularies["labels"], NO_ENTITY]}
    _close(schema, vocabularies)
    return schema


def _close(node: Any, vocabularies: dict[str, Sequence[str]]) -> None:
    if isinstance(node, list):
        for item in node:
            _close(item, vocabularies)
        return
    if not isinstance(node, dict):
        return
    name = node.pop(VOCABULARY_KEY, None)
    node.pop("title", None)
    for value in node.values():
        _close(value, vocabularies)
    if vocabularies.get(name):  # servers refuse an empty enum
        target = node.get("items") if node.get("type") == "array" else node
        if isinstance(target, dict) and target.get("type") == "string":
            target["enum"] = list(vocabularies[name])
