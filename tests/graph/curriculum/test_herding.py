"""Herding: few texts with the mean of many, nothing that depends on the order of equals but their place."""

import numpy as np
import pytest

from evokd.graph.curriculum.herding import herd

NONE = np.zeros((0, 2))


def test_the_mean_of_the_chosen_comes_near_to_the_target() -> None:
    points = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0], [9.0, 9.0]])
    first, *rest = herd(points, NONE, np.array([2.0, 2.0]), 3)
    assert first == 0, "all four corners lie alike: the first of them"
    assert rest[0] == 3, "the opposite corner brings the mean onto the target"
    assert 4 not in rest


def test_what_is_there_already_is_made_up_for() -> None:
    points = np.array([[1.0, 0.0], [-1.0, 0.0]])
    taken = np.array([[1.0, 0.0]])
    assert herd(points, taken, np.zeros(2), 1) == [1]


@pytest.mark.parametrize(("wanted", "found"), [(0, 0), (2, 2), (3, 3), (9, 3)])
def test_no_more_are_chosen_than_there_are_and_none_twice(wanted: int, found: int) -> None:
    chosen = herd(np.eye(3), np.zeros((0, 3)), np.full(3, 1 / 3), wanted)
    assert len(set(chosen)) == len(chosen) == found


def test_a_few_chosen_ones_stand_for_all_better_than_as_many_by_chance() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(120, 16))
    target = points.mean(axis=0)

    def miss(places: list[int]) -> float:
        return float(np.linalg.norm(points[places].mean(axis=0) - target))

    by_chance = [miss(rng.choice(120, 12, replace=False).tolist()) for _ in range(200)]
    assert miss(herd(points, np.zeros((0, 16)), target, 12)) < min(by_chance) / 2
