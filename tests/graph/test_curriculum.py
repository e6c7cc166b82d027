"""Which cases the Analyst sees, and what the Generator is asked for."""

from collections import Counter
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.messages import Case, Weakness
from graph.curriculum import Known, pick_cases, plan_lessons
from graph.settings import CurriculumSettings, PacketSettings

LABELS = {"a": "first", "b": "second", "c": "third"}


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
    tree = CurriculumSettings.model_validate(changes)
    return plan_lessons(1, "c001", LABELS, weaknesses, items or [], wanted, tree, 5)


def drafts(lessons: list[Any]) -> int:
    return sum(quota.hard + quota.easy for lesson in lessons for quota in lesson.plan.quotas)


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


def test_breadth_fills_the_poorest_labels() -> None:
    lessons = plan(6, known(5, "a") + known(1, "b"), weaknesses={})
    asked = Counter[str]()
    for lesson in lessons:
        for quota in lesson.plan.quotas:
            asked[quota.label] += quota.hard + quota.easy
    assert asked == {"b": 3, "c": 3}


def test_breadth_takes_more_while_the_labels_are_poor() -> None:
    shares = {}
    for name, items in {"poor": [], "rich": [item for label in LABELS for item in known(20, label)]}.items():
        lessons = plan(16, items)
        shares[name] = drafts([lesson for lesson in lessons if lesson.weakness is None])
    assert shares == {"poor": 12, "rich": 8}


def test_examples_and_openings_come_from_what_is_known_with_the_labels() -> None:
    items = known(4, "a") + known(4, "b") + known(4, "c")
    lesson = next(item for item in plan(12, items, examples=3, avoid=2) if item.weakness)
    assert {quota.label for quota in lesson.plan.quotas} <= {"b", "c"}
    assert len(lesson.plan.examples) == 3
    assert {example.text for example in lesson.plan.examples} <= {item.text for item in items}
    assert all(len(opening.split()) == 6 for opening in lesson.plan.avoid)
    assert len(lesson.plan.avoid) <= 2


def test_no_openings_and_no_examples_when_none_are_asked_for() -> None:
    for lesson in plan(12, known(4, "b"), examples=0, avoid=0):
        assert (lesson.plan.examples, lesson.plan.avoid) == ([], [])


def test_ids_are_ordered_and_modes_taken_in_turn() -> None:
    lessons = plan(40, modes=["write", "paraphrase"], quotas={"lesson": 8})
    ids = [lesson.plan.id for lesson in lessons]
    assert ids == sorted(ids) == [f"c001-l{number:02d}" for number in range(1, len(ids) + 1)]
    modes = [lesson.plan.mode for lesson in lessons]
    assert set(modes) == {"write", "paraphrase"}
    assert all(one != other for one, other in pairwise(modes))


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    wanted=st.integers(0, 120),
    count=st.integers(0, 6),
    lesson=st.integers(1, 20),
    hard=st.floats(0, 1),
    early=st.floats(0, 1),
    have=st.lists(st.sampled_from(sorted(LABELS)), max_size=40),
)
def test_lessons_ask_for_what_is_wanted_in_bearable_pieces(
    wanted: int, count: int, lesson: int, hard: float, early: float, have: list[str]
) -> None:
    weak = {f"w{i}": weakness(*list(LABELS)[: i % 3 + 1]) for i in range(count)}
    items = [Known(text=f"t{i}", gold=label, labels=(label,)) for i, label in enumerate(have)]
    quotas = {"lesson": lesson, "hard": hard, "coverage_early": early}
    lessons = plan(wanted, items, weaknesses=weak, quotas=quotas)
    sizes = [drafts([item]) for item in lessons]
    assert all(0 < size <= lesson for size in sizes)
    assert sum(sizes) == wanted
    assert all(quota.hard >= 0 and quota.easy >= 0 for item in lessons for quota in item.plan.quotas)
    assert [item.plan.id for item in lessons] == [f"c001-l{number:02d}" for number in range(1, len(lessons) + 1)]
