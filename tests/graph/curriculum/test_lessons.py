"""What the Generator is asked for: how many texts of which label, in which mode and in which requests."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evokd.agents.strategies import CONTEXT_STRATEGIES, ERROR_STRATEGIES
from evokd.messages import NO_ENTITY, Case, ErrorKind
from tests.graph.curriculum.planning import LABELS, asked, case, drafts, plan, quotas, seeds, weakness, written


def test_breadth_goes_by_all_samples_and_not_by_those_at_hand() -> None:
    lessons = plan(6, written(5, "b"), counts={"a": 90, "b": 90, "c": 84})
    assert asked(lessons) == {"c": 6}


def test_breadth_fills_the_poorest_labels() -> None:
    assert asked(plan(6, written(5, "a") + written(1, "b"))) == {"b": 3, "c": 3}


def test_kinds_of_breadth_together_fill_the_poorest_labels() -> None:
    lessons = plan({"plain": 4, "toned": 4}, written(4, "a"), quotas={"lesson": 8})
    assert [(lesson.kind, quotas(lesson)) for lesson in lessons] == [
        ("plain", {"b": 2, "c": 2}),
        ("toned", {"b": 2, "c": 2}),
    ]


def test_labels_by_chance_are_not_evened_out() -> None:
    (lesson,) = plan(12, written(30, "a"), quotas={"coverage": "chance"})
    assert quotas(lesson).get("a", 0) > 0
    assert drafts([lesson]) == 12
    assert asked(plan(12, written(30, "a"))) == {"b": 6, "c": 6}


def test_a_request_holds_all_labels_so_that_none_has_a_topic_or_a_tone_of_its_own() -> None:
    assert [quotas(lesson) for lesson in plan(24, quotas={"lesson": 12})] == [{"a": 4, "b": 4, "c": 4}] * 2
    apart = plan(24, quotas={"lesson": 8, "mixed": False})
    assert [quotas(lesson) for lesson in apart] == [{"a": 8}, {"b": 8}, {"c": 8}]


def test_requests_are_of_even_size_rather_than_one_that_is_hardly_worth_its_prompt() -> None:
    wanted = (5, 20, 21, 40, 41)
    sizes = {count: [drafts([lesson]) for lesson in plan(count, quotas={"lesson": 16})] for count in wanted}
    assert sizes == {5: [5], 20: [20], 21: [11, 10], 40: [20, 20], 41: [14, 14, 13]}


@pytest.mark.parametrize("total", [8, 44, 52, 90, 130])
@pytest.mark.parametrize("texts", [(0,), (45,), (30, 10), (0, 0), (90, 5)])
def test_breadth_beside_weaknesses_is_worth_its_requests(total: int, texts: tuple[int, ...]) -> None:
    weak = {f"w{number}": weakness("a", "b", texts=count) for number, count in enumerate(texts)}
    lessons = plan({"plain": total // 2, "toned": total - total // 2}, weaknesses=weak)
    assert drafts(lessons) == total
    assert all(drafts([lesson]) >= 10 for lesson in lessons if lesson.weakness is None)


def test_of_kinds_that_a_rest_leaves_too_little_room_for_the_largest_gets_it() -> None:
    lessons = plan({"plain": 30, "toned": 60}, weaknesses={"w1": weakness("a")}, quotas={"weaknesses": 0.8})
    found: Counter[str] = Counter()
    for lesson in lessons:
        found[lesson.kind] += drafts([lesson])
    assert found == {"weakness": 40, "toned": 33, "plain": 17}
    lessons = plan({"plain": 8, "toned": 16}, weaknesses={"w1": weakness("a")}, quotas={"weaknesses": 0.2})
    assert [(lesson.kind, drafts([lesson])) for lesson in lessons] == [("toned", 19), ("weakness", 5)]


def test_no_hard_text_is_asked_for_unless_a_setting_says_so() -> None:
    found = {"w1": weakness("b", "c")}
    (lesson,) = plan(30, weaknesses=found)
    assert {part.hard for part in lesson.plan.quotas} == {0}
    (hard,) = plan(30, weaknesses=found, quotas={"hard": 0.5, "hard_coverage": 0.5})
    assert [(part.hard, part.easy) for part in hard.plan.quotas] == [(8, 7), (8, 7)]


def test_ids_are_ordered_behind_those_of_the_cycle_and_modes_taken_in_turn() -> None:
    lessons = plan(50, modes=["write", "paraphrase"], quotas={"lesson": 8}, before=2)
    assert [lesson.plan.id for lesson in lessons] == [f"c001-l{number:02d}" for number in range(3, 8)]
    modes = [lesson.plan.mode for lesson in lessons]
    assert set(modes) == {"write", "paraphrase"}
    assert all(one != other for one, other in pairwise(modes))


def test_all_written_texts_of_a_cycle_with_weaknesses_are_about_them() -> None:
    lessons = plan(60, weaknesses={"w1": weakness("a", "b"), "w2": weakness("c")})
    assert [(lesson.kind, lesson.weakness, drafts([lesson])) for lesson in lessons] == [
        ("weakness", "w1", 30),
        ("weakness", "w2", 30),
    ]
    half = plan(60, weaknesses={"w1": weakness("a", "b")}, quotas={"weaknesses": 0.5})
    assert [(lesson.kind, drafts([lesson])) for lesson in half] == [("plain", 30), ("weakness", 30)]


def test_the_analyst_may_say_how_many_texts_a_weakness_wants() -> None:
    lessons = plan(60, weaknesses={"w1": weakness("a", texts=45), "w2": weakness("c", texts=15)})
    assert [(lesson.kind, drafts([lesson])) for lesson in lessons] == [("weakness", 45), ("weakness", 15)]
    lessons = plan(60, weaknesses={"w1": weakness("a", texts=55), "w2": weakness("c", texts=5)})
    assert [(lesson.kind, drafts([lesson])) for lesson in lessons] == [("plain", 15), ("weakness", 40), ("weakness", 5)]


def test_fewer_weaknesses_are_taught_where_there_is_room_for_few() -> None:
    found = {f"w{number}": weakness("b") for number in range(4)}
    taught = {
        wanted: [quotas(lesson)["b"] for lesson in plan(wanted, weaknesses=found, quotas={"least": 10})]
        for wanted in (8, 20, 48)
    }
    assert taught == {8: [8], 20: [10, 10], 48: [12, 12, 12, 12]}


def test_pairs_are_asked_for_where_a_whole_text_has_one_of_several_labels() -> None:
    for changes, pairs in (({}, True), ({"quotas": {"pairs": False}}, False), ({"task": "ner"}, False)):
        (lesson,) = plan(24, weaknesses={"w1": weakness("a", "b", "c")}, **changes)
        assert (lesson.plan.pairs, quotas(lesson)) == (pairs, {"a": 8, "b": 8, "c": 8})
    (lesson,) = plan(24, weaknesses={"w1": weakness("a")})
    assert not lesson.plan.pairs, "a single label has no border"


def test_a_lesson_on_invented_entities_asks_for_texts_without_any() -> None:
    found = {}
    for kind in ("invented", "missed"):
        (lesson,) = plan(24, weaknesses={"w1": weakness("b", "c")}, mistakes={"w1": kind}, task="ner")
        found[kind] = quotas(lesson)
    assert found == {"invented": {"b": 9, "c": 9, NO_ENTITY: 6}, "missed": {"b": 12, "c": 12}}


def test_breadth_asks_for_the_share_of_texts_without_a_label_that_real_ones_have() -> None:
    def blanks(**changes: Any) -> int:
        return asked(plan(40, quotas={"no_label": 0.25}, **changes))[NO_ENTITY]

    assert blanks() == 0, "every text has a label where answers are labels"
    assert blanks(task="ner") == 10
    assert blanks(task="ner", blank=0.05) == 2


def test_dense_texts_name_much_and_are_hard() -> None:
    (lesson,) = plan({"dense": 6}, task="ner", quotas={"no_label": 0})
    assert {(part.hard, part.easy) for part in lesson.plan.quotas} == {(2, 0)}
    assert "several entities" in lesson.plan.weakness.advice
    (plain,) = plan(6, task="ner")
    assert plain.plan.weakness.advice == ""


def test_the_kind_of_mistake_decides_about_the_mode_and_the_rest_follows_the_general_modes() -> None:
    kinds: dict[str, ErrorKind | None] = {"w1": "type", "w2": "type", "w3": "missed", "w4": None}
    lessons = plan(
        96,
        written(20, "b"),
        weaknesses={name: weakness("b") for name in kinds},
        mistakes=kinds,
        task="ner",
        modes=["extrapolate"],
        error_modes={"type": ["swap_entities", "misspell"], "missed": ["rewrite_context"]},
        quotas={"lesson": 6, "weaknesses": 0.5, "least": 6},
    )
    modes: dict[str | None, set[str]] = {}
    for lesson in lessons:
        modes.setdefault(lesson.weakness, set()).add(lesson.plan.mode)
    assert modes["w1"] | modes["w2"] == {"swap_entities", "misspell"}
    assert modes["w3"] == {"rewrite_context"}
    assert modes["w4"] == modes[None] == {"extrapolate"}


@pytest.mark.parametrize("mode", ["rewrite_context", "rewrite_and_swap", "swap_entities", "write"])
@pytest.mark.parametrize("kind", ERROR_STRATEGIES)
def test_lessons_that_rewrite_bring_strategies_and_the_one_that_answers_the_mistake(mode: str, kind: ErrorKind) -> None:
    found = {"w1": weakness("b", "c")}
    (lesson,) = plan(12, weaknesses=found, mistakes={"w1": kind}, task="ner", strategies=3, error_modes={kind: [mode]})
    answer, instruction, able = ERROR_STRATEGIES[kind]
    told = dict(lesson.plan.strategies)
    if mode in able:
        assert told.pop(answer) == instruction
    assert len(told) == (3 if mode.startswith("rewrite") else 0)
    assert all(told[name] == CONTEXT_STRATEGIES[name][1] for name in told)


def test_other_lessons_bring_other_strategies() -> None:
    lessons = plan(96, task="ner", modes=["rewrite_context"], strategies=4, quotas={"lesson": 4})
    assert len({tuple(sorted(lesson.plan.strategies)) for lesson in lessons}) > 3


def test_a_task_without_entities_gets_no_strategies() -> None:
    lessons = plan(24, weaknesses={"w1": weakness("b", "c")}, modes=["paraphrase"], mistakes={"w1": "type"})
    assert all(lesson.plan.strategies == {} for lesson in lessons)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    wanted=st.integers(0, 120),
    count=st.integers(0, 6),
    lesson=st.integers(1, 20),
    hard=st.floats(0, 1),
    share=st.floats(0, 1),
    blank=st.floats(0, 1),
    task=st.sampled_from(["classification", "ner"]),
    have=st.lists(st.sampled_from(sorted(LABELS)), max_size=40),
)
def test_lessons_ask_for_no_more_than_is_wanted_in_bearable_pieces(
    wanted: int, count: int, lesson: int, hard: float, share: float, blank: float, task: str, have: list[str]
) -> None:
    weak = {f"w{number}": weakness(*list(LABELS)[: number % 3 + 1]) for number in range(count)}
    items = [item for label in have for item in written(1, label)]
    sizes = {"lesson": lesson, "hard": hard, "weaknesses": share, "no_label": blank}
    lessons = plan(wanted, items, weaknesses=weak, quotas=sizes, task=task)
    assert all(0 < drafts([item]) <= lesson * 1.25 for item in lessons)
    assert drafts(lessons) == wanted
    assert all(part.hard >= 0 and part.easy >= 0 for item in lessons for part in item.plan.quotas)
    assert [item.plan.id for item in lessons] == [f"c001-l{number:02d}" for number in range(1, len(lessons) + 1)]


def test_every_error_is_extrapolated_once_with_its_case_as_the_example() -> None:
    wrong = [case(f"x{number}", "wrong", "ab"[number % 2], "c") for number in range(5)]
    lessons = plan(12, written(9, "a"), wrong=wrong, errors=10, quotas={"lesson": 4, "fill": False})
    assert [quotas(lesson) for lesson in lessons] == [{"a": 2, "b": 2}, {"a": 1}]
    assert {(lesson.plan.mode, lesson.kind) for lesson in lessons} == {("extrapolate", "error")}
    assert [item.text for lesson in lessons for item in lesson.plan.examples] == [f"x{number}" for number in range(5)]


def test_errors_stay_within_the_share_that_breadth_leaves() -> None:
    wrong = [case(f"x{number}", "wrong") for number in range(20)]
    lessons = plan(12, wrong=wrong, errors=20, quotas={"weaknesses": 0.5})
    assert [quotas(lesson) for lesson in lessons if lesson.plan.weakness.name == "errors"] == [{"a": 6}]
    assert drafts(lessons) == 12


def test_errors_and_weaknesses_share_the_room() -> None:
    wrong = [case(f"x{number}", "wrong") for number in range(4)]
    lessons = plan(24, weaknesses={"w1": weakness("b", "c")}, wrong=wrong, errors=4, quotas={"weaknesses": 0.5})
    assert {lesson.kind: drafts([lesson]) for lesson in lessons} == {"plain": 12, "error": 4, "weakness": 8}


@pytest.mark.parametrize(("fill", "count"), [(True, 12), (False, 0)])
def test_what_no_error_takes_up_goes_to_breadth_or_is_not_asked(fill: bool, count: int) -> None:
    assert drafts(plan(12, errors=5, quotas={"fill": fill})) == count


def test_an_error_in_a_text_with_entities_is_asked_for_by_the_first_of_them() -> None:
    right = [{"text": "x", "label": "O"}, {"text": "y", "label": "b"}]
    fields = {"id": "e", "text": "x y", "predicted": [], "confidence": 0.5, "verdict": "wrong"}
    wrong = [Case.model_validate({**fields, "gold": gold}) for gold in (right, [])]
    (lesson,) = plan(12, task="ner", wrong=wrong, errors=5, quotas={"fill": False})
    assert quotas(lesson) == {"b": 1, NO_ENTITY: 1}


def test_a_warm_up_asks_for_breadth_in_its_own_mode() -> None:
    warm_up = {"cycles": 1, "mode": "paraphrase"}
    found = {"w1": weakness("b", "c")}
    lessons = {cycle: plan(12, seeds("a"), weaknesses=found, cycle=cycle, warm_up=warm_up) for cycle in (1, 2)}
    assert [(lesson.weakness, lesson.plan.mode) for lesson in lessons[1]] == [(None, "paraphrase")]
    assert [(lesson.weakness, lesson.plan.mode) for lesson in lessons[2]] == [("w1", "write")]
