import json
import random
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import process
from rapidfuzz.distance import Indel

from evokd.student.curate import Candidate, Curator, Ruling, SimilarTexts, _split, normalise, pair_like
from evokd.student.protocol import Answer
from evokd.student.student_settings import CurationSettings
from evokd.student.tasks.registry import codec

CODEC = codec("classification", ["cancel_plan", "change_plan", "how_to"])
KNOWN = "I was charged for the premium plan although I cancelled it on the third of May"
GUARDED = "Where do I find the button that exports all of my photos to another computer"
CHINESE = "我已经在五月取消了订阅但是你们还是从我的账户里扣了钱"


def rule(*candidates: Candidate, **settings: object) -> list[Ruling]:
    curator = Curator(CurationSettings.model_validate(settings), CODEC, [("s1", KNOWN), ("s2", CHINESE)], [GUARDED])
    return curator.judge(candidates)


def draft(
    text: str,
    intended: str | None = "how_to",
    given: str | None = "how_to",
    confidence: float | None = 0.9,
    id: str = "d1",
) -> Candidate:
    return Candidate(id=id, text=text, intended=intended, given=given, confidence=confidence)


REFUSED = {
    "empty": (draft("  "), "invalid_text"),
    "short": (draft("ok"), "invalid_text"),
    "long": (draft("word " * 900), "invalid_text"),
    "control": (draft("a bell \x07 rings"), "invalid_text"),
    "surrogate": (draft("half \ud83d a face"), "invalid_text"),
    "unlabelled": (draft("please help me", None, None, None), "unlabelled"),
    "unknown_label": (draft("please help me", "howto", "howto"), "unknown_label"),
    "duplicate": (draft(KNOWN), "duplicate"),
    "duplicate_written_otherwise": (draft(f"  {KNOWN.upper()}!!! "), "duplicate"),
    "near_duplicate": (draft(KNOWN.replace("third", "fourth")), "near_duplicate"),
    "near_duplicate_without_spaces": (draft(CHINESE.replace("五", "六")), "near_duplicate"),
    "leak": (draft(GUARDED + "?"), "leak"),
    "leak_nearly": (draft(GUARDED.replace("photos", "films").replace("another", "my other")), "leak"),
    "disputed_unsure": (draft("end it after this month", "cancel_plan", "change_plan", 0.4), "disputed"),
    "disputed_unknown_confidence": (draft("end it after this month", "cancel_plan", "change_plan", None), "disputed"),
}


