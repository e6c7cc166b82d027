"""Values of a reply that are off by case, blanks, type or scale: put right where they can be read in one way alone."""

import json
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Any

CONFIDENCE = "confidence"
"""Key of a number from 0 to 1 that models also give in percent."""
_LEAST_PERCENT = 10
"""Where no confidence of a reply is above this, a scale to 5 or to 10 may be meant: that stays a fault."""
_BLANKS = re.compile(r"[\s_\-]+")
_LISTED = re.compile(r"\s*[,;|/]\s*")
_NUMBER = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*(%?)\s*")

RESPELLED = "respelled"
RETYPED = "retyped"
PERCENT = "percent"


def fold_word(word: str) -> str:
    """A word without what models change about it: case, blanks and their like, Unicode form."""
    return _BLANKS.sub("_", unicodedata.normalize("NFKC", word).strip(" \t\r\n\"'`*.").casefold())


class Normaliser:
    """Puts the values of one kind of reply right.

    Args:
        schema: JSON Schema of the reply, closed words as enums.
        names: key -> the words that may stand there, where the schema does not say.
    """

    def __init__(self, schema: Mapping[str, Any], names: Mapping[str, Collection[str]]) -> None:
        self._schema = schema
        self._parts: Mapping[str, Any] = schema.get("$defs", {})
        self._words = {name: _fold_all(words) for name, words in names.items()}
        self._names = {name: frozenset(words) for name, words in names.items()}
        self._enums: dict[int, dict[str, str | None]] = {}
        self._flags: list[str] = []

    def __call__(self, value: dict[str, Any], flags: list[str]) -> dict[str, Any]:
        """Return the reply with its values put right; what was done is added to the flags."""
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
            return [self._walk(item, items, key) for item in listed] if isinstance(listed, list) else value
        if node.get("type") == "string":
            return self._as_word(value, node, key)
        if node.get("type") == "number" and isinstance(value, str):
            return self._as_number(value)
        return value

    def _as_list(self, value: Any, items: Mapping[str, Any]) -> Any:
        """A list in place of its one item; of words also where they stand in one text, each of them known."""
        if isinstance(value, str) and "enum" in items:
            text = value.strip()
            found = _load_list(text) if text.startswith("[") else None
            words = found if found is not None else [text]
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

    def _as_word(self, value: Any, node: Mapping[str, Any], key: str) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            self._flags.append(RETYPED)
            value = str(value)
        if not isinstance(value, str):
            return value
        if "enum" in node:
            found = None if value in node["enum"] else self._find(value, node["enum"])
        elif key in self._words:
            found = None if value in self._names[key] else self._find_name(value, key)
        else:
            return value
        if found is None:
            return value
        self._flags.append(RESPELLED)
        return found

    def _as_number(self, value: str) -> Any:
        found = _NUMBER.fullmatch(value[:40])
        if found is None:
            return value
        self._flags.append(RETYPED)
        return float(found[1]) / (100 if found[2] else 1)

    def _find(self, word: str, words: Sequence[str]) -> str | None:
        if id(words) not in self._enums:
            self._enums[id(words)] = _fold_all(words)
        return self._enums[id(words)].get(fold_word(word[:400]))

    def _find_name(self, word: str, key: str) -> str | None:
        """A name in another spelling, or its number alone (1 or "1" for t1)."""
        folded = fold_word(word[:400])
        found = self._words[key].get(folded)
        if found is None and folded.isascii() and folded.isdigit():
            same = [name for name in self._names[key] if re.sub(r"\D", "", name) == str(int(folded))]
            found = same[0] if len(same) == 1 else None
        return found


def _fold_all(words: Collection[str]) -> dict[str, str | None]:
    """Folded word -> the word; None where two words fold to the same."""
    found: dict[str, str | None] = {}
    for word in words:
        folded = fold_word(word)
        found[folded] = None if folded in found else word
    return found


def _load_list(text: str) -> list[Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, list) and found else None


def _scale_confidences(reply: Any) -> bool:
    """Read the confidences of a reply as percent, in place, where they can be nothing else; says whether it did."""
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
