"""Which cases the Analyst sees, and what their mistakes are."""

from collections import Counter
from typing import Any

import pytest

from evokd.graph.curriculum.cases import is_invented, main_error, pick_cases
from evokd.graph.curriculum.curriculum_settings import PacketSettings
from evokd.messages import Case, ErrorKind
from tests.graph.curriculum.planning import case, weakness


def test_a_packet_holds_as_many_of_each_kind_as_asked() -> None:
    cases = [case(f"{verdict}{i}", verdict) for verdict in ("wrong", "confident_wrong", "right") for i in range(9)]
    picked = pick_cases(cases, PacketSettings(wrong=2, confident_wrong=3, right=4), 1)
    assert Counter(item.verdict for item in picked) == {"wrong": 2, "confident_wrong": 3, "right": 4}


def test_wrong_cases_are_spread_over_confusions() -> None:
    cases = [case(f"ab{i}", "wrong") for i in range(9)] + [case("bc", "wrong", "b", "c"), case("ca", "wrong", "c", "a")]
    picked = pick_cases(cases, PacketSettings(wrong=3, confident_wrong=0, right=0), 1)
    assert {(item.gold, item.predicted) for item in picked} == {("a", "b"), ("b", "c"), ("c", "a")}


def test_right_cases_come_least_sure_first() -> None:
    cases = [case(f"r{i}", "right", "a", "a", i / 10) for i in range(10)]
    picked = pick_cases(cases, PacketSettings(right=3), 1)
    assert [item.id for item in picked] == ["r0", "r1", "r2"]


def test_the_seed_decides_among_equals() -> None:
    cases = [case(f"w{i}", "wrong") for i in range(30)]
    chosen = [[item.id for item in pick_cases(cases, PacketSettings(wrong=5), seed)] for seed in (1, 1, 2)]
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]


def error(kind: str, gold: str | None, predicted: str | None) -> dict[str, Any]:
    sides = {"gold": gold, "predicted": predicted}
    return {"kind": kind, **{side: label and {"text": "x", "label": label} for side, label in sides.items()}}


def entity_case(name: str, *errors: dict[str, Any]) -> Case:
    fields = {"id": name, "text": "x", "gold": [], "predicted": [], "confidence": 0.5, "verdict": "wrong"}
    return Case.model_validate({**fields, "errors": errors})


def test_wrong_cases_are_spread_over_kinds_of_mistakes() -> None:
    cases = [entity_case(f"m{i}", error("missed", "a", None)) for i in range(9)]
    cases += [entity_case("t", error("type", "b", "c")), entity_case("i", error("invented", None, "c"))]
    picked = pick_cases(cases, PacketSettings(wrong=3, confident_wrong=0, right=0), 1)
    assert {item.id[0] for item in picked} == {"m", "t", "i"}


def set_case(name: str, gold: list[str], predicted: list[str]) -> Case:
    fields = {"id": name, "text": name, "gold": gold, "predicted": predicted, "confidence": 0.5, "verdict": "wrong"}
    return Case.model_validate(fields)


def test_wrong_sets_come_in_twos_that_share_a_mistake_on_a_label() -> None:
    sets: list[list[str]] = [[], ["b"], ["c"], ["b", "c"]]
    cases = [set_case(f"i{at}", gold, ["a", *gold]) for at, gold in enumerate(sets)]
    cases += [set_case("m0", ["b"], []), set_case("m1", ["b", "c"], ["c"]), set_case("x", ["c"], [])]
    for seed in range(5):
        picked = pick_cases(cases, PacketSettings(wrong=4, confident_wrong=0, right=0), seed)
        assert [item.id[0] for item in picked] == ["i", "i", "m", "m"]
    everything = pick_cases(cases, PacketSettings(wrong=9, confident_wrong=0, right=0), 1)
    assert sorted(item.id for item in everything) == sorted(item.id for item in cases)


def test_a_label_is_invented_if_the_evidence_shows_it_given_more_often_than_missed() -> None:
    cases = [set_case("v1", [], ["a"]), set_case("v2", ["b"], ["a", "b"]), set_case("v3", ["a"], ["b"])]
    one = weakness("a", "b")
    assert is_invented(one.model_copy(update={"evidence": ["v1", "v2", "v3"]}), cases)
    assert not is_invented(one.model_copy(update={"evidence": ["v1", "v3"]}), cases)
    assert not is_invented(weakness("b").model_copy(update={"evidence": ["v1", "v2"]}), cases)


MISSED_A, MISSED_C = error("missed", "a", None), error("missed", "c", None)
TYPE_BC, INVENTED_B = error("type", "b", "c"), error("invented", None, "b")
EVIDENCE: dict[str, tuple[list[Case], ErrorKind | None]] = {
    "most frequent": ([entity_case("v1", INVENTED_B, TYPE_BC, TYPE_BC)], "type"),
    "other evidence does not count": ([entity_case("v1", INVENTED_B), entity_case("v2", TYPE_BC, TYPE_BC)], "invented"),
    "other labels do not count": ([entity_case("v1", MISSED_A, MISSED_A, TYPE_BC)], "type"),
    "other labels where there is no own": ([entity_case("v1", MISSED_A, MISSED_C)], "missed"),
    "a label counts on either side": ([entity_case("v1", error("type", "c", "b"), MISSED_A, MISSED_A)], "type"),
    "equals in a fixed order": ([entity_case("v1", TYPE_BC, INVENTED_B)], "invented"),
    "cases without mistakes": ([case("v1", "wrong")], None),
    "no such case": ([], None),
}


@pytest.mark.parametrize(("cases", "kind"), EVIDENCE.values(), ids=EVIDENCE)
def test_the_kind_of_mistake_is_what_the_evidence_shows_most_on_the_weakness_own_labels(
    cases: list[Case], kind: ErrorKind | None
) -> None:
    assert main_error(weakness("b"), cases) == kind
