"""The page of `evokd check`."""

from typing import Any

import pytest

from evokd.cli.views.check_view import _tell_balance


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ({"rows": 2, "labels": {"a": 1, "b": 1}}, "2 rows, 1 example of each label"),
        ({"rows": 1, "labels": {"a": 1, "b": 1}, "without_entities": 0}, "1 row, 1 entity of each label"),
        ({"rows": 4000, "labels": {"a": 2000, "b": 2000}}, "4,000 rows, 2,000 examples of each label"),
        ({"rows": 1, "labels": {"a": 1, "b": 0}}, "1 row; examples: a 1, b 0"),
    ],
)
def test_the_balance_of_labels_is_told_in_grammatical_numbers(figures: dict[str, Any], told: str) -> None:
    assert _tell_balance({"without_entities": None, "without_labels": 0, "ratio": None, **figures}) == told
