"""The report: one HTML file that holds everything about one or more runs."""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any

from evokd.tracing.queries import find_samples, outline_calls
from evokd.viewer.compare import compare_records
from evokd.viewer.json_bytes import write_json
from evokd.viewer.pages import make_file_page
from evokd.viewer.record import ProgramFacts, RunPlace, RunRecord, explain_damage
from evokd.viewer.resources import NotThere, read
from evokd.viewer.scores import list_versions

_MAIN = ("overview", "cycles", "weaknesses", "scores", "facets", "graph", "settings")
"""Read as soon as the page is opened; all else when it is looked at."""
_ALONE = ("timeline", "map")


def make_report(places: Sequence[RunPlace], facts: ProgramFacts) -> str:
    """Make the page of one or more runs.

    Raises:
        EvokdError: a record is missing or damaged.
    """
    chunks: dict[str, bytes] = {}
    records = []
    try:
        for number, place in enumerate(places):
            records.append(RunRecord(place, facts))
            with explain_damage(place.path):
                for name, content in _list_chunks(records[-1]):
                    chunks[f"{number}/{name}"] = pack(content)
        if len(records) > 1:
            with explain_damage():
                chunks["compare"] = pack(compare_records(records))
    finally:
        for record in records:
            record.ledger.close()
    names = [place.name for place in places]
    title = f"EvoKD: {names[0]}" if len(names) == 1 else f"EvoKD: {len(names)} runs"
    return make_file_page(title, {"mode": "file", "runs": names}, chunks)


def pack(content: Any) -> bytes:
    """Write as compressed JSON, the same bytes for the same content."""
    return gzip.compress(write_json(content), compresslevel=9, mtime=0)


def _list_chunks(record: RunRecord) -> Iterator[tuple[str, Any]]:
    yield "main", {name: read(record, name) for name in _MAIN}
    for name in _ALONE:
        yield name, read(record, name)
    yield "answers", dict(_list_scores(record))
    for cycle in range(record.ledger.last_cycle() + 1):
        yield f"cycle/{cycle}", read(record, f"cycle/{cycle}")
    yield "samples", to_columns(_add_decisions(record, find_samples(record.ledger, {})["rows"]))
    calls = outline_calls(record.ledger)
    yield "calls", calls
    for cycle, group in groupby(sorted(calls, key=lambda call: call["cycle"]), key=lambda call: call["cycle"]):
        yield f"calls/{cycle}", _pack_calls(record, [call["id"] for call in group])


def _add_decisions(record: RunRecord, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add to samples what people decided about them, under `review`; nothing where nobody has reviewed."""
    decisions = record.ledger.decisions()
    if not decisions:
        return rows
    return [{**row, "review": vars(decisions[row["id"]]) if row["id"] in decisions else None} for row in rows]


def _list_scores(record: RunRecord) -> Iterator[tuple[str, Any]]:
    for split, known in list_versions(record).items():
        if known["rows"]:
            yield f"rows/{split}", read(record, f"rows/{split}")
        for version in known["versions"]:
            with suppress(NotThere):  # answers that cannot be read: the page says so, all else is shown
                yield f"scores/{split}/{version}", read(record, f"scores/{split}/{version}")


def to_columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Turn rows of the same keys into columns, which compress better."""
    return {key: [row[key] for row in rows] for key in rows[0]} if rows else {}


def _pack_calls(record: RunRecord, names: Sequence[str]) -> dict[str, Any]:
    """Calls with their texts; a text that several of them share is held once, in `texts`."""
    texts: dict[str, int] = {}
    calls = {}
    for name in names:
        call = read(record, f"call/{name}")
        turns = call["request"].get("turns") or []
        call["request"]["turns"] = [[role, texts.setdefault(text, len(texts))] for role, text in turns]
        calls[name] = call
    return {"texts": list(texts), "calls": calls}
