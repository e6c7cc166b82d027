"""The Labeler's part for texts with entities: those of the corpus, some of them wrong at the rate that is set."""

from collections.abc import Sequence
from typing import Any

from evokd.messages.spans import Span, split_words
from evokd.simulator.corpus import Corpus
from evokd.simulator.entity_copies import find_copied
from evokd.simulator.gazetteer import Gazetteer, name_of, overlaps
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import BatchIn, read_message, write_entities
from evokd.simulator.seeded_rng import draw_share
from evokd.simulator.words import fold_text

_INVENTING = 0.25
"""How often a text gets an entity too many, in terms of the noise."""
_NEAREST_RIVAL = 0.8
"""Share of the wrong types that fall on the likeliest one."""
_WAYS = {"type": 0.4, "boundary": 0.75, "missed": 1.0}
"""Shares of the ways in which an entity is given wrong, summed up."""
_WITHOUT = 0.6
"""Sureness where a text of the corpus has no entity."""


def answer_entity_labeler(
    batch: dict[str, Any], corpus: Corpus, mentions: Gazetteer, settings: RehearsalSettings, seed: int
) -> dict[str, Any]:
    """Answer a `draft_batch`: one verdict per draft, in order.

    A text of the corpus, or nearly one, gets its entities there; another text what a tagger trained on the corpus
    finds. With the probability `settings.noise`, drawn per seed, text and entity, an entity gets another type, ends a
    word off or is left out; and with a quarter of it, per text, words become one that are an entity elsewhere.

    Raises:
        RequestError: the batch lacks a field.
    """
    read = read_message(BatchIn, batch)
    labels = sorted(read.labels)
    verdicts = []
    for draft in read.drafts:
        spans, sure = _look_up(draft.text, corpus, mentions)
        known = [span for span in spans if span.label in read.labels]
        given = _Slips(draft.text, known, labels, mentions, settings.noise, seed).make()
        jitter = draw_share("sure", seed, fold_text(draft.text)) - 0.5
        confidence = 0.82 + 0.14 * sure + 0.1 * jitter - 0.05 * (given != known)
        verdicts.append(
            {
                "id": draft.id,
                "entities": write_entities(draft.text, given, labels),
                "confidence": round(min(max(confidence, 0.5), 0.99), 2),
            }
        )
    return {"verdicts": verdicts}


def _look_up(text: str, corpus: Corpus, mentions: Gazetteer) -> tuple[list[Span], float]:
    """Find the entities of a text and how sure they are, 0 to 1."""
    copied = find_copied(text, corpus, mentions)
    if copied is None:
        return corpus.tagger.tag(text)
    spans, kept = copied
    plain = [1.0 - mentions.ambiguity(name_of(text[span.start : span.end]), span.label) for span in spans]
    return spans, kept * (sum(plain) / len(plain) if plain else _WITHOUT)


class _Slips:
    """The mistakes made in one text; they depend on the seed and the text alone."""

    def __init__(
        self, text: str, spans: Sequence[Span], labels: Sequence[str], mentions: Gazetteer, noise: float, seed: int
    ) -> None:
        self._text = text
        self._spans = spans
        self._labels = labels
        self._mentions = mentions
        self._noise = noise
        self._key = (seed, fold_text(text))
        self._words = split_words(text)

    def make(self) -> list[Span]:
        """Give the spans with the mistakes in them, in order of place."""
        given: list[Span] = []
        for at, span in enumerate(self._spans):
            if self._draw("noise", at) >= self._noise:
                given.append(span)
                continue
            wrong = self._slip(at, span, [*given, *self._spans[at + 1 :]])
            given += [] if wrong is None else [wrong]
        if self._draw("invent", 0) < _INVENTING * self._noise:
            given += self._invent(given)
        return sorted(given)

    def _slip(self, at: int, span: Span, others: Sequence[Span]) -> Span | None:
        """Give an entity wrong: in the way that is drawn, or the next that is possible; None leaves it out."""
        way = self._draw("way", at)
        rivals = self._mentions.rivals(self._text, span, self._labels)
        if way < _WAYS["type"] and rivals:
            slip = 0
            if self._draw("rival", at) >= _NEAREST_RIVAL and len(rivals) > 1:
                slip = 1 + int(self._draw("slip", at) * (len(rivals) - 1))
            return span._replace(label=rivals[slip])
        moved = self._move(span, others)
        if way < _WAYS["boundary"] and moved:
            return moved[int(self._draw("move", at) * len(moved))]
        return None

    def _move(self, span: Span, others: Sequence[Span]) -> list[Span]:
        """The spans that begin or end a word off, without touching another entity."""
        solid = [place for place in self._words if self._text[place[0]].isalnum()]
        starts = [start for start, _ in solid if start < span.end]
        ends = [end for _, end in solid if end > span.start]
        moved = [span._replace(start=start) for start in _neighbours(starts, span.start)]
        moved += [span._replace(end=end) for end in _neighbours(ends, span.end)]
        most = self._count_words(span) + 1  # more: a sign that stands alone, such as a comma, came in as well
        return [
            place
            for place in moved
            if self._count_words(place) <= most and not overlaps(place.start, place.end, others)
        ]

    def _count_words(self, span: Span) -> int:
        return sum(span.start <= start and end <= span.end for start, end in self._words)

    def _invent(self, given: Sequence[Span]) -> list[Span]:
        taken = [*self._spans, *given]
        mentions = [place for place in self._mentions.unmarked(self._text, taken) if place.label in self._labels]
        return [mentions[int(self._draw("place", 0) * len(mentions))]] if mentions else []

    def _draw(self, what: str, at: int) -> float:
        return draw_share(what, *self._key, at)


def _neighbours(places: Sequence[int], at: int) -> list[int]:
    """The nearest places on both sides of one."""
    before = [place for place in places if place < at]
    behind = [place for place in places if place > at]
    return [*before[-1:], *behind[:1]]
