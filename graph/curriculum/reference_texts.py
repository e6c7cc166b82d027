"""What requests are grounded in: real lines, labelled real examples, and texts that were already written."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from evokd.messages import Example

OPENING_WORDS = 6
PHRASE_WORDS = 4
OVERUSED = 3
"""A phrase that occurs in this many texts is overused."""
_CHARACTERS = 4
"""Approximate characters per token."""


@dataclass(frozen=True)
class Grounding:
    """What is known of the domain's real texts."""

    lines: Sequence[str] = ()
    """Real texts that may be shown, unlabelled: of the pool, or the seeds if there are many."""
    axes: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)
    """Axis -> values with their shares: how real texts differ, regardless of label."""
    guide: Mapping[str, str] = field(default_factory=dict)
    """Label -> what it includes and excludes."""


def count_tokens(lines: Iterable[str]) -> int:
    """Tokens of some texts, a quarter of their characters."""
    return sum(map(len, lines)) // _CHARACTERS


def fit_tokens(lines: Sequence[str], tokens: int) -> list[str]:
    """Take lines in order while they fit; a line that is longer than the remaining room is skipped.

    Args:
        lines: the texts.
        tokens: how many they may take in all, a quarter of the characters.
    """
    room, fitting = tokens * _CHARACTERS, []
    for line in lines:
        if len(line) <= room:
            room -= len(line)
            fitting.append(line)
    return fitting


def pick_by_label(
    rows: Sequence[tuple[Example, Sequence[str | None]]],
    labels: Sequence[str],
    count: int,
    tokens: int,
    rng: random.Random,
) -> list[Example]:
    """Pick labelled examples, one label after the other, each text once.

    Args:
        rows: examples with the labels that occur in them.
        labels: those that are wanted.
        count: examples at most.
        tokens: how many their texts may take in all.
        rng: chooses among those of a label.
    """
    queues = []
    for label in labels:
        queue = [row for row, row_labels in rows if label in row_labels]
        rng.shuffle(queue)
        queues.append(queue)
    longest = max(map(len, queues), default=0)
    ranked = [queue[rank] for rank in range(longest) for queue in queues if rank < len(queue)]
    unique = {row.text: row for row in ranked}
    fitting = set(fit_tokens(list(unique)[:count], tokens))
    return [row for text, row in unique.items() if text in fitting][:count]


def choose_openings(groups: Sequence[Sequence[str]], count: int) -> list[str]:
    """Return the first words of the newest texts, each label in turn, each opening once.

    Args:
        groups: texts of each label, oldest first.
        count: openings at most.
    """
    newest = zip_longest(*(reversed(group) for group in groups))
    texts = (text for rank in newest for text in rank if text is not None)
    return list(dict.fromkeys(" ".join(text.split()[:OPENING_WORDS]) for text in texts))[:count]


def find_overused_names(names: Iterable[str], count: int) -> list[str]:
    """Find the names that occur most often, at least `OVERUSED` times, the most frequent first.

    Args:
        names: those of each text, each once per text.
        count: how many to find at most.
    """
    return [name for name, times in Counter(names).most_common(count) if times >= OVERUSED]


def find_overused(texts: Sequence[str], count: int) -> list[str]:
    """Find the phrases that the most texts hold, at least `OVERUSED` of them; only one of those that overlap.

    Args:
        texts: accepted texts.
        count: phrases at most.
    """
    holders: dict[tuple[str, ...], set[int]] = {}
    for number, text in enumerate(texts if count else ()):
        words = text.lower().split()
        for start in range(len(words) - PHRASE_WORDS + 1):
            holders.setdefault(tuple(words[start : start + PHRASE_WORDS]), set()).add(number)
    many = [phrase for phrase, places in holders.items() if len(places) >= OVERUSED]
    chosen: list[tuple[str, ...]] = []
    for phrase in sorted(many, key=lambda phrase: (-len(holders[phrase]), phrase)):
        if len(chosen) == count:
            break
        if not any(phrase[1:] == other[:-1] or phrase[:-1] == other[1:] for other in chosen):
            chosen.append(phrase)
    return [" ".join(phrase) for phrase in chosen]
