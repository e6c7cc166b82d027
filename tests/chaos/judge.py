"""What a run has to keep to, whatever happened to it: judged from its folder and from what the server has seen."""

import json
import shutil
import sqlite3
import tempfile
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from evokd.tracing.database import SCHEMA
from evokd.tracing.events import read_events
from evokd.tracing.store import POINTER, find_ledger
from tests.chaos.book import Entry, call_hash
from tests.chaos.killer import Life

GRACE = 0.5
"""Seconds that a reply may take from the server's socket into the ledger, at least; an end in between may lose it."""


@contextmanager
def open_ledger(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of a run's ledger, so that looking at it mends nothing that a kill has left.

    Of a run in a database, the copy is a file of SQLite as well.
    """
    with tempfile.TemporaryDirectory() as place:
        for path in folder.glob("ledger.db*"):
            shutil.copy(path, place)
        if (folder / POINTER).is_file():
            copy_from_database(folder / POINTER, Path(place) / "ledger.db")
        with closing(sqlite3.connect(Path(place) / "ledger.db")) as database:
            database.row_factory = sqlite3.Row
            yield database


def copy_from_database(pointer: Path, path: Path) -> None:
    """Copy the ledger of a run from its database into a file of SQLite."""
    from evokd.tracing.postgres.store import PostgresStore

    store = PostgresStore.of_pointer(pointer, read_only=True)
    with closing(store), closing(sqlite3.connect(path)) as target, target:
        target.executescript(SCHEMA.read_text(encoding="utf-8"))
        for table in sorted(store.tables()):
            for row in store.read(f"SELECT * FROM {table}"):
                columns = [name for name in row if name != "rowid"]
                marks = ", ".join("?" * len(columns))
                values = [row[name] for name in columns]
                target.execute(f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({marks})", values)


def stored_calls(folder: Path) -> set[str]:
    """Calls whose reply is in the ledger, each named as the server names it; none where there is no ledger yet."""
    if not find_ledger(folder).is_file():
        return set()
    with open_ledger(folder) as ledger:
        if not ledger.execute("SELECT 1 FROM sqlite_master WHERE name = 'calls'").fetchone():
            return set()
        rows = ledger.execute("SELECT request FROM calls WHERE status IN ('ok', 'fault')").fetchall()
    return {name_call(row["request"]) for row in rows}


def name_call(request: str) -> str:
    """Name a call by what the ledger keeps of it."""
    kept = json.loads(request)
    return call_hash(kept["turns"], kept["parameters"]["seed"])


# ------------------------------------------------------------------------------------------- what was asked twice


@dataclass
class Calls:
    """What the processes of one run asked the server for."""

    requests: int = 0
    in_flight: int = 0
    """Calls in flight when a process ended, all ends together: asked for, and no reply in the ledger."""
    ends_in_flight: int = 0
    """Ends at which any call was in flight."""
    repeats: int = 0
    """Requests with a body that had come before."""
    too_many: list[str] = field(default_factory=list)
    """Bodies that were asked for more often than they were in flight at an end."""
    stored_again: list[str] = field(default_factory=list)
    """Calls that were made although their reply was in the ledger of the process before."""
    lost: list[str] = field(default_factory=list)
    """Calls answered long before an end whose reply was not in the ledger then."""
    on_the_way: int = 0
    """Those of them that had been answered."""


def measure_lag(folder: Path, entries: Sequence[Entry]) -> float:
    """How long a reply took at most from the server's socket into the ledger, in seconds, in a run on this machine."""
    with open_ledger(folder) as ledger:
        names = {row["id"]: name_call(row["request"]) for row in ledger.execute("SELECT id, request FROM calls")}
    answered = {entry.call: entry.answered for entry in entries if entry.answered is not None}
    shift = time.time() - time.monotonic()
    lags = [0.0]
    for event in read_events(folder / "events.jsonl"):
        sent = answered.get(names.get(event.get("id", ""), "")) if event["event"] == "call" else None
        if sent is not None:
            lags.append(datetime.fromisoformat(event["time"]).timestamp() - shift - sent)
    return max(lags)


def judge_calls(
    entries: Sequence[Entry], lives: Sequence[Life], stored: Sequence[set[str]], grace: float = GRACE
) -> Calls:
    """Find what was asked for again, for a run on a server without faults.

    Args:
        entries: the server's log of the run.
        lives: its processes in order.
        stored: per life, the calls whose reply was in the ledger when it ended.
        grace: seconds before an end within which a reply may have been on its way into the ledger.
    """
    found = Calls(requests=len(entries))
    allowed: Counter[str] = Counter()
    starts = [life.start for life in lives] + [float("inf")]
    for number, life in enumerate(lives):
        own = [entry for entry in entries if starts[number] <= entry.arrived < starts[number + 1]]
        before = set().union(*stored[:number])
        found.stored_again += [f"life {number + 1}: {entry.call}" for entry in own if entry.call in before]
        if number == len(lives) - 1:
            break
        missing = [entry for entry in own if entry.call not in stored[number]]
        late = life.end - grace
        flying = [entry for entry in missing if entry.unread or entry.ended is None or entry.ended > late]
        allowed.update(entry.body for entry in flying)
        found.in_flight += len(flying)
        found.ends_in_flight += bool(flying)
        found.on_the_way += sum(entry.answered is not None and entry.answered <= life.end for entry in flying)
        found.lost += [
            f"life {number + 1}: {entry.call}, answered {life.end - entry.answered:.2f} s before the end"
            for entry in missing
            if entry.answered is not None and entry.answered <= late and not entry.unread
        ]
    counts = Counter(entry.body for entry in entries)
    found.repeats = sum(counts.values()) - len(counts)
    found.too_many = [
        f"{body}: {count} requests, {allowed[body]} of them in flight at an end"
        for body, count in counts.items()
        if count - 1 > allowed[body]
    ]
    return found


# ------------------------------------------------------------------------------------------- orphans in the ledger

_MEASURED = "SELECT printf('c%03d-', cycle) FROM (SELECT cycle FROM cycles UNION SELECT cycle FROM lessons)"
"""What the Labeler is measured in: `c001-measure`, and `c001-guided` with a guide."""
_CYCLES = "SELECT printf('c%03d', cycle) FROM (SELECT cycle FROM cycles UNION SELECT cycle FROM lessons)"
_NEXT_PACKET = "kind = 'feedback_packet' AND cycle = (SELECT max(cycle) + 1 FROM cycles)"
"""The last examination writes a packet for a cycle that the run then decides not to begin."""
ORPHANS = {
    "sample without its lesson": "SELECT id FROM samples WHERE lesson NOT IN (SELECT id FROM lessons)",
    "sample in another cycle than its lesson": "SELECT s.id FROM samples s JOIN lessons l ON l.id = s.lesson"
    " WHERE s.cycle != l.cycle",
    "sample without its draft call": "SELECT id FROM samples WHERE source IS NULL AND draft_call NOT IN"
    " (SELECT id FROM calls WHERE status IN ('ok', 'fault', 'spent') AND role = 'generator')",
    "sample without its label call": "SELECT id FROM samples WHERE label_call IS NOT NULL AND label_call NOT IN"
    " (SELECT id FROM calls WHERE status IN ('ok', 'fault', 'spent') AND role = 'labeler')",
    "sample without its weakness": "SELECT id FROM samples WHERE weakness IS NOT NULL AND weakness NOT IN"
    " (SELECT id FROM weaknesses)",
    "lesson without its weakness": "SELECT id FROM lessons WHERE weakness IS NOT NULL AND weakness NOT IN"
    " (SELECT id FROM weaknesses)",
    "lesson with other drafts than it says": "SELECT l.id FROM lessons l WHERE l.drafts !="
    " (SELECT count(*) FROM samples s WHERE s.lesson = l.id)",
    "lesson with other labels than it says": "SELECT l.id FROM lessons l WHERE l.labelled !="
    " (SELECT count(*) FROM samples s WHERE s.lesson = l.id AND s.candidates IS NOT NULL)",
    "label without a call that the student cannot have confirmed": "SELECT id FROM samples WHERE label_call IS NULL"
    " AND candidates IS NOT NULL AND candidates != '[' || intended || ']'",
    "message of no lesson and no cycle": "SELECT span || '/' || kind FROM messages WHERE span NOT IN"
    f" (SELECT id FROM lessons) AND span NOT IN ({_CYCLES}) AND NOT ({_NEXT_PACKET})",
    "call of no lesson and no cycle": "SELECT id FROM calls WHERE span NOT IN (SELECT id FROM lessons)"
    f" AND span NOT IN ({_CYCLES}) AND rtrim(span, 'abcdefghijklmnopqrstuvwxyz') NOT IN ({_MEASURED})",
    "accepted sample without label": "SELECT id FROM samples WHERE state = 'accepted'"
    " AND coalesce(label, 'null') = 'null'",
    "accepted sample that nobody labelled": "SELECT id FROM samples WHERE state = 'accepted' AND candidates IS NULL",
    "accepted sample without purpose": "SELECT id FROM samples WHERE state = 'accepted' AND purpose IS NULL",
    "sample that nobody judged": "SELECT id FROM samples WHERE state = 'drafted'",
    "rejected sample without reason": "SELECT id FROM samples WHERE state IN ('rejected', 'tombstoned')"
    " AND reason IS NULL",
    "answer under one key twice": "SELECT key FROM calls WHERE status = 'ok' GROUP BY key HAVING count(*) > 1",
}
"""What must not be there once a run has ended -> the query that finds it."""


def find_orphans(folder: Path) -> list[str]:
    """Rows in the ledger of a finished run that miss what they belong to, and files that miss rows."""
    with open_ledger(folder) as ledger:
        found = [f"{name}: {row[0]}" for name, query in ORPHANS.items() for row in ledger.execute(query)]
        accepted = {row["id"] for row in ledger.execute("SELECT id FROM samples WHERE state = 'accepted'")}
        packets = ledger.execute("SELECT cycle, body FROM messages WHERE kind = 'feedback_packet'").fetchall()
        cases = {row["cycle"]: {case["id"] for case in json.loads(row["body"])["cases"]} for row in packets}
        for row in ledger.execute("SELECT id, cycle, evidence FROM weaknesses"):
            loose = set(json.loads(row["evidence"])) - cases.get(row["cycle"], set())
            found += [f"weakness {row['id']} on evidence that is no case: {name}" for name in sorted(loose)]
    written = {row["id"] for row in read_rows(folder / "dataset" / "train.jsonl")}
    found += [f"sample in the data set alone: {name}" for name in sorted(written - accepted)]
    return found + [f"accepted sample that the data set lacks: {name}" for name in sorted(accepted - written)]


# ---------------------------------------------------------------------------------------------- what was accepted


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def find_invalid(folder: Path, domain: Path) -> list[str]:
    """Accepted samples that must not be: unknown label, span outside its text, control characters, a known text."""
    tree = yaml.safe_load((domain / "domain.yaml").read_text(encoding="utf-8"))
    known = {}
    for split in ("seeds", "validation", "test"):  # texts of the pool are there to be labelled
        name = tree["data"][split]
        for row in read_rows(domain / name):
            known[_fold(row["text"] if "text" in row else " ".join(row["tokens"]))] = split
    found, texts = [], set()
    for row in read_rows(folder / "dataset" / "train.jsonl"):
        faults = [fault for fault in (_label_fault(row, set(tree["labels"])), _text_fault(row["text"])) if fault]
        folded = _fold(row["text"])
        if folded in known:
            faults.append(f"it is a text of {known[folded]}")
        if folded in texts:
            faults.append("it is there twice")
        texts.add(folded)
        found += [f"{row['id']}: {fault}: {row['text'][:80]!r}" for fault in faults]
    return found


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())


def _label_fault(row: dict[str, Any], labels: set[str]) -> str | None:
    if "label" in row:
        return None if row["label"] in labels else f"unknown label {row['label']!r}"
    end = 0
    for span in sorted(row["entities"], key=lambda span: span["start"]):
        if span["label"] not in labels:
            return f"unknown type {span['label']!r}"
        if not end <= span["start"] < span["end"] <= len(row["text"]):
            return f"span {span['start']}-{span['end']} is outside the text or overlaps another one"
        if row["text"][span["start"] : span["end"]].strip() != row["text"][span["start"] : span["end"]]:
            return f"span {span['start']}-{span['end']} begins or ends with white space"
        end = span["end"]
    return None


def _text_fault(text: str) -> str | None:
    if not text.strip():
        return "an empty text"
    if len(text) > 4000:
        return f"{len(text)} characters"
    strange = [char for char in text if unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\r\t"]
    return f"control character {strange[0]!r}" if strange else None
