"""The counters at the start of a run."""

from evokd.graph.nodes.prepare import prepare
from evokd.graph.state import State
from tests.graph.nodes.conftest import MakeToy


async def test_a_run_starts_without_students_and_with_all_counters_at_zero(make_toy: MakeToy) -> None:
    toy = make_toy()
    update = await prepare({}, toy.context)
    assert (update["champion"], update["challenger"], update["score"], update["best"]) == (None, None, None, None)
    assert [update[name] for name in ("cycle", "stale", "barren", "accepted")] == [0, 0, 0, 0]
    assert update["lessons"] == []
    assert set(update) <= set(State.__annotations__)
    assert not toy.events
    assert toy.context.ledger.last_cycle() == 0
