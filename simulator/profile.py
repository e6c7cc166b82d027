"""The Analyst of the rehearsal teacher on real lines: it counts what can be counted, length and last mark."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from evokd.simulator.requests import SampleIn, read_message

_LENGTHS = ((8, "up to 8 words"), (16, "9 to 16 words"), (30, "17 to 30 words"))
_MARKS = {".": "ends with a full stop", "?": "ends with a question mark", "!": "ends with an exclamation mark"}


def answer_profile(message: dict[str, Any]) -> dict[str, Any]:
    """Give the shares of lengths and of last marks, as a `ProfileReply`."""
    texts = read_message(SampleIn, message).texts
    return {"axes": [_count("length", texts, _length), _count("last mark", texts, _mark)] if texts else []}


def _count(name: str, texts: list[str], tell: Callable[[str], str]) -> dict[str, Any]:
    counts = Counter(map(tell, texts))
    values = [{"value": value, "share": round(count / len(texts), 2)} for value, count in counts.most_common()]
    return {"name": name, "values": values}


def _length(text: str) -> str:
    words = len(text.split())
    return next((description for most, description in _LENGTHS if words <= most), "over 30 words")


def _mark(text: str) -> str:
    return _MARKS.get(text.strip()[-1:], "ends with another mark or none")
