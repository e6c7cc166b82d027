"""Finds entities in texts that the corpus does not hold: a small linear tagger trained on the corpus."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer  # type: ignore[import-untyped, unused-ignore]
from sklearn.linear_model import SGDClassifier  # type: ignore[import-untyped, unused-ignore]

from evokd.messages.spans import Span, split_words
from evokd.simulator.corpus_rows import CorpusRow
from evokd.simulator.text_index import Floats

_PASSES = 15
_DECAY = 1e-5
_BOLD = 1.0
"""How much is taken off the log-probability of "no entity": names of a small corpus are mostly new to it."""
_LONGEST = 5
"""Words of the longest known name that is looked for."""
_Names = dict[tuple[str, ...], Counter[str]]


class EntityTagger:
    """A log-linear model of each word's BIO tag, with the best sequence of tags that is well formed."""

    def __init__(self, rows: Sequence[CorpusRow]) -> None:
        """Train; the same rows give the same tagger.

        Args:
            rows: rows with entities, at least one in all.
        """
        self._names: _Names = defaultdict(Counter)
        for row in rows:
            for name, typed in _names_in(row).items():
                self._names[name].update(typed)
        features: list[list[str]] = []
        tags: list[str] = []
        for row in rows:
            # A row's own names do not count as known, or every name would seem to be.
            features += self._describe(row.text, _names_in(row))
            tags += _tags_of(row)
        self._vectorizer = CountVectorizer(analyzer=_as_it_is, binary=True, dtype=np.float64)
        matrix = self._vectorizer.fit_transform(features)
        self._tags = sorted(set(tags))
        self._model = SGDClassifier(
            loss="log_loss", alpha=_DECAY, max_iter=_PASSES, tol=None, average=True, random_state=0
        )
        if len(self._tags) > 1:
            self._model.fit(matrix, tags)

    def tag(self, text: str) -> tuple[list[Span], float]:
        """Find the entities of a text.

        Returns:
            Spans in order of place, and how sure they are: the probability of the least sure word's tag, 0 to 1.
        """
        words = split_words(text)
        if not words or len(self._tags) < 2:
            return [], 0.0
        share = self._model.predict_proba(self._vectorizer.transform(self._describe(text, {})))
        scores = np.log(np.maximum(share, 1e-9))
        scores[:, [tag == "O" for tag in self._tags]] -= _BOLD
        path = _best_path(scores, self._tags)
        spans: list[Span] = []
        for (start, end), column in zip(words, path, strict=True):
            tag = self._tags[column]
            if tag.startswith("B-"):
                spans.append(Span(start, end, tag[2:]))
            elif tag.startswith("I-"):
                spans[-1] = spans[-1]._replace(end=end)
        return spans, float(share[np.arange(len(path)), path].min())

    def _describe(self, text: str, row_names: _Names) -> list[list[str]]:
        """Describe each word of a text: itself, its form, the words around it, the known names that it is part of."""
        surfaces = [text[start:end] for start, end in split_words(text)]
        words = ["<", "<", *(surface.casefold() for surface in surfaces), ">", ">"]
        forms = ["<", "<", *map(_form, surfaces), ">", ">"]
        described: list[list[str]] = []
        for at in range(2, len(words) - 2):
            word, form = words[at], forms[at]
            features = ["all", f"word {word}", f"form {form}", f"begins {word[:3]}", f"ends {word[-3:]}"]
            features += [f"both {word} {form}", f"first {at == 2} {form}", f"forms {' '.join(forms[at - 1 : at + 2])}"]
            for step in (-2, -1, 1, 2):
                features += [f"{step} word {words[at + step]}", f"{step} form {forms[at + step]}"]
            features += [f"-1 pair {words[at - 1]} {word}", f"1 pair {word} {words[at + 1]}"]
            features += [f"-2 pair {words[at - 2]} {words[at - 1]}", f"around {words[at - 1]} {words[at + 1]}"]
            features += [f"-1 {words[at - 1]} {form}", f"1 {form} {words[at + 1]}"]
            described.append(features)
        known = words[2:-2]
        for at in range(len(known)):
            for length in range(1, min(_LONGEST, len(known) - at) + 1):
                name = tuple(known[at : at + length])
                here = row_names.get(name, Counter())
                for label in sorted(self._names[name] - here if name in self._names else ()):
                    for step in range(length):
                        described[at + step].append(f"known {'BI'[step > 0]} {min(length, 2)} {label}")
        return described


def _best_path(scores: Floats, tags: Sequence[str]) -> list[int]:
    """Find the best well-formed sequence of tags: I- only behind a tag of the same type.

    Args:
        scores: (words, tags), log-probabilities.
        tags: the tags of the columns.

    Source: Viterbi 1967.
    """
    starts = np.array([-np.inf if tag.startswith("I-") else 0.0 for tag in tags])
    follows = np.array([[0.0 if _may_follow(left, right) else -np.inf for right in tags] for left in tags])
    best = scores[0] + starts
    steps: list[list[int]] = []
    for line in scores[1:]:
        reached = best[:, None] + follows
        steps.append(reached.argmax(axis=0).tolist())
        best = reached.max(axis=0) + line
    path = [int(best.argmax())]
    for step in reversed(steps):
        path.append(step[path[-1]])
    return path[::-1]


def _may_follow(left: str, right: str) -> bool:
    return not right.startswith("I-") or left[1:] == right[1:]


def _names_in(row: CorpusRow) -> _Names:
    names: _Names = defaultdict(Counter)
    words = split_words(row.text)
    for span in row.spans:
        name = tuple(row.text[start:end].casefold() for start, end in words if span.start <= start and end <= span.end)
        names[name][span.label] += 1
    return names


def _tags_of(row: CorpusRow) -> list[str]:
    tags: list[str] = []
    for start, end in split_words(row.text):
        span = next((span for span in row.spans if span.start <= start and end <= span.end), None)
        tags.append("O" if span is None else f"{'B' if start == span.start else 'I'}-{span.label}")
    return tags


def _as_it_is(features: list[str]) -> list[str]:
    return features


def _form(word: str) -> str:
    if word.isnumeric():
        return "number"
    if word.isupper() and len(word) > 1:
        return "capitals"
    if word[:1].isupper():
        return "capital"
    return "letters" if word.isalpha() else "other"
