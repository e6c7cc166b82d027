"""Planned attributes of a lesson's texts, and its share of what real texts are like."""

import random
from collections import Counter

import pytest

from evokd.graph.curriculum.attributes import AXES, plan_variety, spread_profile


@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_every_value_of_an_axis_comes_about_equally_often(count: int) -> None:
    planned = plan_variety(count, random.Random(1))
    assert len(planned) == count
    for place, values in enumerate(AXES.values()):
        counts = Counter(item.split("; ")[place] for item in planned)
        assert set(counts) <= set(values)
        assert max(counts.values(), default=0) - min((counts[value] for value in values), default=0) <= 1


def test_the_axes_are_drawn_apart_from_each_other_and_by_the_seed() -> None:
    many = plan_variety(400, random.Random(1))
    assert many == plan_variety(400, random.Random(1)) != plan_variety(400, random.Random(2))
    pairs = {tuple(item.split("; ")[:2]) for item in many}
    assert len(pairs) == len(AXES["length"]) * len(AXES["situation"])


@pytest.mark.parametrize("count", [0, 1, 7, 20])
@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.6, 0.3, 0.1), (6, 3, 1), (1.0, 0.0), (0.0, 0.0)])
def test_a_lesson_gets_the_shares_of_real_texts_to_within_one_text(count: int, shares: tuple[float, ...]) -> None:
    axes = {"tone": [(f"v{place}", share) for place, share in enumerate(shares)]}
    found = spread_profile(axes, count, random.Random(1))["tone"]
    assert sum(found.values()) == count
    assert all(found.values())
    total = sum(shares)
    for value, share in axes["tone"] if total else []:
        assert abs(found.get(value, 0) - count * share / total) < 1


def test_rare_values_come_up_over_many_small_lessons() -> None:
    rng = random.Random(1)
    counts = Counter[str]()
    for _ in range(1_000):
        counts.update(spread_profile({"length": [("short", 0.9), ("long", 0.1)]}, 4, rng)["length"])
    assert 300 < counts["long"] < 500
