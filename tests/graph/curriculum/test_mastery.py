"""Mastery is a number kept over cycles, and a state follows from it."""

import pytest

from evokd.graph.curriculum.mastery import ENOUGH, Mastery, find_state


def test_nothing_counted_is_nothing_known() -> None:
    assert Mastery().value is None
    assert Mastery().after([]).value is None


def test_few_answers_are_pulled_towards_one_half() -> None:
    assert Mastery().after([True]).value == 0.75
    assert Mastery().after([True] * 9).value == 0.95
    assert Mastery().after([False] * 9).value == 0.05


def test_older_answers_fade() -> None:
    then = Mastery().after([False] * 4)
    assert then.after([True] * 4) == Mastery(right=4.0, count=6.0)
    assert then.after([]) == Mastery(right=0.0, count=2.0)


@pytest.mark.parametrize(
    ("first", "right", "wrong", "state"),
    [
        (0.2, 9, 0, "fixed"),
        (0.2, 6, 4, "improving"),
        (0.55, 6, 4, "open"),
        (0.9, 5, 5, "regressed"),
        (None, 5, 5, "open"),
        (0.1, 2, 0, "open"),
    ],
)
def test_the_state_follows_from_the_number_and_its_change(
    first: float | None, right: int, wrong: int, state: str
) -> None:
    now = Mastery().after([True] * right + [False] * wrong)
    assert (now.count >= ENOUGH) is (right + wrong >= 3)
    assert find_state(first, now) == state
