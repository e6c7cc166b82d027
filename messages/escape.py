"""Make texts of users and models safe to show: on one line, in a Markdown page, in a line of JSON."""

import json
import re
from typing import Any

_JOINERS = "\u200c\u200d"
"""Invisible, but part of how words (Persian, Hindi) and emoji are written."""
_MARKDOWN = re.compile(r"[\\`*_{}\[\]()<>#+!|~&]|(?<=http):|(?<=https):|(?<=www)\.")


def clean(text: str, limit: int | None = None) -> str:
    """Make a text safe and short for one line: no control characters, single spaces, cut with an ellipsis.

    Args:
        text: any text.
        limit: characters of the result at most; None: any number.
    """
    visible = (char if char.isprintable() or char.isspace() or char in _JOINERS else "\ufffd" for char in text)
    folded = " ".join("".join(visible).split())
    if limit is not None and len(folded) > limit:
        return folded[: limit - 1] + "\u2026"
    return folded


def clean_lines(text: str) -> str:
    """Make a text of many lines safe for a terminal, its lines and blanks left as they are; tabs become blanks."""
    lines = text.replace("\r\n", "\n").expandtabs(4).split("\n")
    return "\n".join("".join(char if _is_visible(char) else "\ufffd" for char in line) for line in lines)


def _is_visible(char: str) -> bool:
    return char.isprintable() or char in _JOINERS


def inert(text: str) -> str:
    """Escape a text for a Markdown page: one line, no link, image, tag, heading or table."""
    return _MARKDOWN.sub(r"\\\g<0>", clean(text))


def json_line(row: Any) -> str:
    """Write a value as one line of JSON for a terminal; control characters are escaped."""
    line = json.dumps(row, ensure_ascii=False)
    return line if line.isprintable() else "".join(map(_escape, line))


def _escape(char: str) -> str:
    return char if char.isprintable() or char in _JOINERS else json.dumps(char)[1:-1]
