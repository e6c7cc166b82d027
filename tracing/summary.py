"""The figures of a run, computed from its ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired

from typing_extensions import TypedDict

from evokd.messages import EvokdError
from evokd.messages.escape import clean
from evokd.tracing.batches import BatchUse
from evokd.tracing.files import read_json, write_json
from evokd.tracing.ledger import Ledger
from evokd.tracing.reviews import Agreement, measure_agreement
from evokd.tracing.rows import AGREEMENT, GATE, GateRecord, Usage
from evokd.tracing.shapes import ShapeError, check_value

Metrics = dict[str, float] | None


@dataclass(frozen=True)
class RunFacts:
    """Facts about a run that are not in the ledger."""

    run_id: str
    domain: str
    task: str
    preset: str
    teacher: str
    rehearsal: bool
    student: str
    seed: int
    metric: str
    gate_metric: str
    champion: str
    refit: int
    """Validation rows that the published student was trained on as well; 0: it is the champion."""
    stop_reason: str
    last_cycle: int
    seconds: float
    """Wall-clock seconds of all processes that worked on the run, without the time between them."""
    publish_seconds: float
    """Seconds of the last node up to now; the ledger has its time only when it has ended."""


def build_summary(
    ledger: Ledger, facts: RunFacts, start: Mapping[str, Metrics], final: Mapping[str, Metrics]
) -> dict[str, Any]:
    """Put the summary together.

    Args:
        ledger: the run's ledger.
        facts: facts that the ledger lacks.
        start: split -> metrics of the student of cycle 0, None where there is no such data.
        final: the same for the published student.
    """
    cycles = [_summarise_cycle(ledger, cycle) for cycle in range(facts.last_cycle + 1)]
    cycles[-1]["seconds"]["publish"] = round(facts.publish_seconds, 3)
    usage, batch = ledger.usage(), ledger.batch_use()
    return {
        "run_id": facts.run_id,
        "domain": facts.domain,
        "task": facts.task,
        "preset": facts.preset,
        "teacher": facts.teacher,
        "rehearsal": facts.rehearsal,
        "student": facts.student,
        "seed": facts.seed,
        "stop_reason": facts.stop_reason,
        "metric": facts.metric,
        "gate_metric": facts.gate_metric,
        "champion": facts.champion,
        "refit": facts.refit,
        "start": dict(start),
        "final": dict(final),
        "cycles": cycles,
        "totals": {
            "samples": ledger.count_samples("accepted"),
            "calls": usage["calls"],
            "input_tokens": usage["input_tokens"],
            "output_tokens": usage["output_tokens"],
            "tokens_estimated": usage["estimated"],
            "cost_usd": usage["cost_usd"],
            "roles": _by_role(ledger, None),
            "seconds": round(facts.seconds, 3),
            "node_seconds": _add_up([cycle["seconds"] for cycle in cycles]),
            **({"batch": batch} if batch else {}),
        },
        "labels": _judge_labels(ledger),
        "review": measure_agreement(ledger.decisions()),
    }


def _add_up(times: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Node -> seconds in all cycles; parallel lessons are added up, so the sum may exceed the wall-clock time."""
    totals: dict[str, float] = {}
    for cycle in times:
        for node, seconds in cycle.items():
            totals[node] = round(totals.get(node, 0.0) + seconds, 3)
    return totals


def _judge_labels(ledger: Ledger) -> dict[str, Any]:
    """Judge the teacher's labels by the agreement on labelled rows, by its confidence, and by disputes in checks."""
    sure = ledger.real_confidences()
    audited, audited_disputed = ledger.count_audited()
    measured = ledger.cycle_record(0, AGREEMENT)
    return {
        "real_texts": len(sure),
        "expected_error": round(1 - sum(sure) / len(sure), 4) if sure else None,
        "measured_rows": measured["rows"] if measured else 0,
        "agreement": measured["agreement"] if measured else None,
        "audited": audited,
        "audited_disputed": audited_disputed,
        "guide": measured["guide"] if measured else None,
    }


ROLES = ("analyst", "generator", "labeler")


