"""Breadth: its share while the student learns, and its topics."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.forms import answer_form
from agents.messages import Weakness
from agents.variety import read_topic
from graph.curriculum.lessons import Ground, count_focused, plan_lessons
from graph.curriculum.settings import CurriculumSettings

LABELS = {"a": "first", "b": "second", "c": "third"}


def ground(
    each: int,
    score: float | None = None,
    cycle: int = 1,
    topics: Mapping[str, Sequence[str]] | None = None,
    named: Sequence[str] = (),
) -> Ground:
    weaknesses = {
        f"w-{label}": Weakness(name="w", pattern="p", labels=[label], evidence=["v1"], advice="x") for label in named
    }
    form, counts = answer_form("classification"), dict.fromkeys(LABELS, each)
    return Ground(cycle, "c", LABELS, form, [], counts, 12, weaknesses, score=score, topics=topics or {})


def settings(warm_up: int = 0, **quotas: Any) -> CurriculumSettings:
    shares = {"coverage_early": 1.0, "coverage_until": 12, "coverage_late": 0.5, "coverage_below": 0.4}
    return CurriculumSettings.model_validate({"quotas": {**shares, **quotas}, "warm_up": {"cycles": warm_up}})


def test_breadth_comes_alone_at_first_and_then_leaves_room() -> None:
    def count(cycle: int, each: int, score: float | None = None) -> int:
        return count_focused(ground(each, score, cycle), settings(warm_up=1))

    assert [count(2, 11), count(2, 12), count(1, 12)] == [0, 6, 0]
    assert [count(2, 12, 0.39), count(2, 12, 0.4), count(2, 11, 0.4)] == [0, 6, 0]


def test_topics_take_turns_over_lessons_and_cycles() -> None:
    def topics(each: int, *named: str) -> list[list[str]]:
        lessons = plan_lessons(
            ground(each, topics={"a": ["p", "q", "r"], "b": ["s"]}, named=named), settings(lesson=6, least=6), 5
        )
        return [[read_topic(item) for item in lesson.plan.variety] for lesson in lessons]

    assert topics(0) == [["p", "q", "r", "p", "s", "s"], ["s", "s", "", "", "", ""]]
    assert topics(1)[0] == ["q", "r", "p", "q", "s", "s"]
    on_breadth, on_weakness = topics(12, "a")
    assert on_breadth == ["p", "q", "s", "s", "", ""]
    assert on_weakness == [""] * 6
