"""What `evokd show` tells of a run as JSON: the whole run, a cycle, a weakness, a text, a call, a case."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from evokd.api.lineage import find_call, find_case, find_evidence, find_sample, find_weakness
from evokd.api.record import Run
from evokd.messages import InputError
from evokd.tracing.ledger import Ledger
from evokd.tracing.rows import WeaknessRow, without_probe
from evokd.tracing.usage import NodeTimes, find_slowest, measure_agents
from evokd.viewer.record import RunPlace, RunRecord, explain_damage
from evokd.viewer.resources import read


def read_run(run: Run) -> dict[str, Any]:
    """The whole run: state, scores, costs, who used what, cycles, weaknesses; keys as the live pages have them."""
    with _open(run) as record:
        overview = read(record, "overview")
        cycles = read(record, "cycles")
        nodes = record.node_times
        used = [_read_use(record.ledger, nodes, cycle["cycle"]) for cycle in cycles]
        total = nodes.of_run()
        return {
            "run_id": run.id,
            "path": str(run.path),
            "state": {"status": run.state.status, "reason": run.state.reason, "can_resume": run.state.can_resume},
            "summary": run.summary,
            "overview": overview,
            "agents": [agent.to_json() for agent in measure_agents(record.ledger)],
            "nodes": total,
            "slowest_node": find_slowest(total),
            "cycles": [{**cycle, **use} for cycle, use in zip(cycles, used, strict=True)],
            "weaknesses": read(record, "weaknesses"),
        }


def read_cycle(run: Run, cycle: int) -> dict[str, Any]:
    """All of a cycle: messages, lessons, calls, weaknesses, records, who used what.

    Raises:
        InputError: the run has no such cycle.
    """
    with _open(run) as record:
        last = record.ledger.last_cycle()
        if not 0 <= cycle <= last:
            raise InputError(f"--cycle {cycle}: the run has cycles 0 to {last}")
        content: dict[str, Any] = read(record, f"cycle/{cycle}")
        return content | _read_use(record.ledger, record.node_times, cycle)


def read_weakness(run: Run, name: str) -> dict[str, Any]:
    """A weakness with its evidence and its texts.

    Raises:
        InputError: the run has no such weakness.
    """
    with run.ledger() as ledger:
        row = find_weakness(ledger, name)
        samples = [vars(sample) for sample in ledger.samples(weakness=name)]
        return {**_with_evidence(ledger, row), "samples": samples}


def read_sample(run: Run, name: str) -> dict[str, Any]:
    """A text with its lesson, its calls (without their texts), its weakness, and the errors behind that.

    Raises:
        InputError: the run has no such text.
    """
    with run.ledger() as ledger:
        sample = find_sample(ledger, name)
        rows = [row for row in ledger.weaknesses() if row["id"] == sample.weakness]
        calls = [ledger.call(call) for call in (sample.draft_call, sample.label_call) if call]
        return {
            "sample": vars(sample),
            "weakness": _with_evidence(ledger, rows[0]) if rows else None,
            "calls": [call.model_dump(mode="json", exclude={"request", "raw"}) for call in calls if call],
        }


def read_call(run: Run, name: str) -> dict[str, Any]:
    """A call: the request as sent, the raw reply, and all else that the ledger keeps of it.

    Raises:
        InputError: the run has no such call.
    """
    with run.ledger() as ledger:
        call = find_call(ledger, name)
    return {**call.model_dump(mode="json"), "prompt": run.prompt_of(call)}


def read_case(run: Run, cycle: int, name: str) -> dict[str, Any]:
    """A case, the weaknesses that cite it, the texts written for them, and the answers of later students.

    Raises:
        InputError: there is no such case.
    """
    with run.ledger() as ledger:
        return find_case(ledger, cycle, name).to_json()


@contextmanager
def _open(run: Run) -> Iterator[RunRecord]:
    with explain_damage(run.path), RunRecord(RunPlace(run.path, lambda: run.state.status)) as record:
        yield record


def _read_use(ledger: Ledger, nodes: NodeTimes, cycle: int) -> dict[str, Any]:
    seconds = nodes.of_cycle(cycle)
    return {
        "agents": [agent.to_json() for agent in measure_agents(ledger, cycle)],
        "nodes": seconds,
        "slowest_node": find_slowest(seconds),
    }


def _with_evidence(ledger: Ledger, row: WeaknessRow) -> dict[str, Any]:
    evidence = [case.model_dump(mode="json") for case in find_evidence(ledger, row)]
    return {**without_probe(row), "cases": evidence}
