"""What the Generator is asked for."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.forms import answer_form
from agents.messages import NO_ENTITY, Case, ErrorKind, Weakness
from agents.strategies import CONTEXT_STRATEGIES, ERROR_STRATEGIES
from graph.curriculum.lessons import Ground, Known, find_overused, plan_lessons
from graph.curriculum.settings import CurriculumSettings

LABELS = {"a": "first", "b": "second", "c": "third"}
QUOTAS = {"lesson": 16, "least": 6, "coverage_early": 0.85, "coverage_until": 24}
"""Of most plans here: small lessons, and room for weaknesses from the start."""


def case(name: str, verdict: str, gold: str = "a", predicted: str = "b", confidence: float = 0.5) -> Case:
    fields = {"id": name, "text": name, "gold": gold, "predicted": predicted, "confidence": confidence}
    return Case.model_validate({**fields, "verdict": verdict})


def weakness(*labels: str) -> Weakness:
    return Weakness(name="w", pattern="p", labels=list(labels), evidence=["v1"], advice="x")


def known(count: int, label: str) -> list[Known]:
    return [
        Known(text=f"{label} text number {i} says this and that", gold=label, labels=(label,)) for i in range(count)
    ]


def plan(wanted: int = 12, items: list[Known] | None = None, **changes: Any) -> list[Any]:
    weaknesses = changes.pop("weaknesses", {"w1": weakness("b", "c")})
    errors, form = changes.pop("mistakes", {}), answer_form(changes.pop("task", "classification"))
    counts = changes.pop("counts", None) or Counter(label for item in items or [] for label in item.labels)
    wrong = changes.pop("wrong", ())
    changes = {"tone": 0, "avoid": 40, **changes, "quotas": {**QUOTAS, **changes.get("quotas", {})}}
    ground = Ground(
        changes.pop("cycle", 1), "c001", LABELS, form, items or [], counts, wanted, weaknesses, errors, wrong
    )
    return plan_lessons(ground, CurriculumSettings.model_validate(changes), 5)


def test_new_texts_are_shown_the_tone_of_the_seeds_and_no_examples() -> None:
    items = [*known(9, "a"), *(Known(f"seed {label}", label, (label,), seed=True) for label in "abc")]
    shown = {
        (task, mode): [
            (lesson.plan.tone, lesson.plan.examples) for lesson in plan(9, items, tone=2, modes=[mode], task=task)
        ]
        for task in ("classification", "ner")
        for mode in ("write", "paraphrase")
    }
    for tone, examples in shown.pop(("classification", "write")):
        assert len(set(tone)) == 2
        assert set(tone) <= {"seed a", "seed b", "seed c"}
        assert examples == []
    for lessons in shown.values():
        assert all(not tone and examples for tone, examples in lessons)
    (lesson,) = plan(9, [], weaknesses={}, tone=2)
    assert "tone" not in lesson.plan.model_dump(mode="json")


def test_breadth_goes_by_all_samples_and_not_by_those_at_hand() -> None:
    lessons = plan(6, known(5, "b"), weaknesses={}, counts={"a": 90, "b": 90, "c": 84})
    asked = Counter({quota.label: quota.hard + quota.easy for item in lessons for quota in item.plan.quotas})
    assert asked == {"c": 6}


def drafts(lessons: list[Any]) -> int:
    return sum(quota.hard + quota.easy for lesson in lessons for quota in lesson.plan.quotas)


def test_breadth_fills_the_poorest_labels() -> None:
    lessons = plan(6, known(5, "a") + known(1, "b"), weaknesses={})
    asked = Counter[str]()
    for lesson in lessons:
        for quota in lesson.plan.quotas:
            asked[quota.label] += quota.hard + quota.easy
    assert asked == {"b": 3, "c": 3}


def test_breadth_takes_more_while_the_labels_are_poor() -> None:
    shares, split = {}, {"coverage_early": 0.75, "coverage_until": 12, "coverage_late": 0.5}
    for name, items in {"poor": [], "rich": [item for label in LABELS for item in known(20, label)]}.items():
        lessons = plan(16, items, quotas=split)
        shares[name] = drafts([lesson for lesson in lessons if lesson.weakness is None])
    assert shares == {"poor": 12, "rich": 8}


def test_examples_and_openings_come_from_what_is_known_with_the_labels() -> None:
    items = known(4, "a") + known(4, "b") + known(4, "c")
    lesson = next(item for item in plan(12, items, examples=3, avoid=2, phrases=0) if item.weakness)
    assert {quota.label for quota in lesson.plan.quotas} <= {"b", "c"}
    assert len(lesson.plan.examples) == 3
    assert {example.text for example in lesson.plan.examples} <= {item.text for item in items}
    assert all(len(opening.split()) == 6 for opening in lesson.plan.avoid)
    assert len(lesson.plan.avoid) <= 2


def test_no_openings_and_no_examples_when_none_are_asked_for() -> None:
    for lesson in plan(12, known(4, "b"), examples=0, avoid=0, phrases=0):
        assert (lesson.plan.examples, lesson.plan.avoid) == ([], [])


def test_ids_are_ordered_and_modes_taken_in_turn() -> None:
    lessons = plan(40, modes=["write", "paraphrase"], quotas={"lesson": 8})
    ids = [lesson.plan.id for lesson in lessons]
    assert ids == sorted(ids) == [f"c001-l{number:02d}" for number in range(1, len(ids) + 1)]
    modes = [lesson.plan.mode for lesson in lessons]
    assert set(modes) == {"write", "paraphrase"}
    assert all(one != other for one, other in pairwise(modes))


def test_a_lesson_on_invented_entities_asks_for_texts_without_any() -> None:
    asked = {}
    for kind in ("invented", "missed"):
        lessons = plan(24, mistakes={"w1": kind}, task="ner", quotas={"coverage_early": 0.5})
        (lesson,) = [item.plan for item in lessons if item.weakness]
        asked[kind] = {quota.label: quota.hard + quota.easy for quota in lesson.quotas}
    assert asked == {"invented": {"b": 3, "c": 3, NO_ENTITY: 6}, "missed": {"b": 6, "c": 6}}


@pytest.mark.parametrize(("mode", "openings"), [("swap_entities", False), ("misspell", False), ("write", True)])
def test_a_lesson_that_stays_near_its_examples_need_not_avoid_their_openings(mode: str, openings: bool) -> None:
    items = [Known(f"text number {i} says this", [], ("a",)) for i in range(5)]
    assert all(
        bool(lesson.plan.avoid) is openings
        for lesson in plan(8, items, weaknesses={}, task="ner", modes=[mode])
        if any(quota.label == "a" for quota in lesson.plan.quotas)
    )


def test_the_kind_of_mistake_decides_about_the_mode_and_the_rest_follows_the_general_modes() -> None:
    kinds: dict[str, ErrorKind | None] = {"w1": "type", "w2": "type", "w3": "missed", "w4": None}
    lessons = plan(
        96,
        known(20, "b"),
        weaknesses={name: weakness("b") for name in kinds},
        mistakes=kinds,
        task="ner",
        modes=["extrapolate"],
        error_modes={"type": ["swap_entities", "misspell"], "missed": ["rewrite_context"]},
        quotas={"lesson": 6, "coverage_early": 0.5},
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
    lessons = plan(12, mistakes={"w1": kind}, task="ner", strategies=3, error_modes={kind: [mode]})
    (lesson,) = [item for item in lessons if item.weakness]
    answer, instruction, able = ERROR_STRATEGIES[kind]
    told = dict(lesson.plan.strategies)
    if mode in able:
        assert told.pop(answer) == instruction
    assert len(told) == (3 if mode.startswith("rewrite") else 0)
    assert all(told[name] == CONTEXT_STRATEGIES[name][1] for name in told)
    assert all(item.plan.strategies == {} for item in lessons if item.plan.mode == "write" and not item.weakness)


def test_other_lessons_and_other_seeds_bring_other_strategies() -> None:
    lessons = plan(96, weaknesses={}, task="ner", modes=["rewrite_context"], strategies=4, quotas={"lesson": 4})
    assert len({tuple(sorted(lesson.plan.strategies)) for lesson in lessons}) > 3


def test_a_task_without_entities_gets_no_strategies() -> None:
    assert all(lesson.plan.strategies == {} for lesson in plan(24, modes=["paraphrase"], mistakes={"w1": "type"}))


def test_breadth_asks_for_a_share_of_texts_without_a_label_where_the_task_has_such() -> None:
    asked: dict[str, Counter[str]] = {}
    for task in ("classification", "ner"):
        asked[task] = Counter()
        for lesson in plan(40, weaknesses={"w1": weakness("b")}, task=task, quotas={"blank": 0.25, "lesson": 10}):
            for quota in lesson.plan.quotas:
                asked[task][quota.label] += quota.hard + quota.easy
                assert quota.label in LABELS or lesson.weakness is None
    assert set(asked["classification"]) == set(LABELS)
    assert asked["ner"][NO_ENTITY] == 8  # a quarter of the 32 that breadth asks for
    assert asked["ner"].total() == asked["classification"].total() == 40


def test_examples_of_texts_without_a_label_are_such_texts() -> None:
    items = [Known(f"plain text number {i} says nothing", [], ()) for i in range(4)]
    lessons = plan(8, [*items, *known(4, "a")], weaknesses={}, task="ner", examples=3, avoid=9, quotas={"blank": 1})
    (lesson,) = lessons
    assert [quota.label for quota in lesson.plan.quotas] == [NO_ENTITY]
    assert {example.text for example in lesson.plan.examples} < {item.text for item in items}
    assert len(lesson.plan.examples) == 3
    assert set(lesson.plan.avoid) == {" ".join(item.text.split()[:6]) for item in items}


def test_a_text_of_which_a_part_is_left_open_is_counted_and_avoided_but_no_example() -> None:
    items = [*known(3, "b"), *(Known(f"b open number {i} or so", "b", ("b",), whole=False) for i in range(30))]
    lessons = [lesson for lesson in plan(24, items, examples=8, avoid=40) if lesson.weakness]
    shown = {example.text for lesson in lessons for example in lesson.plan.examples}
    assert shown == {item.text for item in items if item.whole}
    assert any(opening.startswith("b open") for lesson in lessons for opening in lesson.plan.avoid)
    breadth = plan(6, items, weaknesses={})
    assert {quota.label for lesson in breadth for quota in lesson.plan.quotas} == {"a", "c"}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    wanted=st.integers(0, 120),
    count=st.integers(0, 6),
    lesson=st.integers(1, 20),
    hard=st.floats(0, 1),
    early=st.floats(0, 1),
    blank=st.floats(0, 1),
    task=st.sampled_from(["classification", "ner"]),
    have=st.lists(st.sampled_from(sorted(LABELS)), max_size=40),
)
def test_lessons_ask_for_what_is_wanted_in_bearable_pieces(
    wanted: int, count: int, lesson: int, hard: float, early: float, blank: float, task: str, have: list[str]
) -> None:
    weak = {f"w{i}": weakness(*list(LABELS)[: i % 3 + 1]) for i in range(count)}
    items = [Known(text=f"t{i}", gold=label, labels=(label,)) for i, label in enumerate(have)]
    quotas = {"lesson": lesson, "hard": hard, "coverage_early": early, "blank": blank}
    lessons = plan(wanted, items, weaknesses=weak, quotas=quotas, task=task)
    sizes = [drafts([item]) for item in lessons]
    assert all(
        0 < size <= (lesson * 1.5 if item.weakness is None else lesson)
        for item, size in zip(lessons, sizes, strict=True)
    )
    assert sum(sizes) == wanted
    assert all(quota.hard >= 0 and quota.easy >= 0 for item in lessons for quota in item.plan.quotas)
    assert [item.plan.id for item in lessons] == [f"c001-l{number:02d}" for number in range(1, len(lessons) + 1)]


def test_breadth_is_cut_into_even_lessons_rather_than_one_that_is_hardly_worth_its_prompt() -> None:
    assert [drafts([item]) for item in plan(34, weaknesses={})] == [17, 17]
    assert [drafts([item]) for item in plan(41, weaknesses={})] == [14, 14, 13]
    assert [drafts([item]) for item in plan(5, weaknesses={})] == [5]


def quotas(lesson: Any) -> dict[str, int]:
    return {part.label: part.hard + part.easy for part in lesson.plan.quotas}


def test_every_error_is_extrapolated_once_with_its_case_as_the_example() -> None:
    wrong = [case(f"x{number}", "wrong", "ab"[number % 2], "c") for number in range(5)]
    shares = {"coverage_early": 0.0, "lesson": 4, "fill": False}
    lessons = plan(12, known(9, "a"), weaknesses={}, wrong=wrong, errors=10, quotas=shares)
    assert [quotas(lesson) for lesson in lessons] == [{"a": 2, "b": 2}, {"a": 1}]
    assert {lesson.plan.mode for lesson in lessons} == {"extrapolate"}
    assert [item.text for lesson in lessons for item in lesson.plan.examples] == [f"x{number}" for number in range(5)]


def test_errors_stay_within_the_share_that_breadth_leaves() -> None:
    wrong = [case(f"x{number}", "wrong") for number in range(20)]
    lessons = plan(12, weaknesses={}, wrong=wrong, errors=20, quotas={"coverage_early": 0.5})
    assert [quotas(lesson) for lesson in lessons if lesson.plan.weakness.name == "errors"] == [{"a": 6}]
    assert drafts(lessons) == 12


@pytest.mark.parametrize(("fill", "asked"), [(True, 12), (False, 0)])
def test_what_no_error_takes_up_goes_to_breadth_or_is_not_asked(fill: bool, asked: int) -> None:
    assert drafts(plan(12, weaknesses={}, errors=5, quotas={"fill": fill})) == asked


def test_an_error_in_a_text_with_entities_is_asked_for_by_the_first_of_them() -> None:
    right = [{"text": "x", "label": "O"}, {"text": "y", "label": "b"}]
    fields = {"id": "e", "text": "x y", "predicted": [], "confidence": 0.5, "verdict": "wrong"}
    wrong = [Case.model_validate({**fields, "gold": gold}) for gold in (right, [])]
    shares = {"coverage_early": 0.0, "fill": False}
    (lesson,) = plan(12, weaknesses={}, task="ner", wrong=wrong, errors=5, quotas=shares)
    assert quotas(lesson) == {"b": 1, NO_ENTITY: 1}


def test_a_warm_up_asks_for_breadth_in_its_own_mode() -> None:
    warm_up = {"cycles": 1, "mode": "paraphrase"}
    lessons = {cycle: plan(12, known(3, "a"), cycle=cycle, warm_up=warm_up) for cycle in (1, 2)}
    assert {lesson.plan.mode for lesson in lessons[1]} == {"paraphrase"}
    assert [lesson.weakness for lesson in lessons[1]] == [None]
    assert {lesson.weakness for lesson in lessons[2]} == {None, "w1"}
    assert {lesson.plan.mode for lesson in lessons[2]} == {"write"}


def test_breadth_asks_for_plain_texts_with_planned_attributes() -> None:
    (lesson,) = plan(9, weaknesses={})
    assert {(part.hard, part.easy) for part in lesson.plan.quotas} == {(0, 3)}
    assert len(lesson.plan.variety) == 9
    assert lesson.plan.weakness.advice
    assert plan(9, weaknesses={})[0].plan.variety == lesson.plan.variety


@pytest.mark.parametrize("changes", [{"variety": False}, {"modes": ["paraphrase"]}])
def test_no_attributes_are_planned_where_they_are_not_wanted_or_the_example_has_them(changes: dict[str, Any]) -> None:
    (lesson,) = plan(9, weaknesses={}, **changes)
    assert (lesson.plan.variety, lesson.plan.weakness.advice) == ([], "")
    assert "variety" not in lesson.plan.model_dump(mode="json")


def test_labels_by_chance_are_not_evened_out() -> None:
    asked = [quotas(lesson) for lesson in plan(12, known(30, "a"), weaknesses={}, quotas={"breadth": "chance"})]
    assert asked[0].get("a", 0) > 0
    assert sum(asked[0].values()) == 12
    assert quotas(plan(12, known(30, "a"), weaknesses={})[0]) == {"b": 6, "c": 6}


def test_examples_can_be_seeds_alone() -> None:
    seeds = [Known("a seed", "a", ("a",), seed=True)]
    for choice, wanted in (("seeds", {"a seed"}), ("all", {"a seed", *(item.text for item in known(2, "a"))})):
        (lesson,) = plan(
            3, seeds + known(2, "a"), weaknesses={}, counts={"b": 9, "c": 9}, examples=6, examples_from=choice
        )
        assert {item.text for item in lesson.plan.examples} == wanted


def test_phrases_that_many_texts_hold_are_to_be_avoided() -> None:
    texts = [f"Number {i} wants to cancel my plan right away" for i in range(3)] + ["I like my plan right away"]
    assert find_overused(texts, 8) == ["my plan right away", "to cancel my plan"]
    assert find_overused(texts, 1) == ["my plan right away"]
    assert find_overused(texts, 0) == find_overused(texts[:2], 8) == []
    known_texts = [Known(text, "a", ("a",)) for text in texts]
    for count in (0, 8):
        (lesson,) = plan(3, known_texts, weaknesses={}, counts={"b": 9, "c": 9}, phrases=count)
        assert ("my plan right away" in lesson.plan.avoid) is bool(count)


def test_fewer_weaknesses_are_taught_where_there_is_room_for_few() -> None:
    found = {f"w{number}": weakness("b") for number in range(4)}
    split = {"coverage_early": 0.5, "least": 5}
    taught = {
        wanted: [quotas(lesson)["b"] for lesson in plan(wanted, weaknesses=found, quotas=split) if lesson.weakness]
        for wanted in (4, 20, 48)
    }
    assert taught == {4: [2], 20: [5, 5], 48: [6, 6, 6, 6]}


def test_errors_and_weaknesses_share_the_room() -> None:
    wrong = [case(f"x{number}", "wrong") for number in range(4)]
    lessons = plan(12, wrong=wrong, errors=4, quotas={"coverage_early": 0.5})
    assert {lesson.plan.weakness.name: sum(quotas(lesson).values()) for lesson in lessons} == {
        "breadth": 6,
        "errors": 4,
        "w": 2,
    }


def test_each_lesson_has_the_attributes_that_its_own_mode_leaves_open() -> None:
    lessons = plan(40, weaknesses={}, modes=["write", "paraphrase"], quotas={"lesson": 8})
    assert {(lesson.plan.mode, bool(lesson.plan.variety), bool(lesson.plan.weakness.advice)) for lesson in lessons} == {
        ("write", True, True),
        ("paraphrase", False, False),
    }
