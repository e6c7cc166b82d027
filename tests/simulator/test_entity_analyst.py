from typing import Any

import pytest

from evokd.messages import AnalystReply
from evokd.simulator.analyst import MOST_WEAKNESSES, answer_analyst
from evokd.simulator.entity_analyst import find_mistakes
from evokd.simulator.requests import CaseIn
from evokd.simulator.words import read_quotes
from tests.simulator.entity_toy import MARKED, TYPES, make_case, make_packet

RIGHT = [make_case(f"r{at}", marked, marked, "right", confidence=0.5 + at / 100) for at, marked in enumerate(MARKED)]
TYPE = [
    make_case("t0", "[Tern](boat) sank near the reef", "[Tern](person) sank near the reef"),
    make_case("t1", "We towed [Olav](boat) off the reef", "We towed [Olav](person) off the reef", "confident_wrong"),
]
BOUNDARY = [make_case("b0", "He sleeps on [Cod Street](place)", "He sleeps on Cod [Street](place)")]
MISSED = [
    make_case("m0", "Tell [Pearl](person) and [Mole](person)", "Tell Pearl and Mole"),
    make_case("m1", "Ask [Ines](person) or [Ada](person)", "Ask [Ines](person) or Ada"),
]
INVENTED = [make_case("i0", "A gull cried", "A [gull](boat) cried"), make_case("i1", "A crane", "A [crane](boat)")]


def analyse(cases: list[dict[str, Any]], **changes: Any) -> list[dict[str, Any]]:
    reply = answer_analyst(make_packet(cases, **changes))
    AnalystReply.model_validate(reply)
    found: list[dict[str, Any]] = reply["weaknesses"]
    return found


def test_mistakes_are_grouped_by_kind_and_types_gravest_first() -> None:
    found = analyse([*RIGHT, *TYPE, *BOUNDARY, *MISSED, *INVENTED])
    assert [weakness["name"] for weakness in found] == [
        "boat taken for person",
        "person missed",
        "boat invented",
        "place boundaries",
    ]
    assert [weakness["labels"] for weakness in found] == [["boat", "person"], ["person"], ["boat"], ["place"]]
    assert [weakness["evidence"] for weakness in found] == [["t1", "t0"], ["m0", "m1"], ["i0", "i1"], ["b0"]]


def test_the_advice_quotes_names_and_words_near_them_and_says_what_would_teach_it() -> None:
    kind_of, missed, invented, boundary = analyse([*RIGHT, *TYPE, *BOUNDARY, *MISSED, *INVENTED])
    assert set(read_quotes(kind_of["advice"])) >= {"Tern", "Olav", "reef"}
    assert "boat (names of boats)" in kind_of["advice"]
    assert {"Pearl", "Mole", "Ada"} <= set(read_quotes(missed["advice"]))
    assert "nothing announces" in missed["advice"]
    assert {"gull", "crane"} <= set(read_quotes(invented["advice"]))
    assert "no entity" in invented["advice"]
    assert "long names" in boundary["advice"]
    assert "1 with high confidence" in kind_of["pattern"]


def test_mistakes_that_the_case_tells_come_before_those_worked_out() -> None:
    told = [{"kind": "missed", "gold": {"text": "Tern", "label": "boat"}, "predicted": None}]
    (found,) = analyse([TYPE[0] | {"errors": told, "marked": "[Tern](boat) sank", "answered": "Tern sank"}])
    assert found["name"] == "boat missed"
    (same,) = analyse([TYPE[0] | {"errors": []}])
    assert same["name"] == "boat taken for person"


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        ("[Ada](person) [Tern](boat)", "[Ada](person) [Tern](boat)", []),
        ("[Old Ada](boat)", "Old [Ada](person)", [("type", "Old Ada", "Ada")]),
        ("[Old Ada](boat)", "[Old](boat) [Ada](person)", [("boundary", "Old Ada", "Old"), ("invented", None, "Ada")]),
        (
            "[Old](boat) [Ada Tern](person)",
            "[Old Ada Tern](person)",
            [("missed", "Old", None), ("boundary", "Ada Tern", "Old Ada Tern")],
        ),
        ("Tern [Tern](boat)", "[Tern](boat) Tern", [("invented", None, "Tern"), ("missed", "Tern", None)]),
    ],
)
def test_mistakes_are_worked_out_from_the_two_lists(
    gold: str, predicted: str, expected: list[tuple[str, str | None, str | None]]
) -> None:
    case = make_case("a", gold, predicted)
    if gold.startswith("Tern"):
        case["gold"] = [{"text": "Tern", "label": "O"}, {"text": "Tern", "label": "boat"}]
    found = find_mistakes(CaseIn.model_validate(case))
    assert [
        (error.kind, error.gold and error.gold.text, error.predicted and error.predicted.text) for error in found
    ] == expected


def test_types_outside_the_packet_and_what_cannot_be_found_are_passed_over() -> None:
    strange = make_case("s", "[Ada](whale) swam", "[Ada](boat) swam")
    absent = make_case("n", "[Ada](boat) swam", "Ada swam") | {"gold": [{"text": "Ida", "label": "boat"}]}
    odd = MISSED[0] | {"errors": [{"kind": "sung", "gold": {"text": "Pearl", "label": "person"}}]}
    assert analyse([strange, absent, odd]) == []


def test_names_the_least_learnt_types_when_nothing_is_wrong() -> None:
    first, *others = analyse(RIGHT[::-1])
    assert first["labels"] == ["boat"], "its F1 is lowest"
    assert first["evidence"][0] == "r0", "the least certain one first"
    assert [weakness["labels"] for weakness in others] == [["place"], ["person"]]


def test_names_four_at_most_and_remembers_earlier_lessons() -> None:
    cases = [
        make_case(f"{one}{two}", f"[Ada](person) [X](boat) [{one}{two}]({one})", f"Ada X [{one}{two}]({two})")
        for one in TYPES
        for two in TYPES
        if one != two
    ]
    earlier = [{"name": "person missed", "state": "rolled_back"}]
    found = analyse(cases, weaknesses=earlier)
    assert len(found) == MOST_WEAKNESSES
    assert [weakness["name"] for weakness in found if "did harm" in weakness["advice"]] == ["person missed"]


def test_the_order_of_cases_changes_no_weakness() -> None:
    cases = [*RIGHT, *TYPE, *BOUNDARY, *MISSED, *INVENTED]
    names = [weakness["name"] for weakness in analyse(cases)]
    assert names == [weakness["name"] for weakness in analyse(cases[::-1])]
