"""The first node: the counters of a run."""

from evokd.graph.context import RunContext
from evokd.graph.state import State, StateUpdate


async def prepare(state: State, context: RunContext) -> StateUpdate:
    """Set the counters to the start; the data was read and checked before the graph began."""
    return {
        "cycle": 0,
        "champion": None,
        "challenger": None,
        "score": None,
        "best": None,
        "stale": 0,
        "barren": 0,
        "accepted": 0,
        "lessons": [],
    }
