"""The content of the pages by name, as JSON: what the live server answers, and what the report file holds."""

from collections.abc import Callable, Mapping
from typing import Any

from evokd.messages import EvokdError, list_labels
from evokd.tracing.queries import SampleFilter, count_samples_by, find_calls, find_samples
from evokd.viewer.cycles import list_cycles, show_cycle
from evokd.viewer.overview import show_overview
from evokd.viewer.record import RunRecord
from evokd.viewer.scores import list_rows, list_versions, show_scores
from evokd.viewer.setup import show_graph, show_settings
from evokd.viewer.text_map import show_map
from evokd.viewer.timeline import draw_timeline
from evokd.viewer.weaknesses import list_weaknesses

PAGE = 50
"""Samples on a page, unless more are asked for."""
MOST_ROWS = 500
_LONGEST = 10_000
"""Characters of a filter; SQLite refuses patterns of 50,000 bytes."""
_NO_CYCLE = 10**9
"""A number that no cycle has, for one that is too long to be a cycle's."""
_Query = Mapping[str, str]


class NotThere(EvokdError):
    """The run has nothing of this name."""


def read(record: RunRecord, name: str, query: _Query | None = None) -> Any:
    """Read the content of a page or a part of one.

    Args:
        record: the run.
        name: such as `overview`, `cycle/2`, `call/c001-l01-labeler-1`.
        query: of `samples` and `calls`: filters, `first` and `count`.

    Raises:
        NotThere: there is no such content.
        EvokdError: the record is damaged.
    """
    room, *rest = name.split("/")
    if not rest and room in _WHOLE:
        return _WHOLE[room](record)
    reader = _PARTS.get((room, len(rest)))
    content = reader(record, rest, query or {}) if reader else None
    if content is None:
        raise NotThere(f"{name!r}: not in this run")
    return content


def _read_cycle(record: RunRecord, rest: list[str], _: _Query) -> Any:
    return show_cycle(record, int(rest[0])) if rest[0].isdecimal() else None


def _read_call(record: RunRecord, rest: list[str], _: _Query) -> Any:
    call = record.ledger.call(rest[0])
    return call.model_dump(mode="json") if call else None


def _read_sample(record: RunRecord, rest: list[str], _: _Query) -> Any:
    sample = record.ledger.sample(rest[0])
    if sample is None:
        return None
    decision = record.ledger.decision(sample.id)
    return {**vars(sample), **({"review": vars(decision)} if decision else {})}


def _read_samples(record: RunRecord, _: list[str], query: _Query) -> Any:
    first, count = _read_number(query, "first", 0), _read_number(query, "count", PAGE)
    return find_samples(record.ledger, read_filter(query), first, min(count, MOST_ROWS))


def _read_calls(record: RunRecord, _: list[str], query: _Query) -> Any:
    first, count = _read_number(query, "first", 0), _read_number(query, "count", PAGE)
    wanted = {key: query[key] for key in ("role", "status") if query.get(key)}
    return find_calls(record.ledger, wanted, first, min(count, MOST_ROWS))


def read_filter(query: _Query) -> SampleFilter:
    """Read the filter of samples from the query of an address."""
    wanted = SampleFilter()
    for key in ("state", "lesson", "weakness", "kind", "reason", "label", "search"):
        if query.get(key):
            wanted[key] = query[key][:_LONGEST]
    if query.get("cycle", "").isdecimal():
        wanted["cycle"] = _read_number(query, "cycle", _NO_CYCLE)
    if query.get("disputed"):
        wanted["disputed"] = query["disputed"] == "true"
    return wanted


def _read_number(query: _Query, key: str, default: int) -> int:
    text = query.get(key, "")
    return min(int(text), 10**9) if text.isdecimal() and len(text) < 12 else default


def list_facets(record: RunRecord) -> dict[str, Any]:
    """The values that samples can be filtered by, with their counts."""
    facets: dict[str, Any] = {
        column: count_samples_by(record.ledger, column) for column in ("state", "cycle", "kind", "reason", "weakness")
    }
    labels: dict[str, int] = {}
    for row in count_samples_by(record.ledger, "label"):
        for name in set(list_labels(row["label"] or ())):
            labels[name] = labels.get(name, 0) + row["count"]
    return {**facets, "label": [{"label": name, "count": labels[name]} for name in sorted(labels)]}


_WHOLE: dict[str, Callable[[RunRecord], Any]] = {
    "overview": show_overview,
    "cycles": list_cycles,
    "weaknesses": list_weaknesses,
    "scores": list_versions,
    "timeline": draw_timeline,
    "settings": show_settings,
    "graph": show_graph,
    "facets": list_facets,
    "map": show_map,
}
_PARTS: dict[tuple[str, int], Callable[[RunRecord, list[str], _Query], Any]] = {
    ("cycle", 1): _read_cycle,
    ("call", 1): _read_call,
    ("sample", 1): _read_sample,
    ("samples", 0): _read_samples,
    ("calls", 0): _read_calls,
    ("rows", 1): lambda record, rest, _: list_rows(record, rest[0]),
    ("scores", 2): lambda record, rest, _: show_scores(record, rest[0], rest[1]),
}
