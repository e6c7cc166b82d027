"""Planned attributes of a lesson's texts."""

import random
from collections import Counter

import pytest

from agents.variety import AXES, plan_variety, read_topic


@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_every_value_of_an_axis_comes_about_equally_often(count: int) -> None:
    planned = plan_variety([None] * count, random.Random(1))
    assert len(planned) == count
    for place, values in enumerate(AXES.values()):
        counts = Counter(item.split("; ")[place] for item in planned)
        assert set(counts) <= set(values)
        assert max(counts.values(), default=0) - min((counts[value] for value in values), default=0) <= 1


def test_the_axes_are_drawn_apart_from_each_other_and_by_the_seed() -> None:
    many = plan_variety([None] * 400, random.Random(1))
    assert many == plan_variety([None] * 400, random.Random(1)) != plan_variety([None] * 400, random.Random(2))
    pairs = {tuple(item.split("; ")[:2]) for item in many}
    assert len(pairs) == len(AXES["length"]) * len(AXES["register"])


def test_a_topic_stands_first_and_changes_no_other_attribute() -> None:
    told = plan_variety(["bills; late", None], random.Random(1))
    plain = plan_variety([None, None], random.Random(1))
    assert told == [f"topic: bills; late; {plain[0]}", plain[1]]
    assert [read_topic(item) for item in told] == ["bills; late", ""]
