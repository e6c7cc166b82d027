"""Where entities lie in a text: words with their places, and the way between spans and surface texts.

A word is a run of letters, digits, marks and underscores; one character in scripts written without spaces and in
Hangul, where endings follow a name without one; any other visible character stands alone. Spans begin and end at the
edges of words.
"""

import bisect
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import regex

from evokd.messages.base import NO_ENTITY, Entity

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Myanmar}\p{Khmer}\p{Hangul}"
_TYPOGRAPHY = str.maketrans(
    "\u2019\u2018\u02bc\u00b4`\u201c\u201d\u201e\u2010\u2011\u2013\u2014\u2212", "'''''\"\"\"-----"
)
"""One character for another, so that places stay the same: a language model often mends these when it copies."""
WORD_PATTERN = rf"(?V1)[{_UNSPACED}]\p{{M}}*|[[\p{{L}}\p{{N}}\p{{M}}_]--[{_UNSPACED}]]+|[^\s\x1c-\x1f]\p{{M}}*"
"""What a word is, for the package `regex`; programs in model cards have it too."""
_WORD = regex.compile(WORD_PATTERN)


MAX_SURFACE = 300
"""Characters of the longest entity that is looked for in other typography."""
_Edges = tuple[frozenset[int], frozenset[int]]
"""Where words start and where they end."""


class Span(NamedTuple):
    """A labelled stretch of a text: characters `start` up to, not including, `end`."""

    start: int
    end: int
    label: str


class AlignmentError(ValueError):
    """An entity that cannot be found in the text; the message names it."""


def split_words(text: str) -> list[tuple[int, int]]:
    """Cut a text into words: (start, end) of each, in characters, in order."""
    return [match.span() for match in _WORD.finditer(text)]


def align(text: str, entities: Iterable[Entity]) -> list[Span]:
    """Find entities in a text, left to right; a repeated mention takes the next occurrence that is free.

    An entity is looked for behind the one before it, and only when it does not occur there, from the beginning. It is
    found at the edges of words alone, so that "Ash" is not found in "Ashley"; where it does not occur letter by letter,
    other shapes of apostrophes, quotes, dashes and white space are let through. A mention with the label `NO_ENTITY`
    uses its occurrence up and gives no span.

    Returns:
        Spans in order of their place.

    Raises:
        AlignmentError: an entity does not occur in the text, or only where another one is.
    """
    edges = _edges(text)
    known: dict[str, list[tuple[int, int]]] = {}
    taken: list[Span] = []  # in order of place
    behind = 0
    for entity in entities:
        surface = entity.text.strip()
        if surface not in known:
            known[surface] = _occurrences(text, surface, edges) or _alike(text, surface, edges)
            if not known[surface]:
                raise AlignmentError(f"entity {_shorten(entity.text)!r} does not occur in the text as whole words")
        place = _take_free(known[surface], behind, taken)
        if place is None:
            raise AlignmentError(f"entity {_shorten(entity.text)!r} occurs in the text only where another entity is")
        bisect.insort(taken, Span(*place, entity.label))
        behind = place[1]
    return [span for span in taken if span.label != NO_ENTITY]


def _take_free(places: list[tuple[int, int]], behind: int, taken: Sequence[Span]) -> tuple[int, int] | None:
    """Take the next place that is free out of a list; those found taken go as well, they never become free again."""
    at = bisect.bisect_left(places, (behind, 0))
    while places:
        at %= len(places)
        place = places.pop(at)
        if _is_free(place, taken):
            return place
    return None


def _shorten(surface: str) -> str:
    return surface if len(surface) <= MAX_SURFACE else f"{surface[:MAX_SURFACE]}..."


@lru_cache(maxsize=256)
def _edges(text: str) -> _Edges:
    words = split_words(text)
    return frozenset(start for start, _ in words), frozenset(end for _, end in words)


def _occurrences(text: str, surface: str, edges: _Edges) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    if len(surface) > MAX_SURFACE:  # find() takes long to prepare a long search, for every place anew
        places = ((start, start + len(surface)) for start in sorted(edges[0]) if text.startswith(surface, start))
        return [place for place in places if place[1] in edges[1]]
    at = text.find(surface) if surface else -1
    while at >= 0:
        if at in edges[0] and at + len(surface) in edges[1]:
            found.append((at, at + len(surface)))
        at = text.find(surface, at + 1)
    return found


