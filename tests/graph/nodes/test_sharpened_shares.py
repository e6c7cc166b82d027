"""What a student's own probabilities become before it learns from them."""

import pytest

from evokd.graph.nodes.self_training import _sharpen


def test_rival_labels_are_sharpened_against_each_other() -> None:
    shares = _sharpen({"a": 0.6, "b": 0.3, "c": 0.1}, independent=False)
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-5)
    assert shares["a"] > 0.95


def test_independent_labels_are_sharpened_each_for_itself() -> None:
    shares = _sharpen({"a": 0.7, "b": 0.6, "c": 0.5, "d": 0.2}, independent=True)
    assert shares["a"] == pytest.approx(0.7**5 / (0.7**5 + 0.3**5), abs=1e-6)
    assert shares["b"] > 0.85
    assert shares["c"] == 0.5
    assert shares["d"] < 0.01
