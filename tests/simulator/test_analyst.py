from typing import Any

import pytest

from evokd.messages import AnalystReply
from evokd.simulator.analyst import MOST_WEAKNESSES, answer_analyst
from evokd.simulator.requests import RequestError
from tests.simulator.toy import LABEL_OF, MEANINGS, TEXTS, make_case, make_packet

RIGHT = [
    make_case(f"r{at}", text, "Business", "Business", "right", 0.9) for at, text in enumerate(TEXTS["Business"][:4])
]
WRONG = [
    make_case("w0", TEXTS["Tech"][0], "Tech", "Business", "wrong"),
    make_case("w1", TEXTS["Tech"][8], "Tech", "Business", "confident_wrong", 0.95),
    make_case("w2", TEXTS["Tech"][9], "Tech", "Business", "wrong"),
    make_case("w3", TEXTS["World"][9], "World", "Business", "wrong"),
    make_case("w4", TEXTS["World"][11], "World", "Tech", "wrong"),
    make_case("w5", TEXTS["Sports"][9], "Sports", "Business", "wrong"),
]


def analyse(packet: dict[str, Any]) -> list[dict[str, Any]]:
    reply = answer_analyst(packet)
    AnalystReply.model_validate(reply)
    found: list[dict[str, Any]] = reply["weaknesses"]
    return found


def test_groups_by_confusion_gravest_first() -> None:
    first, second, third = analyse(make_packet([*RIGHT, *WRONG]))
    assert first["labels"] == ["Tech", "Business"]
    assert first["evidence"] == ["w1", "w0", "w2"], "the confident one first"
    assert second["labels"] == ["World", "Business", "Tech"], "small groups with the same gold are one"
    assert sorted(second["evidence"]) == ["w3", "w4"]
    assert third["labels"] == ["Sports", "Business"]


def test_telling_words_labels_and_meanings_are_in_the_sentences() -> None:
    first = analyse(make_packet([*RIGHT, *WRONG]))[0]
    for sentence in (first["pattern"], first["advice"]):
        assert '"software"' in sentence
        assert "Tech" in sentence
        assert "Business" in sentence
        assert '"the"' not in sentence
    assert "Tech (computers, software and research)" in first["advice"], "the meaning of what is to be written"


def test_confident_wrongs_weigh_more_and_low_f1_breaks_ties() -> None:
    cases = [
        make_case("a", "alpha words", "World", "Sports", "wrong"),
        make_case("b", "beta words", "World", "Sports", "wrong"),
        make_case("c", "gamma words", "Business", "Tech", "confident_wrong"),
        make_case("d", "delta words", "Business", "Tech", "wrong"),
        make_case("e", "epsilon words", "Tech", "World", "wrong"),
        make_case("f", "zeta words", "Tech", "World", "wrong"),
    ]
    assert [found["labels"][0] for found in analyse(make_packet(cases))] == ["Business", "Tech", "World"]


def test_names_four_at_most() -> None:
    golds = list(MEANINGS)
    cases = [
        make_case(f"{gold}{other}{at}", f"text {gold} {other} {at}", gold, other, "wrong")
        for gold in golds
        for other in golds
        if other != gold
        for at in range(2)
    ]
    found = analyse(make_packet(cases))
    assert len(found) == MOST_WEAKNESSES
    assert {case["id"] for case in cases} >= {name for weakness in found for name in weakness["evidence"]}


def test_names_the_least_learnt_labels_when_nothing_is_wrong() -> None:
    cases = [
        make_case(f"r{at}", text, LABEL_OF[text], LABEL_OF[text], "right", 0.5 + at / 100)
        for at, text in enumerate([*TEXTS["World"][:3], *TEXTS["Business"][:3]])
    ]
    first, second = analyse(make_packet(cases[::-1]))
    assert first["labels"] == ["Business"], "its F1 is lower"
    assert first["evidence"] == ["r3", "r4", "r5"], "the least certain one first"
    assert second["labels"] == ["World"]


def test_says_nothing_without_cases() -> None:
    assert analyse(make_packet([])) == []


def test_labels_outside_the_packet_are_not_named() -> None:
    cases = [
        make_case("a", "alpha words", "Weather", "Sports", "wrong"),
        make_case("b", "beta words", "Sports", "Weather", "wrong"),
    ]
    (only,) = analyse(make_packet(cases))
    assert only["labels"] == ["Sports"]
    assert only["evidence"] == ["b"]


@pytest.mark.parametrize(("state", "says"), [("rolled_back", "did harm"), ("open", "have not helped yet")])
def test_remembers_what_earlier_lessons_did(state: str, says: str) -> None:
    earlier = [{"id": "k1", "name": "Tech taken for Business", "state": state, "effect": None}]
    assert says in analyse(make_packet(WRONG, weaknesses=earlier))[0]["advice"]


def test_a_packet_without_what_is_needed_is_refused() -> None:
    with pytest.raises(RequestError, match=r"labels: Field required"):
        answer_analyst({"cases": []})
    with pytest.raises(RequestError, match=r"cases\.0\.gold"):
        answer_analyst(make_packet([{"id": "a", "text": "t", "gold": 3, "predicted": [], "verdict": "right"}]))
