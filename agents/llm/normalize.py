"""Corrects values of a reply with wrong case, blanks, type or scale if they can be read in only one way."""

import json
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from evokd.messages import NO_LABEL

CONFIDENCE = "confidence"
"""Key of a number from 0 to 1 that some models give in percent."""
_LEAST_PERCENT = 10
"""If no confidence of a reply is above this, the scale may end at 5 or 10: that stays a fault."""
_BLANKS = re.compile(r"[\s_\-]+")
_NONE = (NO_LABEL, "none")
"""What models write into a list of labels where none applies; quotas call it the first."""
_LISTED = re.compile(r"\s*[,;|/]\s*")
_NUMBER = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*(%?)\s*")

RESPELLED = "respelled"
RETYPED = "retyped"
PERCENT = "percent"


def fold_word(word: str) -> str:
    """A word without what models change: case, blanks and similar characters, Unicode form."""
    return _BLANKS.sub("_", unicodedata.normalize("NFKC", word).strip(" \t\r\n\"'`*.").casefold())


class Normaliser:
    """Corrects the values of one kind of reply.

    Args:
        schema: JSON Schema of the reply, closed words as enums.
        names: key -> allowed words, if the schema does not list them.
    """

    def __init__(self, schema: Mapping[str, Any], names: Mapping[str, Collection[str]]) -> None:
        self._schema = schema
        self._parts: Mapping[str, Any] = schema.get("$defs", {})
        self._words = {name: _fold_all(words) for name, words in names.items()}
        self._names = {name: frozenset(words) for name, words in names.items()}
        self._enums: dict[int, dict[str, str | None]] = {}
        self._flags: list[str] = []

    def __call__(self, value: dict[str, Any], flags: list[str]) -> dict[str, Any]:
        """Return the reply with corrected values; add what was done to the flags."""
        self._flags = []
        made = self._walk(value, self._schema, "")
        if _scale_confidences(made):
            self._flags.append(PERCENT)
        flags += dict.fromkeys(self._flags)
        return dict(made)

    def _walk(self, value: Any, node: Mapping[str, Any], key: str) -> Any:
        if "$ref" in node:
            node = self._parts.get(node["$ref"].rpartition("/")[2], {})
        if isinstance(value, dict) and "properties" in node:
            known = node["properties"]
            return {
                name: self._walk(item, known[name], name) if name in known else item for name, item in value.items()
            }
        if node.get("type") == "array":
            items = node.get("items", {})
            listed = value if isinstance(value, list) else self._as_list(value, items)
            listed = self._drop_none(listed, items)
            return [self._walk(item, items, key) for item in listed] if isinstance(listed, list) else value
        if node.get("type") == "string":
            return self._as_word(value, node, key)
        if node.get("type") == "number" and isinstance(value, str):
            return self._as_number(value)
        return value

    def _as_list(self, value: Any, items: Mapping[str, Any]) -> Any:
        """Make a list of its single item, or of known words in one text."""
        if isinstance(value, str) and "enum" in items:
            text = value.strip()
            listed = _load_list(text) if text.startswith("[") else None
            words = listed if listed is not None else [text]
            if len(words) == 1 and self._find(str(words[0]), items["enum"]) is None:
                parts = _LISTED.split(text)
                words = parts if all(self._find(part, items["enum"]) is not None for part in parts) else words
            self._flags.append(RETYPED)
            return words
        if isinstance(value, dict) and "$ref" in items:
            properties = self._parts.get(items["$ref"].rpartition("/")[2], {}).get("properties", {})
            if set(properties) & set(value):
                self._flags.append(RETYPED)
                return [value]
        return value

    def _drop_none(self, listed: Any, items: Mapping[str, Any]) -> Any:
        """Make a list that holds nothing but a word for none an empty one, where no known word is written like that."""
        if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], str) or "enum" not in items:
            return listed
        word = fold_word(listed[0][:400])
        if word not in _NONE or word in self._fold_enum(items["enum"]):
            return listed
        self._flags.append(RETYPED)
        return []

    def _as_word(self, value: Any, node: Mapping[str, Any], key: str) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            self._flags.append(RETYPED)
            value = str(value)
        if not isinstance(value, str):
            return value
        if "enum" in node:
            known_word = None if value in node["enum"] else self._find(value, node["enum"])
        elif key in self._words:
            known_word = None if value in self._names[key] else self._find_name(value, key)
        else:
            return value
        if known_word is None:
            return value
        self._flags.append(RESPELLED)
        return known_word

    def _as_number(self, value: str) -> Any:
        match = _NUMBER.fullmatch(value[:40])
        if match is None:
            return value
        self._flags.append(RETYPED)
        return float(match[1]) / (100 if match[2] else 1)

    def _find(self, word: str, words: Sequence[str]) -> str | None:
        return self._fold_enum(words).get(fold_word(word[:400]))

    def _fold_enum(self, words: Sequence[str]) -> dict[str, str | None]:
        if id(words) not in self._enums:
            self._enums[id(words)] = _fold_all(words)
        return self._enums[id(words)]

    def _find_name(self, word: str, key: str) -> str | None:
        """Find a name in another spelling, or by its number alone (1 or "1" for t1)."""
        folded = fold_word(word[:400])
        name = self._words[key].get(folded)
        if name is None and folded.isascii() and folded.isdigit():
            same = [name for name in self._names[key] if re.sub(r"\D", "", name) == str(int(folded))]
            name = same[0] if len(same) == 1 else None
        return name


def _fold_all(words: Collection[str]) -> dict[str, str | None]:
    """Folded word -> word; None if two words have the same folded form."""
    by_folded: dict[str, str | None] = {}
    for word in words:
        folded = fold_word(word)
        by_folded[folded] = None if folded in by_folded else word
    return by_folded


def _load_list(text: str) -> list[Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, list) and value else None


def _scale_confidences(reply: Any) -> bool:
    """Convert the confidences of a reply from percent, in place, if they can be nothing else; return whether it did."""
    holders = [
        item
        for items in (reply.values() if isinstance(reply, dict) else ())
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, dict) and CONFIDENCE in item
    ]
    values = [item[CONFIDENCE] for item in holders]
    if not values or not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return False
    if not all(value == 0 or 1 < value <= 100 for value in values) or max(values) <= _LEAST_PERCENT:
        return False
    for item in holders:
        item[CONFIDENCE] = item[CONFIDENCE] / 100
    return True
