"""Measures of learning curves, against values worked out by hand."""

import pytest

from evokd.experiments.measures import area, median_reach, reach, value_at

RISING = [(0, 0.2), (10, 0.4), (30, 0.8)]


@pytest.mark.parametrize(
    ("points", "limit", "expected"),
    [
        # 10 * 0.3 + 20 * 0.6 = 15; 15 / 30
        (RISING, 30, 0.5),
        # 10 * 0.3 + 10 * (0.4 + 0.6) / 2 = 8; 8 / 20: the second segment is cut off
        (RISING, 20, 0.4),
        # 15 + 10 * 0.8 = 23; 23 / 40: the last value is held
        (RISING, 40, 0.575),
        (RISING, 5, 0.25),
        ([(0, 0.7)], 12, 0.7),
        # a jump without samples takes no width: 10 * 0.2 + 10 * 0.6 = 8
        ([(0, 0.2), (10, 0.2), (10, 0.6), (20, 0.6)], 20, 0.4),
        ([(0, 0.5), (10, 0.5), (20, 0.3)], 20, 0.45),
    ],
)
def test_the_area_is_the_mean_score_up_to_the_limit(
    points: list[tuple[float, float]], limit: float, expected: float
) -> None:
    assert area(points, limit) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("points", "goal", "expected"),
    [
        (RISING, 0.2, 0),
        (RISING, 0.1, 0),
        (RISING, 0.3, 5),
        (RISING, 0.4, 10),
        (RISING, 0.6, 20),
        (RISING, 0.8, 30),
        (RISING, 0.81, None),
        # the first time counts, also where the score falls again
        ([(0, 0.2), (10, 0.6), (20, 0.3), (30, 0.7)], 0.5, 7.5),
        ([(0, 0.2), (10, 0.2), (10, 0.6)], 0.5, 10),
    ],
)
def test_a_score_is_reached_between_points_in_proportion_or_not_at_all(
    points: list[tuple[float, float]], goal: float, expected: float | None
) -> None:
    spent = reach(points, goal)
    assert spent is None if expected is None else spent == pytest.approx(expected)


@pytest.mark.parametrize("points", [[], [(5, 0.1)], [(0, 0.1), (10, 0.2), (9, 0.3)]])
def test_what_is_no_learning_curve_is_refused(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match=r"begins at 0|cannot fall"):
        area(points, 10)
    with pytest.raises(ValueError, match=r"begins at 0|cannot fall"):
        reach(points, 0.9)


def test_an_area_needs_a_width() -> None:
    with pytest.raises(ValueError, match="above 0"):
        area(RISING, 0)


@pytest.mark.parametrize(
    ("reached", "expected"),
    [
        ([30.0, 10.0, None], 30),
        ([10.0, 20.0], 15),
        ([10.0, None], None),
        ([None, None, 5.0], None),
        ([10.0, 20.0, 30.0, None], 25),
        ([None], None),
    ],
)
def test_a_median_counts_what_was_never_reached_as_infinite(
    reached: list[float | None], expected: float | None
) -> None:
    assert median_reach(reached) == expected


@pytest.mark.parametrize(("x", "expected"), [(0, 0.2), (5, 0.3), (10, 0.4), (20, 0.6), (30, 0.8), (99, 0.8)])
def test_the_score_at_a_mark_lies_between_its_neighbours_and_is_held_behind_the_last(x: float, expected: float) -> None:
    assert value_at(RISING, x) == pytest.approx(expected)


def test_the_score_at_a_jump_is_the_one_behind_it() -> None:
    assert value_at([(0, 0.2), (10, 0.2), (10, 0.6), (20, 0.6)], 10) == pytest.approx(0.6)
