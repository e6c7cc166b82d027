"""A run as a tree of spans: the run, its cycles, their lessons and nodes, and the calls of the teacher.

A trace is a run. Its id, and the ids of its spans, follow from the run's name and start, so that a run that is exported
twice gives the same spans. A node that works on a lesson lies within the lesson; a lesson goes through two of them.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from evokd.exporters import names
from evokd.exporters.attributes import (
    Attributes,
    describe_call,
    describe_gate,
    describe_lesson,
    describe_node,
    describe_usage,
    describe_weaknesses,
    find_fault,
    flatten,
    list_repairs,
    to_json,
)
from evokd.messages import CallRecord
from evokd.tracing.ledger import Ledger
from evokd.tracing.rows import CURATION, DECISION, GATE, TRAINING, LessonRow
from evokd.tracing.timeline import BEGINS, Happening, NodeTime, Timeline


@dataclass(frozen=True)
class SpanEvent:
    """Something that happened within a span; `time` in nanoseconds since 1970, UTC."""

    name: str
    time: int
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True)
class Span:
    """A span; times in nanoseconds since 1970, UTC."""

    trace: int
    """128 bits."""
    id: int
    """64 bits."""
    parent: int | None
    """Id of the span that it lies within; None: of none."""
    name: str
    start: int
    end: int
    attributes: Attributes
    events: tuple[SpanEvent, ...] = ()
    error: str | None = None
    """What went wrong; None: nothing did."""


def trace_id(timeline: Timeline) -> int:
    """Make the id of a run's trace: 128 bits that follow from its name and start."""
    return int.from_bytes(_digest(f"{timeline.run_id}\n{timeline.start}")[:16], "big")


def _span_id(trace: int, place: str) -> int:
    return int.from_bytes(_digest(f"{trace:032x}\n{place}")[:8], "big")


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def make_run_span(timeline: Timeline, ledger: Ledger, summary: Mapping[str, Any] | None, content: bool) -> Span:
    """Make the span of the run itself.

    Args:
        timeline: the run's times.
        ledger: its ledger.
        summary: its `summary.json`; None while it has not ended.
        content: whether to include what models and users wrote.
    """
    trace = trace_id(timeline)
    keys = ("domain", "preset", "task", "teacher", "student", "seed", "rehearsal")
    opening = {key: timeline.opening.get(key) for key in keys}
    opening["student"] = PurePath(str(opening["student"])).name  # it may be the path of a folder
    found: Attributes = {
        names.KIND: names.CHAIN,
        names.OPERATION: names.INVOKE_WORKFLOW,
        names.AGENT: "evokd",
        names.CONVERSATION: timeline.run_id,
        names.SESSION: timeline.run_id,
        names.METADATA: to_json(opening),
        **describe_usage(ledger.usage()),
        **(_describe_result(summary) if summary else {}),
    }
    events = tuple(
        # what a run begins with holds paths of this machine
        SpanEvent(happening.name, happening.time) if happening.name in BEGINS else _tell(happening, content)
        for happening in timeline.happenings
        if happening.cycle is None
    )
    error = None if timeline.ended else "the run has not ended"
    return Span(
        trace,
        _span_id(trace, "run"),
        None,
        f"run {timeline.run_id}",
        timeline.start,
        timeline.end,
        found,
        events,
        error,
    )


def _describe_result(summary: Mapping[str, Any]) -> Attributes:
    found: Attributes = {
        names.own("stop_reason"): str(summary.get("stop_reason")),
        names.own("metric"): str(summary.get("metric")),
        names.own("samples"): int(summary.get("totals", {}).get("samples", 0)),
    }
    for when in ("start", "final"):
        for split, metrics in (summary.get(when) or {}).items():
            for metric, score in (metrics or {}).items():
                if isinstance(score, int | float):
                    found[names.own(f"{when}.{split}.{metric}")] = score
    return found


def make_cycle_spans(timeline: Timeline, ledger: Ledger, cycle: int, content: bool) -> list[Span]:
    """Make the spans of a cycle: its own comes first, then lessons, nodes and calls.

    Args:
        timeline: the run's times.
        ledger: its ledger.
        cycle: number of the cycle; 0: what comes before the first.
        content: whether to include what models and users wrote.
    """
    nodes = [node for node in timeline.nodes if node.cycle == cycle]
    return list(_CycleTree(timeline, ledger, cycle, nodes, content).walk()) if nodes else []