def _alike(text: str, surface: str, edges: _Edges) -> list[tuple[int, int]]:
    """Find words that differ in typography alone: white space, and the shape of apostrophes, quotes and dashes."""
    words = [regex.escape(word) for word in surface[: MAX_SURFACE + 1].translate(_TYPOGRAPHY).split()]
    if not words or len(surface) > MAX_SURFACE:
        return []
    found = regex.finditer(r"\s+".join(words), text.translate(_TYPOGRAPHY), overlapped=True)
    return [match.span() for match in found if match.start() in edges[0] and match.end() in edges[1]]


def _is_free(place: tuple[int, int], taken: Sequence[Span]) -> bool:
    """Say whether a place meets none of some spans, which are in order and do not overlap."""
    at = bisect.bisect_left(taken, (place[0], 0, ""))
    before, after = taken[max(at - 1, 0) : at], taken[at : at + 1]
    return all(span.end <= place[0] for span in before) and all(place[1] <= span.start for span in after)


def surfaces(text: str, spans: Iterable[Span]) -> list[Entity]:
    """Write spans as entities that `align` finds at the same places.

    Where words that are an entity occur earlier as none, that occurrence is listed as well, with the label `NO_ENTITY`;
    of one that reaches into the entity, only the words before the entity.
    """
    edges = _edges(text)
    entities: list[Entity] = []
    behind = 0
    for span in sorted(spans):
        for start, end in _decoys(text, span.start, span.end, behind, edges):
            entities.append(Entity(text=text[start:end], label=NO_ENTITY))
        entities.append(Entity(text=text[span.start : span.end], label=span.label))
        behind = span.end
    return entities


def _decoys(text: str, start: int, end: int, behind: int, edges: _Edges) -> Iterator[tuple[int, int]]:
    """Places to use up, in order, before the words at a place are found there by a search that starts at `behind`."""
    for left, right in _occurrences(text, text[start:end], edges):
        if not behind <= left < start:
            continue
        if right > start:
            right = left + len(text[left:start].rstrip())
            yield from _decoys(text, left, right, behind, edges)
        yield left, right
        behind = right


def mark(text: str, spans: Iterable[Span]) -> str:
    """Write a text with its entities marked in place: `[Robin](person) counted [robins](species)`."""
    parts, behind = [], 0
    for start, end, label in sorted(spans):
        parts += [text[behind:start], f"[{text[start:end]}]({label})"]
        behind = end
    return "".join([*parts, text[behind:]])


def span_fault(text: str, spans: Sequence[Span], words: Sequence[tuple[int, int]]) -> str | None:
    """Say what is wrong with spans of a text, None if nothing.

    Args:
        text: the text.
        spans: its spans, in any order.
        words: (start, end) of its words.
    """
    starts, ends = [start for start, _ in words], [end for _, end in words]
    for span in spans:
        where = f"entity {span.start}-{span.end} ({span.label})"
        if span.start >= span.end:
            return f"{where} holds no character; start must be less than end, the place behind the last character"
        if span.start < 0 or span.end > len(text):
            return f"{where} does not lie in the text of {len(text)} characters; count characters from 0, not bytes"
        if text[span.start].isspace() or text[span.end - 1].isspace():
            return f"{where} begins or ends with white space; move its ends to the words"
        if not (_holds(starts, span.start) and _holds(ends, span.end)):
            return (
                f"{where} {text[span.start : span.end]!r} cuts a word; move its ends to the words (end is not included)"
            )
    for left, right in pairwise(sorted(spans)):
        if right.start < left.end:
            other = f"{left.start}-{left.end} ({left.label})"
            return f"entity {right.start}-{right.end} ({right.label}) {_clash(left, right)} {other}; keep one of them"
    return None


def _clash(left: Span, right: Span) -> str:
    if left[:2] == right[:2]:
        return "repeats"
    if right.end <= left.end:
        return "lies inside"
    return "holds" if right.start == left.start else "overlaps"


def _holds(ordered: Sequence[int], value: int) -> bool:
    at = bisect.bisect_left(ordered, value)
    return at < len(ordered) and ordered[at] == value
