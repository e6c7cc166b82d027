"""Who used what."""

from evokd.tracing.ledger import Ledger
from evokd.tracing.timeline import make_timeline
from evokd.tracing.usage import NodeTimes, find_slowest, measure_agents
from tests.tracing.rows import call


def test_agents_are_added_up_with_their_faults(ledger: Ledger) -> None:
    ledger.record_call(call())
    ledger.record_call(call("c001-analyst-2", key="k2", status="fault", cost_usd=None, estimated=True))
    ledger.record_call(call("c001-analyst-3", key="k3", status="error", input_tokens=0, output_tokens=0))
    ledger.record_call(call("c002-labeler-1", key="k4", role="labeler", cycle=2))
    analyst, labeler = measure_agents(ledger)
    assert (analyst.role, analyst.calls, analyst.tokens, analyst.seconds) == ("analyst", 2, 220, 3.0)
    assert (analyst.faults, analyst.fault_share, analyst.refused) == (1, 0.5, 1)
    assert (analyst.cost_usd, analyst.estimated) == (None, True)
    assert (labeler.role, labeler.cost_usd, labeler.fault_share) == ("labeler", 0.01, 0.0)
    assert [use.role for use in measure_agents(ledger, 2)] == ["labeler"]


def finished(node: str, second: float, seconds: float, cycle: int = 1) -> dict[str, object]:
    time = f"2026-05-08T07:06:{second:06.3f}+00:00"
    return {"event": "node_finished", "time": time, "cycle": cycle, "node": node, "seconds": seconds}


def test_lessons_side_by_side_count_once(ledger: Ledger) -> None:
    events = [finished("generate", 10, 8), finished("generate", 12, 8), finished("label", 20, 1), {"event": "x"}]
    damaged = [{**finished("label", 9, 1), "time": 7}, {**finished("label", 9, 1), "seconds": "much"}]
    nodes = NodeTimes(make_timeline([*events, *damaged]), ledger).of_cycle(1)
    assert nodes == {"generate": 10.0, "label": 1.0}
    assert find_slowest(nodes) == "generate"
    assert find_slowest({}) is None


def test_without_events_the_sums_of_the_ledger_count(ledger: Ledger) -> None:
    ledger.add_time(0, "train", 3.0)
    ledger.add_time(0, "train", 2.0)
    assert NodeTimes(make_timeline([]), ledger).of_run() == {"train": 5.0}
