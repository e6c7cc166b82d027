"""Which texts are alike: normalised, compared by their words, found by the rare ones."""

import json
import random
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Indel

from evokd.student.similar_texts import SimilarTexts, _split, normalise, pair_like


def test_normalising_keeps_words_and_never_loses_a_text() -> None:
    assert normalise(" Don\u2019t\tSTOP—now! ") == normalise("dont stop now") == "dont stop now"
    assert normalise("?!") == "?!"


@given(st.text())
def test_normalising_is_what_it_says_slowly(text: str) -> None:
    folded = "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c not in "'`\u00b4\u02bc\u2018\u2019")
    words = "".join(" " if unicodedata.category(c)[0] in "PZC" else c for c in folded).split()
    assert normalise(text) == (" ".join(words) if words else "".join(folded.split()))


WORDS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=9).map(" ".join)


@given(st.lists(WORDS, max_size=8), WORDS, st.integers(0, 40))
def test_a_like_text_is_found_exactly_where_comparing_with_all_finds_one(
    known: list[str], form: str, fortieths: int
) -> None:
    threshold = fortieths / 40
    words = _split(form)
    likeness = [Indel.normalized_similarity(words, _split(other), score_cutoff=threshold) for other in known]
    slow = any(value >= threshold > 0 for value in likeness)
    assert SimilarTexts(known).has_like(form, threshold) == slow


DOMAINS = Path(__file__).parents[2] / "domains"


def read_texts(domain: str) -> list[str]:
    """Read the texts of a shipped corpus."""
    lines = (DOMAINS / domain / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines if line]


def vary(text: str, words: Sequence[str], rng: random.Random) -> str:
    """Change, add or leave out a few words: about as many as the thresholds turn on."""
    found = text.split()
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(found))
        found[place : place + rng.randint(0, 1)] = rng.choices(words, k=rng.randint(0, 1))
        found = found or [rng.choice(words)]
    return " ".join(found)


def test_few_of_many_texts_are_compared() -> None:
    """With 20,000 known texts a draft is compared with hundreds: a cycle must not slow down as a run grows."""
    rng = random.Random(1)
    rows = read_texts("support_tickets")
    words = sorted({word for text in rows for word in text.split()})
    index = SimilarTexts(vary(rng.choice(rows), words, rng) for _ in range(20_000))
    compared = [len(index._find(_split(normalise(text)), 0.85)) for text in rows[:100]]
    assert sum(compared) / len(compared) < 1000


def test_more_words_than_there_are_characters_still_compare_as_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where words have to share a character, texts of different words are not taken for like ones."""
    monkeypatch.setattr("evokd.student.similar_texts._LAST_CODE", 4)
    index = SimilarTexts(["one two three", "four five six seven", "eight nine ten eleven"])
    assert not index.has_like("four five six ten", 0.9)
    assert index.find_like("nine eight ten eleven", 0.7) == "eight nine ten eleven"


@pytest.mark.parametrize("threshold", [0.5, 0.8, 0.95])
def test_pairs_of_like_texts_are_those_that_each_text_finds_by_itself(threshold: float) -> None:
    rng = random.Random(3)
    rows = read_texts("support_tickets")[:60]
    words = sorted({word for text in rows for word in text.split()})
    varied = [vary(rng.choice(rows), words, rng) for _ in range(200)]
    forms = list(dict.fromkeys(normalise(text) for text in [*varied, "so so so so", "so so so", "so so"]))
    index, expected = SimilarTexts([]), set[tuple[str, str]]()
    for form in forms:
        expected |= {(other, form) for other in index.list_like(form, threshold)}
        index.add(form)
    assert len(expected) > 10
    assert set(pair_like(forms, threshold)) == expected
