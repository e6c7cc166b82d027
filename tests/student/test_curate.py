import random
from collections.abc import Sequence

import numpy as np
import pytest
from rapidfuzz import process
from rapidfuzz.distance import Indel

from evokd.student.curate import Candidate, Curator, Ruling
from evokd.student.protocol import Answer
from evokd.student.similar_texts import SimilarTexts, _split, normalise
from evokd.student.student_settings import CurationSettings
from evokd.student.tasks.registry import codec
from tests.student.test_similar_texts import read_texts, vary

CODEC = codec("classification", ["cancel_plan", "change_plan", "how_to"])
KNOWN = "I was charged for the premium plan although I cancelled it on the third of May"
GUARDED = "Where do I find the button that exports all of my photos to another computer"
CHINESE = "我已经在五月取消了订阅但是你们还是从我的账户里扣了钱"


def rule(*candidates: Candidate, **settings: object) -> list[Ruling]:
    curator = Curator(
        CurationSettings.model_validate(settings), CODEC, SimilarTexts([KNOWN, CHINESE]), SimilarTexts([GUARDED])
    )
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


def test_rulings_on_shipped_texts_are_those_of_comparing_with_all() -> None:
    rng = random.Random(1)
    texts = [*read_texts("support_tickets"), *read_texts("field_reports")]
    words = sorted({word for text in texts for word in text.split()})
    rng.shuffle(texts)
    guarded, known = texts[:200], [*texts[200:], *(vary(rng.choice(texts), words, rng) for _ in range(2000))]
    drafts = [vary(rng.choice(texts), words, rng) for _ in range(400)]
    curator = Curator(CurationSettings(), CODEC, SimilarTexts(known), SimilarTexts(guarded))
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
    curator = Curator(CurationSettings.model_validate(settings), ENTITIES, SimilarTexts(), SimilarTexts())
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
