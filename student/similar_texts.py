"""Texts compared by their words after normalising (Unicode form, case, punctuation, white space).

Likeness is 1 minus the insertions and deletions of words that turn one into the other, divided by the words of both.
Words rather than characters: "cancel my plan" and "change my plan" differ in a third of their words but in few letters.
Which texts are worth comparing is found exactly, by the rare words that any text alike enough must share.
"""

import hashlib
import math
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rapidfuzz import process
from rapidfuzz.distance import Indel

_ROUNDING = 1e-9
"""What a product of floats may lie above the whole number that it stands for."""
_LAST_CODE = sys.maxunicode
"""The last character that can stand for a word."""
_APOSTROPHES = dict.fromkeys([0x27, 0x60, 0xB4, 0x2BC, 0x2018, 0x2019])
"""Written in many ways or left out ("can't", "cant"), so they are taken out."""


class _Plain(dict[int, str | int]):
    """What becomes of a character when a text is normalised; computed when it first occurs."""

    def __missing__(self, code: int) -> str | int:
        drop = unicodedata.category(chr(code))[0] in "PZC"
        self[code] = replacement = " " if drop else code
        return replacement


_PLAIN = _Plain(dict.fromkeys(_APOSTROPHES, ""))


def normalise(text: str) -> str:
    """Write a text in the form in which repeats are equal: NFKC, case folded, words joined by one space."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = folded.translate(_PLAIN).split()
    # A text of punctuation alone (":-(") would become nothing and so the repeat of any other such text.
    return " ".join(words) if words else "".join(folded.translate(dict.fromkeys(_APOSTROPHES)).split())


def digest_form(form: str) -> int:
    """Give the digest of a normalised text: 64 bits. Of ten million texts, two have the same by a chance of 3e-6."""
    return int.from_bytes(hashlib.blake2b(form.encode(), digest_size=8).digest(), "big")


class SimilarTexts:
    """Texts by normalised form, searchable for like ones."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._places: dict[str, int] = {}
        """Normalised form -> its place in the two lists."""
        self._forms: list[str] = []
        self._coded: list[str] = []
        """Each text with a character for every word, so that many are compared in one call and none in Python."""
        self._codes: dict[str, str] = {}
        """Word -> its character."""
        self._holders: dict[str, list[int]] = {}
        """Word -> places of the texts that it occurs in."""
        self.update(texts)

    def update(self, texts: Iterable[str]) -> None:
        """Add texts as they are written; those that are in already change nothing."""
        for text in texts:
            self.add(normalise(text))

    def add(self, form: str) -> None:
        """Add a normalised text; one that is in already changes nothing."""
        if form in self._places:
            return
        words = _split(form)
        self._places[form] = place = len(self._forms)
        for word in set(words):
            self._codes.setdefault(word, chr(min(len(self._codes) + 1, _LAST_CODE)))
            self._holders.setdefault(word, []).append(place)
        self._forms.append(form)
        self._coded.append(self._code(words))

    def __contains__(self, form: str) -> bool:
        return form in self._places

    def has_like(self, form: str, threshold: float) -> bool:
        """Say whether a text in the index is at least `threshold` (0 to 1) like the given one; 0 is like nothing."""
        return next(self.list_like(form, threshold), None) is not None

    def find_like(self, form: str, threshold: float) -> str | None:
        """Find a text in the index that is at least `threshold` (0 to 1) like the given one; 0 is like nothing.

        Returns:
            The normalised form of the first such text in alphabetical order; None where there is none.
        """
        return min(self.list_like(form, threshold), default=None)

    def list_like(self, form: str, threshold: float) -> Iterator[str]:
        """Give the normalised texts in the index that are at least `threshold` (0 to 1) like the given one."""
        if threshold <= 0:
            return
        words = _split(form)
        places = list(self._find(words, threshold))
        coded = [self._coded[place] for place in places]
        for at in _compare(self._code(words), coded, threshold):
            other = self._forms[places[at]]
            if _is_like(words, _split(other), threshold):
                yield other

    def _code(self, words: Sequence[str]) -> str:
        """Write a character for every word, the same for all that no text in the index holds."""
        return "".join(self._codes.get(word, "\0") for word in words)

    def _find(self, words: list[str], threshold: float) -> set[int]:
        """Find the places of a superset of the texts that are alike.

        Whatever else of the words such a text leaves out, it has one of the others; see `_count_shared`.
        """
        needed = len(words) - _count_shared(len(words), threshold) + 1
        rarest = sorted(words, key=lambda word: len(self._holders.get(word, ())))[:needed]
        return {place for word in rarest for place in self._holders.get(word, ())}


def pair_like(forms: Sequence[str], threshold: float) -> Iterator[tuple[str, str]]:
    """Pair normalised texts that are at least `threshold` (above 0, up to 1) like each other, the earlier one first.

    Texts that are alike enough share one of the rarest words of both, so each is found by these alone.

    Source: prefix filtering (Bayardo, Ma and Srikant, Scaling Up All Pairs Similarity Search, WWW 2007).

    Args:
        forms: each once.
        threshold: see `SimilarTexts.list_like`.
    """
    texts = [_split(form) for form in forms]
    counts = Counter(word for words in texts for word in words)
    codes = {word: chr(min(number, _LAST_CODE)) for number, word in enumerate(counts, 1)}
    coded = ["".join(map(codes.__getitem__, words)) for words in texts]
    holders: dict[str, list[int]] = {}
    for place, words in enumerate(texts):
        ranked = sorted(words, key=lambda word: (counts[word], word))
        rarest = set(ranked[: len(words) - _count_shared(len(words), threshold) + 1])
        near = list({other for word in rarest for other in holders.get(word, ())})
        for at in _compare(coded[place], [coded[other] for other in near], threshold):
            if _is_like(words, texts[near[at]], threshold):
                yield forms[near[at]], forms[place]
        for word in rarest:
            holders.setdefault(word, []).append(place)


def _compare(coded: str, others: Sequence[str], threshold: float) -> Iterator[int]:
    """Give the places of coded texts that are alike; beyond a million different words some share a character."""
    found = process.extract_iter(coded, others, scorer=Indel.normalized_similarity, score_cutoff=threshold)
    return (place for _, _, place in found)


def _is_like(words: Sequence[str], others: Sequence[str], threshold: float) -> bool:
    """Compare what was found by characters by its words."""
    return Indel.normalized_similarity(words, others, score_cutoff=threshold) >= threshold


def _count_shared(words: int, threshold: float) -> int:
    """Count the words that a text must share at least with one of so many words to be like it, repeats counted.

    Of n words, a text of m words shares at least threshold * (n + m) / 2, and never more than m: so at least
    threshold * n / (2 - threshold).
    """
    return math.ceil(threshold * words / (2 - threshold) - _ROUNDING)


def _split(form: str) -> list[str]:
    """Cut into words; in scripts written without spaces (Thai, Chinese, Japanese) every character counts as one."""
    units: list[str] = []
    for word in form.split():
        units.extend(word if word[0] >= "\u2e80" or "\u0e00" <= word[0] <= "\u0eff" else [word])
    return units