def gain_of(gate: GateRecord | None) -> float | None:
    """Gain of the gate metric in a cycle: 0 after a roll-back, None where nothing was measured."""
    if gate is None or gate["before"] is None:
        return None
    if not gate["promoted"]:
        return 0.0
    return None if gate["after"] is None else gate["after"] - gate["before"]


def _per_1k(gain: float | None, usage: Usage) -> float | None:
    tokens = usage["input_tokens"] + usage["output_tokens"]
    return None if gain is None or not tokens else round(gain / tokens * 1_000, 6)


def _by_role(ledger: Ledger, cycle: int | None) -> dict[str, dict[str, Any]]:
    return {role: _count_use(ledger.usage(cycle, role)) for role in ROLES}


def _count_use(usage: Usage) -> dict[str, Any]:
    return {
        "calls": usage["calls"],
        "input_tokens": usage["input_tokens"],
        "output_tokens": usage["output_tokens"],
        "cost_usd": usage["cost_usd"],
    }


def _summarise_cycle(ledger: Ledger, cycle: int) -> dict[str, Any]:
    usage = ledger.usage(cycle)
    gate = ledger.cycle_record(cycle, GATE) or GateRecord(before=None, after=None, promoted=False)
    gain = gain_of(gate)
    return {
        "cycle": cycle,
        "accepted": ledger.count_accepted(cycle) if cycle else 0,
        "rejected": ledger.count_rejected(cycle) if cycle else {},
        **_count_use(usage),
        "roles": _by_role(ledger, cycle),
        "gain": gain,
        "gain_per_1k_tokens": _per_1k(gain, usage),
        "seconds": ledger.times(cycle),
        "gate": {"before": gate["before"], "after": gate["after"], "promoted": gate["promoted"]},
    }


_ADVICE = "the last event of events.jsonl beside it has the same figures"


class _SplitScores(TypedDict):
    validation: Metrics
    test: Metrics


class _Totals(TypedDict):
    samples: int
    calls: int
    input_tokens: int
    output_tokens: int
    tokens_estimated: bool
    cost_usd: float | None
    seconds: float
    node_seconds: NotRequired[dict[str, float]]
    batch: NotRequired[BatchUse]


class _CycleFigures(TypedDict):
    cycle: int
    accepted: int
    rejected: dict[str, int]
    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    seconds: dict[str, float]
    gate: GateRecord


class _LabelFigures(TypedDict):
    real_texts: NotRequired[int]
    expected_error: NotRequired[float | None]
    measured_rows: NotRequired[int]
    agreement: NotRequired[float | None]
    audited: NotRequired[int]
    audited_disputed: NotRequired[int]


class _Summary(TypedDict):
    """What programs rely on in a summary; those of earlier versions lack the keys that are `NotRequired`."""

    run_id: str
    domain: str
    preset: str
    teacher: str
    rehearsal: bool
    student: str
    seed: int
    stop_reason: str
    metric: str
    gate_metric: str
    start: _SplitScores
    final: _SplitScores
    cycles: list[_CycleFigures]
    totals: _Totals
    labels: NotRequired[_LabelFigures]
    review: NotRequired[Agreement | None]


def write_summary(path: Path, summary: Mapping[str, Any]) -> None:
    """Write the summary; the file appears whole or not at all."""
    write_json(path, summary)


def read_summary(path: Path) -> dict[str, Any] | None:
    """Read a summary; None while the run has not ended.

    Raises:
        EvokdError: the file is damaged.
    """
    record = read_json(path, "run_id", _ADVICE)
    if record is None:
        return None
    try:
        check_value(record, _Summary)
        _check_metric(record)
    except ShapeError as exc:
        raise EvokdError(f"{path}: damaged ({clean(str(exc), 300)}); {_ADVICE}") from exc
    return record


def _check_metric(record: Mapping[str, Any]) -> None:
    """Refuse scores without the metric that the summary names."""
    for when in ("start", "final"):
        for split, scores in record[when].items():
            if scores is not None and record["metric"] not in scores:
                raise ShapeError(f"{when}.{split}: no {record['metric']!r} in it")
