"""Queries for pages about a run: outlines of calls, messages, counts, and one page of a long table of samples.

They read a ledger that is open for reading. The long texts of calls are left out; `Ledger.call` reads those of one.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, cast

from evokd.tracing.database import decode
from evokd.tracing.ledger import Ledger
from evokd.tracing.store import Row, limit_to

_CALL_COLUMNS = (
    "seq, id, cycle, role, span, attempt, model, status, input_tokens, output_tokens, estimated, cost_usd, seconds,"
    " prompts, faults, flags"
)
_AT_ONCE = 500
"""Ids in one statement; SQLite takes a thousand values at least."""
_SAMPLE_ORDER = "cycle, length(lesson), lesson, length(id), id"


class CallOutline(TypedDict):
    """A call without what was sent and what came back; keys as in `messages.CallRecord`."""

    id: str
    cycle: int
    role: str
    span: str
    attempt: int
    model: str
    status: str
    input_tokens: int
    output_tokens: int
    estimated: bool
    cost_usd: float | None
    seconds: float
    prompts: str
    faults: list[str]
    flags: list[str]


class MessageRow(TypedDict):
    """A stored message between two parties."""

    cycle: int
    span: str
    """Lesson id, or name of the cycle, such as `c002`."""
    kind: str
    sender: str
    receiver: str
    body: dict[str, Any]


class SampleFilter(TypedDict, total=False):
    """Which samples are wanted; a key that is missing does not filter."""

    state: str
    cycle: int
    lesson: str
    weakness: str
    kind: str
    reason: str
    label: str
    """A label of classification or of a set, or the type of an entity."""
    disputed: bool
    search: str
    """Part of the text, in upper or lower case (ASCII letters)."""


class SamplePage(TypedDict):
    """A page of samples."""

    total: int
    """Samples that match, on all pages."""
    rows: list[dict[str, Any]]
    """Columns as in `tracing.samples.Sample`."""


def outline_calls(ledger: Ledger, cycle: int | None = None) -> list[CallOutline]:
    """All attempts at calls in order, of a cycle or of the run, without their texts."""
    where, values = ("WHERE cycle = ?", [cycle]) if cycle is not None else ("", [])
    return [
        _to_outline(row) for row in ledger.query(f"SELECT {_CALL_COLUMNS} FROM calls {where} ORDER BY seq", *values)
    ]


class Spent(TypedDict):
    """What calls have taken."""

    tokens: int
    seconds: float
    cost_usd: float | None
    """None as soon as the price of one call is unknown."""


def spent_by_span(ledger: Ledger) -> dict[str, Spent]:
    """Lesson id or name of a cycle -> what its calls took, without those that the server refused."""
    rows = ledger.query(
        "SELECT span, sum(input_tokens + output_tokens) AS tokens, sum(seconds) AS seconds, sum(cost_usd) AS cost_usd,"
        " count(*) - count(cost_usd) AS unpriced FROM calls WHERE status != 'error' GROUP BY span"
    )
    return {
        row["span"]: Spent(
            tokens=row["tokens"], seconds=row["seconds"], cost_usd=None if row["unpriced"] else row["cost_usd"]
        )
        for row in rows
    }


class CallPage(TypedDict):
    """A page of calls."""

    total: int
    """Calls that match, on all pages."""
    rows: list[CallOutline]


def find_calls(ledger: Ledger, wanted: Mapping[str, str], first: int = 0, count: int = -1) -> CallPage:
    """Read a page of the outlines of calls.

    Args:
        ledger: the run's ledger.
        wanted: `role` and `status` that the calls must have; a key that is missing does not filter.
        first: how many to skip.
        count: at most so many; -1: all.
    """
    names = [name for name in ("role", "status") if name in wanted]
    where, values = " AND ".join(["TRUE", *(f"{name} = ?" for name in names)]), [wanted[name] for name in names]
    total = ledger.query(f"SELECT count(*) AS n FROM calls WHERE {where}", *values)[0]["n"]
    rows = ledger.query(
        f"SELECT {_CALL_COLUMNS} FROM calls WHERE {where} ORDER BY seq LIMIT ? OFFSET ?",
        *values,
        limit_to(count),
        first,
    )
    return CallPage(total=total, rows=[_to_outline(row) for row in rows])


def _to_outline(row: Row) -> CallOutline:
    fields = dict(row)
    del fields["seq"]
    fields["estimated"] = bool(fields["estimated"])
    for name in ("faults", "flags"):  # empty in nearly all of thousands of calls
        fields[name] = [] if fields[name] == "[]" else json.loads(fields[name])
    return cast(CallOutline, fields)


def list_messages(ledger: Ledger, cycle: int) -> list[MessageRow]:
    """The messages of a cycle in the order in which they were stored."""
    rows = ledger.query(
        "SELECT cycle, span, kind, sender, receiver, body FROM messages WHERE cycle = ? ORDER BY rowid", cycle
    )
    return [cast(MessageRow, decode(row)) for row in rows]


def list_records(ledger: Ledger, cycle: int) -> list[str]:
    """The names of the records of a cycle, such as `gate`."""
    return [row["part"] for row in ledger.query("SELECT part FROM cycles WHERE cycle = ? ORDER BY part", cycle)]


def find_samples(ledger: Ledger, wanted: SampleFilter, first: int = 0, count: int = -1) -> SamplePage:
    """Read a page of the samples that match.

    Args:
        ledger: the run's ledger.
        wanted: the filter.
        first: how many to skip.
        count: at most so many; -1: all.
    """
    where, values = _make_condition(wanted)
    total = ledger.query(f"SELECT count(*) AS n FROM samples WHERE {where}", *values)[0]["n"]
    rows = ledger.query(
        f"SELECT * FROM samples WHERE {where} ORDER BY {_SAMPLE_ORDER} LIMIT ? OFFSET ?",
        *values,
        limit_to(count),
        first,
    )
    return SamplePage(total=total, rows=[decode(row) for row in rows])


def outline_samples(ledger: Ledger, names: Sequence[str], length: int) -> dict[str, dict[str, Any]]:
    """Read of samples by their ids what a map shows: `label`, `state`, `source`, and `text` of at most `length`."""
    found = {}
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        rows = ledger.query(
            "SELECT id, label, state, source, substr(text, 1, ?) AS text FROM samples"
            f" WHERE id IN ({', '.join('?' * len(some))})",
            length,
            *some,
        )
        found.update({row["id"]: decode(row) for row in rows})
    return found


def _make_condition(wanted: SampleFilter) -> tuple[str, list[Any]]:
    conditions, values = ["TRUE"], list[Any]()
    for column in ("state", "cycle", "lesson", "weakness", "kind", "reason", "disputed"):
        if column in wanted:
            conditions.append(f"{column} = ?")
            values.append(cast(dict[str, Any], wanted)[column])
    if "label" in wanted:
        name = json.dumps(wanted["label"], ensure_ascii=False)
        written = _escape(name)
        # of an entity, or as the first or a later label of a set
        patterns = [f'%"label": {written}%', f"[{written}%", f'["%, {written}%']
        conditions.append("(label = ?" + " OR label LIKE ? ESCAPE '\\'" * len(patterns) + ")")
        values += [name, *patterns]
    if wanted.get("search"):
        conditions.append("lower(text) LIKE lower(?) ESCAPE '\\'")
        values.append(f"%{_escape(wanted['search'])}%")
    return " AND ".join(conditions), values


def _escape(text: str) -> str:
    """Escape the wildcards of LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def count_samples_by(ledger: Ledger, *columns: str) -> list[dict[str, Any]]:
    """Count samples by columns, such as `lesson` and `state`: one row per combination, with its `count`."""
    names = ", ".join(columns)
    order = ", ".join(f"{column} NULLS FIRST" for column in columns)
    rows = ledger.query(f"SELECT {names}, count(*) AS count FROM samples GROUP BY {names} ORDER BY {order}")
    return [decode(row) for row in rows]


def time_nodes(ledger: Ledger) -> list[dict[str, Any]]:
    """Per cycle and node: `cycle`, `node`, `seconds` in all, `runs`, and `slowest` in seconds."""
    rows = ledger.query(
        "SELECT cycle, node, sum(seconds) AS seconds, count(*) AS runs, max(seconds) AS slowest FROM timings"
        " GROUP BY cycle, node ORDER BY min(seq)"
    )
    return [dict(row) for row in rows]


def list_prompt_sets(ledger: Ledger) -> list[str]:
    """Hashes of the sets of rendered prompts that the calls were made with, in the order of their first use."""
    rows = ledger.query("SELECT prompts FROM calls GROUP BY prompts ORDER BY min(seq)")
    return [str(row["prompts"]) for row in rows]
