"""Texts made out of a plan's examples: entities in another context, other names in their sentence, misspelt words."""

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from evokd.messages import ENTITY_MODES
from evokd.messages.spans import AlignmentError, Span, align, span_fault, split_words, surfaces
from evokd.simulator.corpus import Corpus
from evokd.simulator.gazetteer import Gazetteer, Name, name_of, overlaps, types_of
from evokd.simulator.requests import PlanIn, entities_of, write_entities
from evokd.simulator.text_index import Floats, rank
from evokd.simulator.words import fold_text, read_quotes

MODES = ENTITY_MODES
_ATTEMPTS = 6
_PULL = 3.0
"""How strongly a wish pulls at a choice by chance: what fits it best is e^3 = 20 times as likely as what fits least."""
_OTHERS = 0.5
"""Chance that an entity beside the one that must change changes too."""
_SHORTEST_MISSPELT = 4
_CHARACTERS_PER_SLIP = 25

Tagged = tuple[str, list[Span]]
"""A text and its entities in order of place."""


class Augmenter:
    """Makes the texts of one plan; no text comes twice, and none that is a row, a seed or an example.

    A plan's strategies ask for a way of writing that nothing here can write; only "shorter" and "longer" steer which
    context is taken.
    """

    def __init__(
        self, plan: PlanIn, corpus: Corpus, mentions: Gazetteer, given: set[int], rng: np.random.Generator
    ) -> None:
        """Take the plan's examples.

        Args:
            plan: the plan; its mode is one of `MODES`.
            corpus: where contexts come from.
            mentions: where names come from.
            given: rows that must not be used as context; rows that are used are added.
            rng: chance.
        """
        self._plan = plan
        self._corpus = corpus
        self._mentions = mentions
        self._given = given
        self._rng = rng
        self._examples = _read_examples(plan)
        self._said = {fold_text(example.text) for example in plan.examples} | {fold_text(text) for text in plan.avoid}
        advice = f"{plan.weakness.pattern} {plan.weakness.advice}"
        self._quoted = {name_of(quote) for quote in read_quotes(advice)}
        self._fit = rank(corpus.index.similarities(corpus.index.vectors([advice]))[0])
        self._lengths = rank(np.array([len(row.text) for row in corpus.rows], dtype=np.float64))
        self._made = 0
        modes: dict[str, Callable[[Tagged, str, bool], Tagged | None]] = {
            "rewrite_context": self._rewrite,
            "swap_entities": self._swap,
            "rewrite_and_swap": self._rewrite_and_swap,
            "misspell": self._misspell,
        }
        self._remake = modes[plan.mode]

    def make(self, label: str, difficulty: str, count: int) -> list[dict[str, object]]:
        """Make drafts that hold an entity of this type, `count` at most; hard ones with ambiguous names if any."""
        sources = [example for example in self._examples if any(span.label == label for span in example[1])]
        drafts: list[dict[str, object]] = []
        for _ in range(_ATTEMPTS * count if sources else 0):
            if len(drafts) == count:
                break
            source = sources[int(self._rng.integers(len(sources)))]
            made = self._remake(source, label, difficulty == "hard")
            if made is None or not self._is_new(made):
                continue
            text, spans = made
            self._said.add(fold_text(text))
            self._made += 1
            intended = write_entities(text, spans, self._plan.labels)
            drafts.append({"text": text, "difficulty": difficulty, "intended": intended})
        return drafts

    def _is_new(self, made: Tagged) -> bool:
        text, spans = made
        if fold_text(text) in self._said or self._corpus.is_taken(text):
            return False
        # Words may grow together at the seams, as in scripts without spaces.
        return span_fault(text, spans, split_words(text)) is None and align(text, surfaces(text, spans)) == spans

    def _rewrite(self, source: Tagged, label: str, hard: bool) -> Tagged | None:
        """Put the entities into another text that holds as many of each type."""
        names: dict[str, list[str]] = defaultdict(list)
        for span in source[1]:
            names[span.label].append(source[0][span.start : span.end])
        fitting = [row for row in self._mentions.by_types[types_of(source[1])] if self._is_free(row)]
        if not fitting:
            return None
        scores = self._fit[fitting] + self._steer_length()[fitting]
        row = fitting[self._draw(scores)]
        self._given.add(row)
        chosen = self._corpus.rows[row]
        return _replace(chosen.text, chosen.spans, [names[span.label].pop(0) for span in chosen.spans])

    def _swap(self, source: Tagged, label: str, hard: bool) -> Tagged | None:
        """Put other names of the same types into the text: for one entity of the label at least."""
        text, spans = source
        must = [at for at, span in enumerate(spans) if span.label == label]
        first = must[int(self._rng.integers(len(must)))]
        names = [text[span.start : span.end] for span in spans]
        for at, span in enumerate(spans):
            if at == first or self._rng.random() < _OTHERS:
                names[at] = self._choose_name(span.label, names[at], hard) or names[at]
        if names[first] == text[spans[first].start : spans[first].end]:
            return None
        return _replace(text, spans, names)

    def _rewrite_and_swap(self, source: Tagged, label: str, hard: bool) -> Tagged | None:
        swapped = self._swap(source, label, hard)
        return None if swapped is None else self._rewrite(swapped, label, hard)

    def _misspell(self, source: Tagged, label: str, hard: bool) -> Tagged | None:
        """Misspell one to three longer words outside the entities."""
        text, spans = source
        words = [
            (start, end)
            for start, end in split_words(text)
            if end - start >= _SHORTEST_MISSPELT and text[start:end].isalpha() and not overlaps(start, end, spans)
        ]
        if not words:
            return None
        most = min(3, len(words), 1 + len(text) // _CHARACTERS_PER_SLIP)
        count = int(self._rng.integers(1, most + 1))
        for at in sorted(self._rng.choice(len(words), size=count, replace=False).tolist(), reverse=True):
            start, end = words[at]
            written = self._slip(text[start:end])
            shift = len(written) - (end - start)
            text = text[:start] + written + text[end:]
            spans = [Span(s + shift, e + shift, kind) if s >= end else Span(s, e, kind) for s, e, kind in spans]
        return text, spans

    def _slip(self, word: str) -> str:
        """Swap two letters of a word, drop one or double one, never the first."""
        at = int(self._rng.integers(1, len(word) - 1))
        way = int(self._rng.integers(3))
        if way == 0 and word[at] != word[at + 1]:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return word[:at] + word[at + 1 :] if way == 1 else word[:at] + word[at] + word[at:]

    def _choose_name(self, label: str, present: str, hard: bool) -> str | None:
        """Choose another known name of a type, rather an ambiguous one for a hard text, or one that was quoted."""
        known = {name: text for name, text in self._mentions.spellings(label).items() if name != name_of(present)}
        if not known:
            return None
        return list(known.values())[self._draw(np.array([self._want(name, label, hard) for name in known]))]

    def _want(self, name: Name, label: str, hard: bool) -> float:
        ambiguity = self._mentions.ambiguity(name, label)
        return (ambiguity if hard else 1.0 - ambiguity) + float(name in self._quoted)

    def _draw(self, scores: Floats) -> int:
        """Draw a position by chance weighted with its score."""
        return int(np.argmax(_PULL * scores + self._rng.gumbel(size=len(scores))))

    def _is_free(self, row: int) -> bool:
        return row not in self._given and not self._corpus.is_seed(self._corpus.rows[row].text)

    def _steer_length(self) -> Floats:
        """Prefer short or long texts where the strategy whose turn it is says so: (n,)."""
        names = list(self._plan.strategies)
        name = names[self._made % len(names)] if names else ""
        return {"shorter": 1.0 - self._lengths, "longer": self._lengths}.get(name, 0.0 * self._lengths)


def _read_examples(plan: PlanIn) -> list[Tagged]:
    examples: list[Tagged] = []
    for example in plan.examples:
        try:
            spans = align(example.text, entities_of(example.gold))
        except AlignmentError:
            continue
        if spans:
            examples.append((example.text, spans))
    return examples


def _replace(text: str, spans: Sequence[Span], names: Sequence[str]) -> Tagged:
    """Write other names in the places of a text's entities, in order."""
    written, behind = "", 0
    moved: list[Span] = []
    for (start, end, label), name in zip(spans, names, strict=True):
        written += text[behind:start]
        moved.append(Span(len(written), len(written) + len(name), label))
        written += name
        behind = end
    return written + text[behind:], moved
