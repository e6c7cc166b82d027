"""Keywords of texts, and phrases of the Analyst's sentences."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from evokd.simulator.requests import PacketIn
from evokd.simulator.words import list_words

_MOST_WORDS = 6
_LONG = 7
"""Letters from which a word counts fully."""


def find_keywords(texts: Sequence[str], contrast: Sequence[str], everything: Sequence[str]) -> list[str]:
    """Find the words that are over-represented in texts against others: smoothed log-odds over their standard error.

    There is no list of stop words, which would be of one language. Instead, a word counts less the more texts of the
    packet hold it, and not at all if more than a quarter of many texts do; and short words, which are mostly grammar,
    count less than long ones.

    Source: Monroe et al. 2008, "Fightin' Words", section 3.5.1; counted in texts, with 0.5 as the prior.
    """
    inside, outside, overall = (_count_texts(group) for group in (texts, contrast, everything))
    least = 2 if len(texts) > 2 else 1
    most = max(0.25 * len(everything), 4.0)

    def score(word: str) -> float:
        a, b = inside[word] + 0.5, outside[word] + 0.5
        odds = math.log(a / (len(texts) - inside[word] + 0.5)) - math.log(b / (len(contrast) - outside[word] + 0.5))
        rarity = math.log((len(everything) + 1) / overall[word])
        return odds / math.sqrt(1 / a + 1 / b) * rarity * min(len(word), _LONG) / _LONG

    scored = [
        (score(word), word)
        for word, count in inside.items()
        if count >= least and overall[word] <= most and len(word) > 1 and not word.isnumeric()
    ]
    scored.sort(key=lambda pair: (-round(pair[0], 6), -len(pair[1]), pair[1]))
    return [word for value, word in scored if value > max(0.0, 0.4 * scored[0][0])][:_MOST_WORDS]


def all_texts(packet: PacketIn) -> list[str]:
    """The texts of the packet's cases."""
    return [case.text for case in packet.cases]


def _count_texts(texts: Iterable[str]) -> Counter[str]:
    """Count how many of the texts hold each word."""
    return Counter(word for text in texts for word in dict.fromkeys(list_words(text)))


def describe(label: str, packet: PacketIn) -> str:
    """Name a label with its meaning."""
    meaning = " ".join(packet.labels[label].split()).rstrip(".")
    return f"{label} ({meaning})" if meaning else label


def mention(words: Sequence[str]) -> str:
    """Say, as the end of a sentence, which words texts often hold; nothing without words."""
    return f"; they often hold words such as {quote(words)}" if words else ""


def quote(words: Sequence[str]) -> str:
    """List words in quotation marks."""
    return join_words(f'"{word}"' for word in words)


def join_words(parts: Iterable[str]) -> str:
    """List parts as a sentence does: a, b and c."""
    *head, last = [*parts] or [""]
    return f"{', '.join(head)} and {last}" if head else last


def remember(name: str, packet: PacketIn) -> str:
    """Say what earlier lessons on the same weakness did."""
    states = {weakness.name: weakness.state for weakness in packet.weaknesses}
    if states.get(name) in ("regressed", "rolled_back"):
        return " Earlier lessons on this did harm: write other kinds of texts than then."
    if states.get(name) == "open":
        return " Earlier lessons on this have not helped yet: write more varied texts."
    return ""
