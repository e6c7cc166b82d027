"""Removes keys from what a server says, so that none reaches a file or a terminal."""

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

HIDDEN = "[key]"
MIN_KEY = 8
"""Characters of the shortest key that is removed; shorter ones occur in any text."""


def make_redactor(key: str) -> Callable[[str], str]:
    """Make a function that replaces a key in a text.

    It finds the key as it is, as written in JSON, URLs, HTML and base64 (also within something longer, such as
    `user:key`), and each of these within a JSON string.
    """
    if len(key) < MIN_KEY:
        return lambda text: text
    spellings = set(_spellings(key))
    spellings |= {_in_json(spelling) for spelling in spellings}
    longest_first = sorted(spellings, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
    return lambda text: pattern.sub(HIDDEN, text)


def _spellings(key: str) -> Iterator[str]:
    yield from (key, html.escape(key), quote(key), quote(key, safe=""))
    yield from (_in_json(key), _in_json(key).replace("/", "\\/"), json.dumps(key, ensure_ascii=False)[1:-1])
    yield "".join(f"\\u{ord(char):04x}" for char in key)
    # base64 after zero, one and two other bytes, without the characters that depend on the bytes around the key
    raw = key.encode("utf-8", "replace")
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
        end = None if (before + len(raw)) % 3 == 0 else -1
        encoded = encoded[(0, 2, 3)[before] : end]
        yield from (encoded, encoded.replace("+", "-").replace("/", "_"))


def _in_json(text: str) -> str:
    return json.dumps(text)[1:-1]
