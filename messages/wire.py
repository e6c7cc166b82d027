"""How messages look on the wire: the fence around them, the schema of a reply, and its form in a few words."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from evokd.messages.base import NO_ENTITY, VOCABULARY_KEY
from evokd.messages.domain import DomainEvidence, DomainSample, LabelEvidence
from evokd.messages.feedback import FeedbackPacket
from evokd.messages.lessons import DraftBatch, LessonPlan

Sendable = FeedbackPacket | LessonPlan | DraftBatch | DomainSample | LabelEvidence | DomainEvidence
"""The messages that are sent to a language model."""
_UNKNOWN_TO_SERVERS = ("title", "default", "minLength", "maxLength", "minimum", "maximum", "minItems")
"""Keys of a schema that say nothing, or that strict servers refuse; what is asked for is checked here anyway."""
_FOR_PEOPLE = {"cases": {"__all__": {"marked", "answered"}}}
"""What says twice what the other fields of a packet say."""


def fence(message: Sendable) -> str:
    """Write a message as the block that ends every user turn; no text inside can close it.

    Returns:
        `<message kind="...">{JSON}</message>` with every `<` of the JSON written as a unicode escape.
    """
    hidden: Any = _FOR_PEOPLE if isinstance(message, FeedbackPacket) else {}
    body = message.model_dump(mode="json", exclude={"kind": True, **hidden})
    text = json.dumps(body, ensure_ascii=False).replace("<", "\\u003c")
    return f'<message kind="{message.kind}">{text}</message>'


def reply_schema(
    model: type[BaseModel], vocabularies: Mapping[str, Sequence[str]], without: Collection[str] = ()
) -> dict[str, Any]:
    """Make the JSON Schema of a reply class, closed word lists put in as enums; every key is required.

    Args:
        model: a reply class.
        vocabularies: allowed values by vocabulary name (`labels`, `cases`); a missing name leaves a free string.
        without: keys of any object that are left out, since this request has no use for them.
    """
    schema = model.model_json_schema()
    if vocabularies.get("labels"):
        vocabularies = {**vocabularies, "entity_labels": [*vocabularies["labels"], NO_ENTITY]}
    _close(schema, vocabularies, without)
    return schema


def _close(node: Any, vocabularies: Mapping[str, Sequence[str]], without: Collection[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _close(item, vocabularies, without)
        return
    if not isinstance(node, dict):
        return
    name = node.pop(VOCABULARY_KEY, None)
    for key in _UNKNOWN_TO_SERVERS:
        if not isinstance(node.get(key), dict):
            node.pop(key, None)
    if isinstance(properties := node.get("properties"), dict):
        for key in without:
            properties.pop(key, None)
        node["required"] = list(properties)  # strict servers refuse a schema with keys that may be missing
    for value in node.values():
        _close(value, vocabularies, without)
    if vocabularies.get(name):  # servers refuse an empty enum
        target = node.get("items") if node.get("type") == "array" else node
        if isinstance(target, dict) and target.get("type") == "string":
            target["enum"] = list(vocabularies[name])


def describe_reply(model: type[BaseModel], without: Collection[str] = ()) -> str:
    """Write the form of a reply as a prompt shows it: its keys in JSON, and in angle brackets what belongs there.

    A JSON Schema says the same in eight times the tokens, which every call would pay for.
    """
    schema = reply_schema(model, {}, without)
    return _describe(schema, schema.get("$defs", {}), "")


def _describe(node: Mapping[str, Any], parts: Mapping[str, Any], fallback: str) -> str:
    node = parts[node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    if "properties" in node:
        inner = (
            f'"{key}": {_describe(value, parts, value.get("description", key))}'
            for key, value in node["properties"].items()
        )
        return f"{{{', '.join(inner)}}}"
    if node.get("type") == "array":
        items = node["items"]
        return f"[{_describe(items, parts, fallback)}]" if "$ref" in items else f"[<{fallback}>]"
    if "enum" in node:
        return " | ".join(json.dumps(value) for value in node["enum"])
    return f"<{fallback}>"
