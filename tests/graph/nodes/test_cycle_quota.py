"""How many texts a cycle asks for: no cycle for a remnant that is not worth its training."""

import pytest

from evokd.graph.nodes.cycle_quota import cap_cycle


@pytest.mark.parametrize(
    ("usual", "left", "asked"),
    [(80, 400, 80), (80, 89, 80), (80, 88, 88), (80, 81, 81), (80, 80, 80), (80, 3, 3), (8, 9, 8), (10, 11, 11)],
)
def test_a_cycle_takes_all_that_is_left_where_that_spares_another(usual: int, left: int, asked: int) -> None:
    assert cap_cycle(usual, left) == asked