@pytest.mark.parametrize(("candidate", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_each_reason(candidate: Candidate, reason: str) -> None:
    (ruling,) = rule(candidate)
    assert (ruling.id, ruling.accepted, ruling.reason, ruling.label) == ("d1", False, reason, None)
    assert ruling.disputed == (reason == "disputed")


@pytest.mark.parametrize(
    ("dispute", "confidence", "label"),
    [("labeler", 0.9, "change_plan"), ("intended", 0.9, "cancel_plan"), ("drop", 0.99, None), ("labeler", 0.69, None)],
)
def test_who_wins_a_dispute(dispute: str, confidence: float, label: str | None) -> None:
    (ruling,) = rule(draft("end it after this month", "cancel_plan", "change_plan", confidence), dispute=dispute)
    assert (ruling.label, ruling.accepted, ruling.disputed) == (label, label is not None, True)


def test_one_opinion_is_enough() -> None:
    rulings = rule(
        draft("how do I add a seat", "how_to", None, None), draft("what is a seat worth here", None, "how_to", 0.2)
    )
    assert [(r.label, r.disputed) for r in rulings] == [("how_to", False), ("how_to", False)]


DIFFERENT = [
    "cancel my plan",
    "change my plan",
    "can't log in",
    "can log in again now",
    "app crashes",
    "app keeps crashing on start",
    "refund?",
    "refund where??",
    "wrong size",
    "wrong colour",
    "where is my order",
    "where is my refund",
    ":-(",
    ":-)",
    "取消订阅",
    "更改订阅",
]


def test_short_texts_that_differ_do_not_collide() -> None:
    assert [r.reason for r in rule(*map(draft, DIFFERENT))] == [None] * len(DIFFERENT)


def test_short_texts_that_are_the_same_do() -> None:
    again = [
        "Cancel my plan!",
        "cant log in",
        "App - crashes.",
        "refund",
        ":-( ",
        "\uff32\uff25\uff26\uff35\uff2e\uff24\uff1f",
    ]
    reasons = [r.reason for r in rule(*map(draft, [*DIFFERENT, *again]))]
    assert reasons[len(DIFFERENT) :] == ["duplicate"] * len(again)


def test_earlier_accepted_drafts_are_known_to_later_ones_but_refused_ones_are_not() -> None:
    rulings = rule(
        draft("please help me out", None, None, None, id="a"),
        draft("please help me out", id="b"),
        draft("Please, help me out!", id="c"),
    )
    assert [(r.id, r.reason) for r in rulings] == [("a", "unlabelled"), ("b", None), ("c", "duplicate")]


def test_a_leak_is_called_a_leak_even_when_it_is_disputed_or_unlabelled() -> None:
    rulings = rule(draft(GUARDED, None, None, None), draft(GUARDED, "cancel_plan", "change_plan", 0.1))
    assert [r.reason for r in rulings] == ["leak", "leak"]


def test_thresholds_of_one_leave_only_repeats() -> None:
    (near, leak) = rule(
        draft(KNOWN.replace("third", "fourth")), draft(GUARDED + " please"), near_duplicate=1.0, leak=1.0
    )
    assert (near.accepted, leak.accepted) == (True, True)


def test_normalising_keeps_words_and_never_loses_a_text() -> None:
    assert normalise(" Don\u2019t\tSTOP—now! ") == normalise("dont stop now") == "dont stop now"
    assert normalise("?!") == "?!"


@given(st.text())
def test_normalising_is_what_it_says_slowly(text: str) -> None:
    folded = "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c not in "'`\u00b4\u02bc\u2018\u2019")
    words = "".join(" " if unicodedata.category(c)[0] in "PZC" else c for c in folded).split()
    assert normalise(text) == (" ".join(words) if words else "".join(folded.split()))


# ----------------------------------------------------------------------------------- finding what is worth comparing

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


def test_rulings_on_shipped_texts_are_those_of_comparing_with_all() -> None:
    rng = random.Random(1)
    texts = [*read_texts("support_tickets"), *read_texts("field_reports")]
    words = sorted({word for text in texts for word in text.split()})
    rng.shuffle(texts)
    guarded, known = texts[:200], [*texts[200:], *(vary(rng.choice(texts), words, rng) for _ in range(2000))]
    drafts = [vary(rng.choice(texts), words, rng) for _ in range(400)]
    curator = Curator(CurationSettings(), CODEC, [(str(i), text) for i, text in enumerate(known)], guarded)
    rulings = curator.judge([draft(text, id=str(i)) for i, text in enumerate(drafts)])
    forms = [normalise(text) for text in drafts]
    known_forms = {normalise(text) for text in known}
    leaks, repeats, each_other = (
        process.cdist(
            [_split(form) for form in forms],
            [_split(normalise(text)) for text in others],
            scorer=Indel.normalized_similarity,
            score_cutoff=cutoff,
            dtype=np.float64,
        )
        for others, cutoff in ((guarded, 0.8), (known, 0.85), (drafts, 0.85))
    )
    expected: list[str | None] = []
    taken: list[int] = []
    for i, form in enumerate(forms):
        if leaks[i].max() >= 0.8:
            expected.append("leak")
        elif form in known_forms or form in {forms[j] for j in taken}:
            expected.append("duplicate")
        elif max([repeats[i].max(), *each_other[i, taken]]) >= 0.85:
            expected.append("near_duplicate")
        else:
            expected.append(None)
            taken.append(i)
    assert [ruling.reason for ruling in rulings] == expected
    assert {reason: expected.count(reason) > 20 for reason in ("leak", "near_duplicate", None)} == dict.fromkeys(
        ["leak", "near_duplicate", None], True
    )


def test_few_of_many_texts_are_compared() -> None:
    """With 20,000 known texts a draft is compared with hundreds: a cycle must not slow down as a run grows."""
    rng = random.Random(1)
    rows = read_texts("support_tickets")
    words = sorted({word for text in rows for word in text.split()})
    index = SimilarTexts(vary(rng.choice(rows), words, rng) for _ in range(20_000))
    compared = [len(index._find(_split(normalise(text)), 0.85)) for text in rows[:100]]
    assert sum(compared) / len(compared) < 1000


# ---------------------------------------------------------------------------------------------- variations of a text


def variation(text: str, id: str = "d1") -> Candidate:
    return Candidate(id=id, text=text, intended="how_to", given="how_to", confidence=0.9, variation=True)


def test_a_variation_may_be_near_a_known_text_but_not_its_repeat() -> None:
    near = KNOWN.replace("third", "fourth")
    rulings = rule(
        variation(near), variation(KNOWN), variation(f" {near.upper()}!"), draft(near.replace("May", "June"))
    )
    assert [r.reason for r in rulings] == [None, "duplicate", "duplicate", "near_duplicate"]
    assert rulings[0].label == "how_to"


def test_a_variation_is_a_leak_all_the_same() -> None:
    near = GUARDED.replace("photos", "films")
    assert [r.reason for r in rule(variation(GUARDED), variation(near), variation("  "))] == [
        "leak",
        "leak",
        "invalid_text",
    ]


# ------------------------------------------------------------------------------------------------- disputed entities

ENTITIES = codec("ner", ["person", "place"])
SENTENCE = "Ann Lee met Bo in New York"
ANN, BO, YORK = (0, 7, "person"), (12, 14, "person"), (18, 26, "place")
Places = Sequence[tuple[int, int, str]] | None


def answer(places: Places) -> Answer | None:
    return None if places is None else [{"start": start, "end": end, "label": name} for start, end, name in places]


def settle(intended: Places, given: Places, confidence: float = 0.9, **settings: object) -> Ruling:
    curator = Curator(CurationSettings.model_validate(settings), ENTITIES, [], [])
    (ruling,) = curator.judge([Candidate("d1", SENTENCE, answer(intended), answer(given), confidence)])
    return ruling


@pytest.mark.parametrize("dispute", ["auto", "mask"])
@pytest.mark.parametrize("confidence", [0.1, 0.9])
def test_a_disputed_entity_is_masked_and_the_rest_kept(dispute: str, confidence: float) -> None:
    ruling = settle([ANN, BO, YORK], [ANN, (18, 21, "place")], confidence, dispute=dispute)
    assert ruling == Ruling("d1", True, None, answer([ANN]), True, ((12, 14), (18, 26)))


def test_nothing_is_masked_where_all_is_agreed() -> None:
    assert settle([ANN, YORK], [YORK, ANN]) == Ruling("d1", True, None, answer([YORK, ANN]), False)
    assert settle([], []) == Ruling("d1", True, None, [], False)


@pytest.mark.parametrize(
    ("intended", "given"),
    [([ANN], [BO]), ([ANN], []), ([], [ANN]), ([YORK], [(18, 26, "person")]), ([YORK], [(22, 26, "place")])],
    ids=["others", "none_given", "none_intended", "other_type", "other_ends"],
)
def test_a_text_of_which_nothing_is_agreed_drops(intended: Places, given: Places) -> None:
    assert settle(intended, given) == Ruling("d1", False, "disputed", None, True)


@pytest.mark.parametrize(
    ("dispute", "confidence", "label"),
    [
        ("labeler", 0.9, [ANN, BO]),
        ("labeler", 0.69, None),
        ("intended", 0.9, [ANN]),
        ("intended", 0.1, [ANN]),
        ("drop", 0.99, None),
    ],
)
def test_the_other_rules_hold_for_entities_too(dispute: str, confidence: float, label: Places) -> None:
    ruling = settle([ANN], [ANN, BO], confidence, dispute=dispute)
    assert ruling == Ruling("d1", label is not None, None if label else "disputed", answer(label), True)


def test_one_opinion_about_entities_is_enough_and_unknown_types_are_refused() -> None:
    assert settle([ANN], None) == Ruling("d1", True, None, answer([ANN]), False)
    assert settle(None, []) == Ruling("d1", True, None, [], False)
    assert settle(None, None).reason == "unlabelled"
    animal = (0, 7, "animal")
    assert settle([animal], [animal]) == Ruling("d1", False, "unknown_label", None, False)
    assert settle([animal, YORK], [YORK]) == Ruling("d1", True, None, answer([YORK]), True, ((0, 7),))


@pytest.mark.parametrize(
    ("dispute", "confidence", "label"),
    [("auto", 0.99, None), ("labeler", 0.9, "change_plan"), ("labeler", 0.6, None), ("mask", 0.99, None)],
)
def test_a_whole_text_has_no_parts_to_mask(dispute: str, confidence: float, label: str | None) -> None:
    (ruling,) = rule(draft("end it after this month", "cancel_plan", "change_plan", confidence), dispute=dispute)
    assert (ruling.label, ruling.reason, ruling.masked) == (label, None if label else "disputed", ())


def test_more_words_than_there_are_characters_still_compare_as_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where words have to share a character, texts of different words are not taken for like ones."""
    monkeypatch.setattr("evokd.student.curate._LAST_CODE", 4)
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
