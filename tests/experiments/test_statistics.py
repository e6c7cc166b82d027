"""Paired differences and their bootstrap intervals."""

import itertools
import statistics

import numpy as np
import pytest

from evokd.experiments.statistics import compare_pairs


def test_the_mean_counts_every_domain_once() -> None:
    difference = compare_pairs({"a": [0.1, 0.2, 0.3], "b": [0.6, 0.6, 0.6, 0.6, 0.6, 0.6]})
    assert difference.mean == pytest.approx((0.2 + 0.6) / 2)
    assert difference.pairs == 9


def test_the_interval_is_that_of_all_resamples() -> None:
    """With four values all 256 resamples can be listed; 10,000 drawn ones come near."""
    values = [0.0, 0.1, 0.2, 0.7]
    means = [statistics.mean(drawn) for drawn in itertools.product(values, repeat=4)]
    low, high = np.quantile(means, [0.025, 0.975])
    difference = compare_pairs({"a": values})
    assert difference.low == pytest.approx(low, abs=0.02)
    assert difference.high == pytest.approx(high, abs=0.02)


def test_two_domains_vary_less_than_one() -> None:
    values = [0.0, 0.1, 0.2, 0.7]
    one, two = compare_pairs({"a": values}), compare_pairs({"a": values, "b": values})
    assert None not in (one.low, one.high, two.low, two.high)
    assert two.high - two.low < one.high - one.low  # type: ignore[operator]


def test_the_same_differences_give_the_same_interval_whatever_the_order_of_domains() -> None:
    pairs = {"a": [0.1, 0.3, 0.2], "b": [0.4, 0.1, 0.0]}
    assert compare_pairs(pairs) == compare_pairs(dict(reversed(pairs.items())))


def test_equal_differences_have_no_width_and_few_have_no_interval() -> None:
    difference = compare_pairs({"a": [0.25] * 5})
    assert (difference.low, difference.high, difference.sign) == (0.25, 0.25, 1)
    assert compare_pairs({"a": [0.1, 0.2]}).low is None
    assert compare_pairs({"a": [0.1, 0.2, 0.3], "b": [0.1]}).high is None


def test_an_interval_is_called_clear_of_0_only_with_enough_pairs() -> None:
    assert compare_pairs({"a": [0.2, 0.3, 0.4]}).sign == 0
    assert compare_pairs({"a": [0.2, 0.3, 0.4, 0.2, 0.3]}).sign == 1
    assert compare_pairs({"a": [-0.2, -0.3, -0.4, -0.2, -0.3]}).sign == -1
    assert compare_pairs({"a": [-0.2, 0.3, 0.4, -0.2, 0.3]}).sign == 0


@pytest.mark.parametrize("pairs", [{}, {"a": []}, {"a": [0.1], "b": []}])
def test_nothing_cannot_be_compared(pairs: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match="nothing to compare"):
        compare_pairs(pairs)
