import pytest

from evokd.tracing.gate_outcome import name_outcome
from evokd.tracing.rows import GateRecord


@pytest.mark.parametrize(
    ("before", "after", "promoted", "outcome"),
    [
        (0.5, 0.6, True, "promoted"),
        (None, 0.6, True, "promoted"),
        (0.5, 0.4, False, "rolled back"),
        (None, None, True, "no gate data"),
        (0.5, None, False, "nothing trained"),
        (None, None, False, "nothing trained"),
    ],
)
def test_a_cycle_that_trained_nothing_was_neither_promoted_nor_rolled_back(
    before: float | None, after: float | None, promoted: bool, outcome: str
) -> None:
    assert name_outcome(GateRecord(before=before, after=after, promoted=promoted)) == outcome
