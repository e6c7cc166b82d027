"""Who used what: calls, tokens, money and seconds of the agents, and wall-clock seconds of the nodes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evokd.tracing.ledger import Ledger
from evokd.tracing.queries import outline_calls

_FAULTY = ("fault", "spent", "lost")
"""States of calls whose reply could not be used as it came."""


@dataclass
class AgentUse:
    """What the calls of an agent used. Calls that the server refused cost nothing and are counted apart."""

    role: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = False
    """Whether some of the token counts are estimates."""
    cost_usd: float | None = 0.0
    """US dollars; None as soon as the price of one call is unknown."""
    seconds: float = 0.0
    """Wall-clock seconds of the calls, added up; calls run side by side."""
    faults: int = 0
    """Calls whose reply was lost or could not be used as it came."""
    refused: int = 0
    """Attempts that brought no reply at all."""

    @property
    def tokens(self) -> int:
        """Tokens read and written."""
        return self.input_tokens + self.output_tokens

    @property
    def fault_share(self) -> float | None:
        """Share of the calls whose reply could not be used as it came, 0 to 1; None where there was no call."""
        return self.faults / self.calls if self.calls else None

    def to_json(self) -> dict[str, Any]:
        """All figures."""
        return {**vars(self), "seconds": round(self.seconds, 3), "fault_share": self.fault_share}


def measure_agents(ledger: Ledger, cycle: int | None = None) -> list[AgentUse]:
    """What each agent used, in a cycle or in the run, in the order of their first calls."""
    uses: dict[str, AgentUse] = {}
    for call in outline_calls(ledger, cycle):
        use = uses.setdefault(call["role"], AgentUse(call["role"]))
        if call["status"] == "error":
            use.refused += 1
            continue
        use.calls += 1
        use.faults += call["status"] in _FAULTY
        use.input_tokens += call["input_tokens"]
        use.output_tokens += call["output_tokens"]
        use.seconds += call["seconds"]
        use.estimated = use.estimated or call["estimated"]
        known = use.cost_usd is not None and call["cost_usd"] is not None
        use.cost_usd = (use.cost_usd or 0.0) + (call["cost_usd"] or 0.0) if known else None
    return list(uses.values())


class NodeTimes:
    """Wall-clock seconds of the nodes: lessons that run side by side count once.

    Args:
        events: the event log of the run.
        ledger: the run's, for cycles of which the log has nothing; it has the sums over lessons alone.
    """

    def __init__(self, events: Iterable[Mapping[str, Any]], ledger: Ledger) -> None:
        self._ledger = ledger
        self._spans: dict[int, dict[str, list[tuple[float, float]]]] = defaultdict(lambda: defaultdict(list))
        for event in events:
            span = _read_span(event)
            if span is not None:
                self._spans[event["cycle"]][event["node"]].append(span)

    def of_cycle(self, cycle: int) -> dict[str, float]:
        """Node -> seconds in a cycle, in the order of the work."""
        spans = self._spans.get(cycle)
        if not spans:
            return self._ledger.times(cycle)
        return {node: round(_cover(items), 3) for node, items in spans.items()}

    def of_run(self) -> dict[str, float]:
        """Node -> seconds in all cycles, in the order of the work."""
        totals: dict[str, float] = {}
        for cycle in range(self._ledger.last_cycle() + 1):
            for node, seconds in self.of_cycle(cycle).items():
                totals[node] = round(totals.get(node, 0.0) + seconds, 3)
        return totals


def _read_span(event: Mapping[str, Any]) -> tuple[float, float] | None:
    """Begin and end of a node's work, in seconds since 1970; None for another event, or a damaged one."""
    if event.get("event") != "node_finished" or not isinstance(event.get("cycle"), int):
        return None
    try:
        end = datetime.fromisoformat(event["time"]).timestamp()
        return (end - float(event["seconds"]), end) if isinstance(event["node"], str) else None
    except (KeyError, TypeError, ValueError):
        return None


def _cover(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds that at least one of the spans covers."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def find_slowest(seconds: Mapping[str, float]) -> str | None:
    """The node that took longest; None where there is none."""
    return max(seconds, key=lambda node: seconds[node], default=None)
