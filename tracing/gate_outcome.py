"""What the gate made of a cycle, in the words that all pages and exports use."""

from collections.abc import Mapping
from typing import Any, Literal

from evokd.tracing.rows import GateRecord

GateOutcome = Literal["promoted", "rolled back", "no gate data", "nothing trained"]


def name_outcome(gate: GateRecord | Mapping[str, Any]) -> GateOutcome:
    """Name what the gate made of a cycle.

    Without gate data every challenger is promoted unscored. A cycle without new texts trains no challenger, so there is
    nothing to promote or to roll back.
    """
    if gate["after"] is None:
        return "no gate data" if gate["promoted"] else "nothing trained"
    return "promoted" if gate["promoted"] else "rolled back"
