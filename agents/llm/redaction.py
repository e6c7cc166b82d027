"""Keys in what a server says: struck out however they are written, so that none reaches a file or a terminal."""

import base64
import html
import re
from collections.abc import Callable
from urllib.parse import quote

HIDDEN = "[key]"
MIN_KEY = 8
"""Characters of the shortest key that is struck out; shorter ones occur in any text."""


def make_redactor(key: str) -> Callable[[str], str]:
    """Make a function that strikes a key out of a text.

    Found are the key itself and the key with any of its characters escaped as in JSON, in URLs or in HTML; and its
    base64, alone or as part of something longer such as `user:key`, and its hexadecimal form.
    """
    if len(key) < MIN_KEY:
        return lambda text: text
    escaped = "".join(_spellings(char) for char in key)
    pattern = re.compile("|".join([re.escape(key), escaped, *map(re.escape, _encoded(key))]))
    return lambda text: pattern.sub(HIDDEN, text)


def make_cleaner(key: str) -> Callable[[str], str]:
    """Make a function that makes a server's text fit to be stored: without the key and without lone surrogates."""
    redact = make_redactor(key)
    return lambda text: redact(text).encode("utf-8", "replace").decode()


def _spellings(char: str) -> str:
    """All ways to write a character, as a pattern that does not come back to it: else it might take for ever."""
    code = ord(char)
    percent = "".join(f"%(?:25){{0,3}}{byte:02x}" for byte in char.encode("utf-8", "replace"))
    ways = [rf"\\{{1,8}}u(?i:{code:04x})", rf"&#0{{0,8}}{code};", rf"&#[xX]0{{0,8}}(?i:{code:x});", f"(?i:{percent})"]
    if char in '"\\/':
        ways.append(rf"\\{{1,3}}{re.escape(char)}")
    ways += [re.escape(html.escape(char)), re.escape(char)]
    return f"(?>{'|'.join(dict.fromkeys(ways))})"


def _encoded(key: str) -> list[str]:
    """Base64 of the key behind zero, one and two other bytes, without the characters that depend on its neighbours."""
    raw = key.encode("utf-8", "replace")
    found = []
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        inner = whole[(0, 2, 3)[before] :]
        inner = inner if (len(raw) + before) % 3 == 0 else inner[:-1]
        found += [inner, inner.replace("+", "-").replace("/", "_"), quote(inner, safe="")]
    return list(dict.fromkeys([*found, raw.hex(), raw.hex().upper()]))
