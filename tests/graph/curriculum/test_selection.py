"""Which texts of a pool are labelled."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from evokd.graph.curriculum.selection import choose_texts, density, doubt

NONE = np.zeros((0, 2))


def groups(*sizes: int) -> tuple[NDArray[np.float64], list[int]]:
    """Vectors of length 1 in groups that lie apart, and the group of each."""
    rng = np.random.default_rng(1)
    angles = [place + rng.normal(0, 0.02) for place, size in enumerate(sizes) for _ in range(size)]
    numbers = [place for place, size in enumerate(sizes) for _ in range(size)]
    return np.array([[np.cos(angle), np.sin(angle)] for angle in angles]), numbers


def test_the_first_texts_stand_for_the_whole_pool() -> None:
    vectors, _ = groups(60, 30, 10)

    def miss(chosen: Sequence[int]) -> float:
        return float(np.linalg.norm(vectors[chosen].mean(axis=0) - vectors.mean(axis=0)))

    chosen = choose_texts(vectors, NONE, None, 20, 0.5, 1)
    assert len(set(chosen)) == 20
    by_chance = [miss(np.random.default_rng(seed).permutation(100)[:20].tolist()) for seed in range(50)]
    assert miss(chosen) < 0.6 * float(np.median(by_chance))


def test_what_was_labelled_before_counts_as_covered() -> None:
    vectors, numbers = groups(20, 20)
    first = [place for place, number in enumerate(numbers) if number == 0][:10]
    left = [place for place in range(40) if place not in first]
    chosen = choose_texts(vectors[left], vectors[first], None, 10, 1.0, 1)
    assert Counter(numbers[left[place]] for place in chosen) == {1: 10}


def test_the_rest_is_what_is_worth_most_but_not_all_of_a_kind() -> None:
    vectors, _ = groups(50, 50)
    worth = np.linspace(0, 1, 100)
    chosen = choose_texts(vectors, NONE, worth, 10, 0.0, 1)
    assert min(chosen) >= 60, "among the forty that are worth most"
    half = choose_texts(vectors, NONE, worth, 10, 0.5, 1)
    assert sum(place >= 60 for place in half[5:]) == 5
    assert len(set(half)) == 10


def test_all_are_taken_where_more_are_wanted_and_none_where_none_is() -> None:
    vectors, _ = groups(3, 2)
    assert sorted(choose_texts(vectors, NONE, np.ones(5), 9, 0.5, 1)) == [0, 1, 2, 3, 4]
    assert choose_texts(vectors, NONE, None, 0, 0.5, 1) == []


def test_doubt_is_the_lack_of_a_margin_and_density_the_sum_over_types() -> None:
    assert np.allclose(doubt([[0.9, 0.05, 0.05], [0.5, 0.45, 0.05], [1.0, 0.0, 0.0]]), [0.15, 0.95, 0.0])
    assert np.allclose(doubt([[0.3], [1.0]]), [0.7, 0.0])
    assert np.allclose(density([[0.9, 0.8, 0.1], [0.0, 0.0, 0.0]]), [1.8, 0.0])