class _CycleTree:
    """The spans of one cycle, in which at least one node was started."""

    def __init__(self, timeline: Timeline, ledger: Ledger, cycle: int, nodes: list[NodeTime], content: bool) -> None:
        self._timeline, self._ledger, self._cycle, self._nodes, self._content = timeline, ledger, cycle, nodes, content
        self._trace = trace_id(timeline)
        self._id = self._make_id(f"cycle/{cycle}")
        self._lessons = {row["id"]: row for row in ledger.lessons(cycle)}
        self._metric = str(timeline.opening.get("metric") or "score")
        self._calls = ledger.calls(cycle)
        self._makers = {call.id: self._find_node(call) for call in self._calls}
        self._told: dict[NodeTime, list[SpanEvent]] = {}
        for happening in timeline.happenings:
            if happening.cycle in (cycle, cycle + 1) and (node := self._find_open(happening)) is not None:
                self._told.setdefault(node, []).append(_tell(happening, content))

    def walk(self) -> Iterator[Span]:
        yield self._cycle_span()
        for name in dict.fromkeys(node.lesson for node in self._nodes if node.lesson is not None):
            yield self._lesson_span(name)
        for node in self._nodes:
            yield self._node_span(node, [call for call in self._calls if self._makers[call.id] is node])
        for call in self._calls:
            yield self._call_span(call, self._makers[call.id])

    def _make_id(self, place: str) -> int:
        return _span_id(self._trace, place)

    def _cycle_span(self) -> Span:
        start, end = min(node.start for node in self._nodes), max(node.end for node in self._nodes)
        found: Attributes = {
            names.KIND: names.CHAIN,
            names.SESSION: self._timeline.run_id,
            names.own("cycle"): self._cycle,
            **describe_usage(self._ledger.usage(self._cycle)),
            **describe_weaknesses(self._ledger.weaknesses(self._cycle), self._content),
        }
        if (curation := self._ledger.cycle_record(self._cycle, CURATION)) is not None:
            found.update(flatten(curation, self._content))
        if (decision := self._ledger.cycle_record(self._cycle, DECISION)) is not None:
            found.update(flatten(decision, self._content))
        if (gate := self._ledger.cycle_record(self._cycle, GATE)) is not None:
            found.update(describe_gate(gate, self._metric))
        parent = self._make_id("run")
        return Span(self._trace, self._id, parent, f"cycle {self._cycle}", start, end, found)

    def _lesson_span(self, name: str) -> Span:
        nodes = [node for node in self._nodes if node.lesson == name]
        start, end = min(node.start for node in nodes), max(node.end for node in nodes)
        row: LessonRow | None = self._lessons.get(name)
        found: Attributes = {names.KIND: names.CHAIN, names.own("lesson"): name}
        if row is not None:
            found.update(describe_lesson(row, self._content))
        events = tuple(
            SpanEvent("fault", end, {names.own("fault"): fault} if self._content else {})
            for fault in (row["faults"] if row else ())
        )
        return Span(self._trace, self._make_id(f"lesson/{name}"), self._id, f"lesson {name}", start, end, found, events)

    def _node_span(self, node: NodeTime, calls: list[CallRecord]) -> Span:
        found = describe_node(node.node)
        extra: tuple[SpanEvent, ...] = ()
        if node.node == "gate" and (gate := self._ledger.cycle_record(self._cycle, GATE)) is not None:
            evaluation = describe_gate(gate, self._metric)
            found.update(evaluation)
            extra = (SpanEvent(names.EVALUATION, node.end, evaluation),)
        if node.node == "train" and (training := self._ledger.cycle_record(self._cycle, TRAINING)) is not None:
            found.update(flatten(training, self._content))
        retries = tuple(
            SpanEvent("retry", self._ends(call, node), {names.own("call"): call.id, names.own("status"): call.status})
            for call in calls
            if call.status != "ok"
        )
        events = self._told.get(node, ())
        return Span(
            self._trace,
            self._node_id(node),
            self._make_id(f"lesson/{node.lesson}") if node.lesson is not None else self._id,
            node.node,
            node.start,
            node.end,
            found,
            tuple(sorted((*events, *extra, *retries), key=lambda event: event.time)),
            None if node.finished else "the process ended before the node did",
        )

    def _node_id(self, node: NodeTime) -> int:
        return self._make_id(f"node/{node.cycle}/{node.lesson or ''}/{node.node}/{node.number}")

    def _call_span(self, call: CallRecord, node: NodeTime | None) -> Span:
        end = self._ends(call, node)
        found = describe_call(call, self._content)
        if (fault := find_fault(call, self._content)) is not None:
            found[names.ERROR_TYPE] = call.status
        repairs = list_repairs(call)
        events = [SpanEvent("repaired", end, {names.own("repairs"): repairs})] if repairs else []
        if self._content:
            events += [SpanEvent("fault", end, {names.own("fault"): text}) for text in call.faults]
        parent = self._id if node is None else self._node_id(node)
        start = end - max(0, round(call.seconds * 1e9)) if call.id in self._timeline.calls else end
        name = f"{names.CHAT} {call.model}"
        place = self._make_id(f"call/{call.id}")
        return Span(self._trace, place, parent, name, start, end, found, tuple(events), fault)

    def _ends(self, call: CallRecord, node: NodeTime | None) -> int:
        """When its reply had come; if the process was killed before it said so, the end of its node."""
        last = node.end if node is not None else max(other.end for other in self._nodes)
        return self._timeline.calls.get(call.id, last)

    def _find_node(self, call: CallRecord) -> NodeTime | None:
        """The node that made a call: the one of its lesson if it was at work when the reply came, else one of none."""
        lesson = call.span if call.span in self._lessons else None
        step = "analyze" if lesson is None else "generate" if call.role == "generator" else "label"
        time = self._timeline.calls.get(call.id)
        own = [node for node in self._nodes if node.lesson == lesson]
        # texts of a lesson are labelled by `analyze` where the Analyst has to see their labels
        at_work = [
            node
            for node in (*own, *(node for node in self._nodes if node.lesson is None))
            if time is not None and node.start <= time <= node.end
        ]
        fitting = at_work or own
        named = [node for node in fitting if node.node == step] or fitting
        return named[-1] if named else None

    def _find_open(self, happening: Happening) -> NodeTime | None:
        """The node of this cycle that was at work when something happened, the one of its lesson before others."""
        at_work = [node for node in self._nodes if node.start <= happening.time <= node.end]
        own = [node for node in at_work if node.lesson == happening.lesson]
        return own[-1] if own else None


def _tell(happening: Happening, content: bool) -> SpanEvent:
    return SpanEvent(happening.name, happening.time, flatten(happening.fields, content))
