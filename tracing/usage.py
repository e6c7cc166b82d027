"""Who used what: calls, tokens, money and seconds of the agents, and wall-clock seconds of the nodes."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evokd.tracing.ledger import Ledger
from evokd.tracing.store import Row
from evokd.tracing.timeline import Timeline

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
    slowest_call: str | None = None
    """Id of the call that took longest."""
    slowest_seconds: float = 0.0
    """Wall-clock seconds of that call."""

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
    for call in _read_calls(ledger, cycle):
        use = uses.setdefault(call["role"], AgentUse(call["role"]))
        if call["status"] == "error":
            use.refused += 1
            continue
        use.calls += 1
        use.faults += call["status"] in _FAULTY
        use.input_tokens += call["input_tokens"]
        use.output_tokens += call["output_tokens"]
        use.seconds += call["seconds"]
        use.estimated = use.estimated or bool(call["estimated"])
        if use.slowest_call is None or call["seconds"] > use.slowest_seconds:
            use.slowest_call, use.slowest_seconds = call["id"], call["seconds"]
        known = use.cost_usd is not None and call["cost_usd"] is not None
        use.cost_usd = (use.cost_usd or 0.0) + (call["cost_usd"] or 0.0) if known else None
    return list(uses.values())


def _read_calls(ledger: Ledger, cycle: int | None) -> Sequence[Row]:
    """What is added up of the calls; the index over their outlines holds all of it."""
    columns = "id, role, status, input_tokens, output_tokens, estimated, cost_usd, seconds"
    where, values = ("WHERE cycle = ?", [cycle]) if cycle is not None else ("", [])
    return ledger.query(f"SELECT {columns} FROM calls {where} ORDER BY seq", *values)


class NodeTimes:
    """Wall-clock seconds of the nodes: lessons that run side by side count once.

    Args:
        timeline: the times of the run; None: none are known.
        ledger: the run's, for cycles of which the event log has nothing; it has the sums over lessons alone.
    """

    def __init__(self, timeline: Timeline | None, ledger: Ledger) -> None:
        self._ledger = ledger
        self._spans: dict[int, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
        for node in timeline.nodes if timeline else ():
            if node.finished:
                self._spans[node.cycle][node.node].append((node.start, node.end))

    def of_cycle(self, cycle: int) -> dict[str, float]:
        """Node -> seconds in a cycle, in the order of the work."""
        spans = self._spans.get(cycle)
        if not spans:
            return self._ledger.times(cycle)
        return {node: round(_cover(items) / 1e9, 3) for node, items in spans.items()}

    def of_run(self) -> dict[str, float]:
        """Node -> seconds in all cycles, in the order of the work."""
        totals: dict[str, float] = {}
        for cycle in range(self._ledger.last_cycle() + 1):
            for node, seconds in self.of_cycle(cycle).items():
                totals[node] = round(totals.get(node, 0.0) + seconds, 3)
        return totals


def _cover(spans: Sequence[tuple[int, int]]) -> int:
    """Nanoseconds that at least one of the spans covers."""
    total, until = 0, 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, until))
        until = max(until, end)
    return total


def find_slowest(seconds: Mapping[str, float]) -> str | None:
    """The node that took longest; None where there is none."""
    return max(seconds, key=lambda node: seconds[node], default=None)
