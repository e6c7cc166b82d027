"""The ledger: one SQLite file with every call, message, sample, weakness and cycle of a run.

Every write is one committed transaction and idempotent: a node that runs again after a crash writes the same rows.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agents.messages import CallRecord, EvokdError, Message
from tracing.group_commit import GroupCommit

SCHEMA = Path(__file__).with_name("schema.sql")
VERSION = "2"
PATIENCE = 30.0
"""Seconds to wait for another writer of the file."""
_JSON_COLUMNS = frozenset(
    {
        "request",
        "flags",
        "faults",
        "labels",
        "evidence",
        "plan",
        "intended",
        "candidates",
        "label",
        "exam",
        "body",
        "masked",
    }
)

_MISTAKES = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_MISUSE}
"""Errors of SQLite that no disk makes: a statement of ours is wrong."""
_BY_ID = "cycle, length(id), id"
"""Order of ids that end in a number: w10 comes after w9."""


class LedgerError(EvokdError):
    """The ledger cannot be read or written."""


@dataclass(frozen=True)
class Sample:
    """A draft on its way: drafted, then accepted or rejected, perhaps tombstoned after a roll-back."""

    id: str
    cycle: int
    lesson: str
    weakness: str | None
    text: str
    difficulty: str
    intended: Any
    draft_call: str
    state: str = "drafted"
    candidates: list[Any] | None = None
    confidence: float | None = None
    label: Any = None
    reason: str | None = None
    disputed: bool = False
    masked: list[list[int]] = field(default_factory=list)
    """Parts of the text that are not learned from: [from, up to), in characters."""
    purpose: str | None = None
    """`train` or `gate` (set aside, never trained on)."""
    exam: dict[str, Any] | None = None
    """What the student answered before it was trained on the sample: {"answer", "confidence"}."""
    label_call: str | None = None


class Ledger:
    """A run's ledger.

    Args:
        path: the SQLite file; made when it is not there.

    Raises:
        LedgerError: the file cannot be opened or is of another version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._groups = GroupCommit(path, PATIENCE)
        try:
            self._db = sqlite3.connect(path, PATIENCE, check_same_thread=False, isolation_level=None)
        except sqlite3.Error as exc:
            raise LedgerError(f"{path}: the ledger cannot be opened: {exc}") from exc
        try:
            self._open()
        except sqlite3.Error as exc:
            self._db.close()
            raise LedgerError(f"{path}: the ledger cannot be opened: {exc}") from exc
        except LedgerError:
            self._db.close()
            raise

    def _open(self) -> None:
        self._db.row_factory = sqlite3.Row
        # Looked at before anything is written: the file may be another program's, or a later version's.
        tables = {row["name"] for row in self._rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and "meta" not in tables:
            raise LedgerError(f"{self.path}: not the ledger of a run; it is another SQLite file")
        found = self._rows("SELECT value FROM meta WHERE key = 'version'") if tables else []
        if found and found[0]["value"] != VERSION:
            raise LedgerError(
                f"{self.path}: ledger of version {found[0]['value']}, this program knows version {VERSION}; open it"
                " with the evokd that wrote it"
            )
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(SCHEMA.read_text(encoding="utf-8"))
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", (VERSION,))

    def close(self) -> None:
        """Close the file."""
        self._groups.close()
        self._db.close()

    def remember(self, key: str, body: Mapping[str, Any]) -> None:
        """Keep a fact about the run as a whole."""
        self._insert("meta", [{"key": key, "value": json.dumps(body, ensure_ascii=False)}])

    def recall(self, key: str) -> dict[str, Any] | None:
        """A fact about the run as a whole."""
        rows = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return dict(json.loads(rows[0]["value"])) if rows else None

    def start_over(self) -> None:
        """Take back all that came of the calls, for a run that has lost its checkpoints; the replies stay."""
        with self._transaction():
            for table in ("messages", "weaknesses", "lessons", "samples", "cycles", "timings"):
                self._execute(f"DELETE FROM {table}")

    # ------------------------------------------------------------------------------------------------------ calls

    def find_call(self, key: str) -> CallRecord | None:
        """The newest stored attempt with this key whose reply may be used again, if there is one."""
        rows = self._rows(
            "SELECT * FROM calls WHERE key = ? AND status IN ('ok', 'fault') ORDER BY seq DESC LIMIT 1", key
        )
        return _to_call(rows[0]) if rows else None

    def record_call(self, record: CallRecord) -> None:
        """Store one attempt."""
        self._insert("calls", [record.model_dump(mode="json")])

    async def keep_call(self, record: CallRecord) -> None:
        """Store one attempt, together with others that come at the same time; returns when it is on the disk."""
        with self._named_errors():
            await self._groups.write(*_to_insert("calls", record.model_dump(mode="json")))

    def count_calls(self, role: str, span: str) -> int:
        """Attempts recorded for a role in a span."""
        return int(self._rows("SELECT count(*) AS n FROM calls WHERE span = ? AND role = ?", span, role)[0]["n"])

    def spend_faults(self, cycle: int) -> int:
        """Mark the unusable replies of a cycle as spent, so that a resumed run asks anew; returns how many."""
        return self._execute("UPDATE calls SET status = 'spent' WHERE status = 'fault' AND cycle = ?", cycle).rowcount

    def calls(self, cycle: int | None = None) -> list[CallRecord]:
        """All attempts in order, of one cycle or of the run."""
        return [_to_call(row) for row in self._of_cycle("calls", cycle, "seq")]

    def usage(self, cycle: int | None = None, role: str | None = None) -> dict[str, Any]:
        """Calls and tokens: {"calls", "input_tokens", "output_tokens", "cost_usd", "estimated"}.

        `cost_usd` is None as soon as the price of one call is unknown. Calls that the server refused are not counted;
        those that were lost on the way are, with estimates.
        """
        asked = {name: value for name, value in (("cycle", cycle), ("role", role)) if value is not None}
        where = " AND ".join(["status != 'error'", *(f"{name} = ?" for name in asked)])
        row = self._rows(
            "SELECT count(*) AS calls, coalesce(sum(input_tokens), 0) AS input_tokens,"
            " coalesce(sum(output_tokens), 0) AS output_tokens, sum(cost_usd) AS cost_usd,"
            " count(*) - count(cost_usd) AS unpriced, coalesce(max(estimated), 0) AS estimated"
            f" FROM calls WHERE {where}",
            *asked.values(),
        )[0]
        usage = dict(row)
        unpriced = usage.pop("unpriced")
        usage["cost_usd"] = None if unpriced or not usage["calls"] else usage["cost_usd"]
        usage["estimated"] = bool(usage["estimated"])
        return usage

    def spent(self, cycle: int | None) -> tuple[int, float]:
        """Tokens and US dollars used, in a cycle or in all; calls of unknown price count as 0 dollars."""
        where = "WHERE cycle = ?" if cycle is not None else ""
        row = self._rows(
            "SELECT coalesce(sum(input_tokens + output_tokens), 0) AS tokens, coalesce(sum(cost_usd), 0.0) AS usd"
            f" FROM calls {where}",
            *([cycle] if cycle is not None else []),
        )[0]
        return row["tokens"], row["usd"]

    def find_ability(self, endpoint: str, model: str) -> str | None:
        """What an endpoint was found to understand."""
        rows = self._rows("SELECT ability FROM abilities WHERE endpoint = ? AND model = ?", endpoint, model)
        return str(rows[0]["ability"]) if rows else None

    def remember_ability(self, endpoint: str, model: str, ability: str) -> None:
        """Keep what an endpoint was found to understand."""
        if self.find_ability(endpoint, model) != ability:
            self._insert("abilities", [{"endpoint": endpoint, "model": model, "ability": ability}])

    # --------------------------------------------------------------------------------------------------- messages

    def put_message(self, cycle: int, span: str, sender: str, receiver: str, message: Message) -> None:
        """Store a message between two parties."""
        body = message.model_dump(mode="json")
        row = {"cycle": cycle, "span": span, "kind": body["kind"], "sender": sender, "receiver": receiver, "body": body}
        self._insert("messages", [row])

    def message(self, span: str, kind: str) -> dict[str, Any] | None:
        """The body of a stored message."""
        rows = self._rows("SELECT body FROM messages WHERE span = ? AND kind = ?", span, kind)
        return dict(json.loads(rows[0]["body"])) if rows else None

    # ----------------------------------------------------------------------------------------- weaknesses, lessons

    def put_weaknesses(self, rows: Iterable[Mapping[str, Any]], instead_of: int | None = None) -> None:
        """Store weaknesses: id, cycle, name, pattern, labels, evidence, advice, state, effect.

        Args:
            rows: the weaknesses.
            instead_of: cycle whose weaknesses of an earlier attempt they replace.
        """
        with self._transaction():
            if instead_of is not None:
                self._execute("DELETE FROM weaknesses WHERE cycle = ?", instead_of)
            self._insert("weaknesses", rows)

    def weaknesses(self, cycle: int | None = None) -> list[dict[str, Any]]:
        """All weaknesses in order, of one cycle or of the run."""
        return [_decode(row) for row in self._of_cycle("weaknesses", cycle, _BY_ID)]

    def put_lessons(self, cycle: int, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store a cycle's lessons (id, cycle, weakness, plan) in place of an earlier attempt's and all it led to."""
        with self._transaction():
            self._execute("DELETE FROM messages WHERE span IN (SELECT id FROM lessons WHERE cycle = ?)", cycle)
            self._execute("DELETE FROM lessons WHERE cycle = ?", cycle)
            self._execute("DELETE FROM samples WHERE cycle = ?", cycle)
            self._insert("lessons", rows)

    def lessons(self, cycle: int) -> list[dict[str, Any]]:
        """A cycle's lessons in order."""
        return [_decode(row) for row in self._of_cycle("lessons", cycle, _BY_ID)]

    def lesson(self, lesson: str) -> dict[str, Any]:
        """One lesson."""
        rows = self._rows("SELECT * FROM lessons WHERE id = ?", lesson)
        if not rows:
            raise LedgerError(f"{self.path}: no lesson {lesson!r}")
        return _decode(rows[0])

    def close_lesson(self, lesson: str, drafts: int, labelled: int, faults: Sequence[str]) -> None:
        """Note what became of a lesson."""
        self._execute(
            "UPDATE lessons SET drafts = ?, labelled = ?, faults = ? WHERE id = ?",
            *(drafts, labelled, _encode(list(faults)), lesson),
        )

    # ---------------------------------------------------------------------------------------------------- samples

    def put_drafts(self, lesson: str, samples: Sequence[Sample]) -> None:
        """Store a lesson's drafts, replacing what an interrupted attempt has left."""
        with self._transaction():
            self._execute("DELETE FROM samples WHERE lesson = ?", lesson)
            self._insert("samples", [vars(sample) for sample in samples])

    def update_samples(self, changes: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Change columns of samples, all in one transaction: (id, {column: value})."""
        with self._transaction():
            for sample, change in changes:
                names = ", ".join(f"{column} = ?" for column in change)
                values = [_encode(value) if column in _JSON_COLUMNS else value for column, value in change.items()]
                self._execute(f"UPDATE samples SET {names} WHERE id = ?", *values, sample)

    def samples(
        self, cycle: int | None = None, lesson: str | None = None, state: str | None = None, purpose: str | None = None
    ) -> list[Sample]:
        """Samples in order of lesson and draft, narrowed down as asked."""
        wanted = {"cycle": cycle, "lesson": lesson, "state": state, "purpose": purpose}
        asked = {name: value for name, value in wanted.items() if value is not None}
        where = " AND ".join(f"{name} = ?" for name in asked) or "1"
        rows = self._rows(
            f"SELECT * FROM samples WHERE {where} ORDER BY cycle, length(lesson), lesson, length(id), id",
            *asked.values(),
        )
        return [Sample(**_decode(row)) for row in rows]

    def count_samples(self, state: str = "accepted") -> int:
        """Number of samples in a state."""
        return int(self._rows("SELECT count(*) AS n FROM samples WHERE state = ?", state)[0]["n"])

    def count_drafts(self, before: int) -> int:
        """Number of drafts written in the cycles before one."""
        return int(self._rows("SELECT count(*) AS n FROM samples WHERE cycle < ?", before)[0]["n"])

    def count_rejected(self, cycle: int) -> dict[str, int]:
        """Rejected and tombstoned samples of a cycle by reason."""
        rows = self._rows(
            "SELECT reason, count(*) AS n FROM samples WHERE cycle = ? AND state IN ('rejected', 'tombstoned')"
            " GROUP BY reason ORDER BY reason",
            cycle,
        )
        return {row["reason"]: row["n"] for row in rows}

    # ----------------------------------------------------------------------------------------------------- cycles

    def put_part(self, cycle: int, part: str, body: Mapping[str, Any]) -> None:
        """Store one part of a cycle's record, such as `training`, `gate` or `exam`."""
        self._insert("cycles", [{"cycle": cycle, "part": part, "body": dict(body)}])

    def part(self, cycle: int, part: str) -> dict[str, Any] | None:
        """One part of a cycle's record."""
        rows = self._rows("SELECT body FROM cycles WHERE cycle = ? AND part = ?", cycle, part)
        return dict(json.loads(rows[0]["body"])) if rows else None

    def last_cycle(self) -> int:
        """The highest cycle whose lessons were planned or that any part is recorded of; 0 at the start."""
        begun = "SELECT cycle FROM cycles UNION SELECT cycle FROM lessons"
        return int(self._rows(f"SELECT coalesce(max(cycle), 0) AS n FROM ({begun})")[0]["n"])

    def add_time(self, cycle: int, node: str, seconds: float) -> None:
        """Add to the time that a node took in a cycle, in seconds."""
        self._execute("INSERT INTO timings (cycle, node, seconds) VALUES (?, ?, ?)", cycle, node, seconds)

    def times(self, cycle: int | None = None) -> dict[str, float]:
        """Seconds per node, of one cycle or of the run."""
        where = "WHERE cycle = ?" if cycle is not None else ""
        rows = self._rows(
            f"SELECT node, sum(seconds) AS s FROM timings {where} GROUP BY node ORDER BY min(seq)",
            *([cycle] if cycle is not None else []),
        )
        return {row["node"]: round(row["s"], 3) for row in rows}

    # ---------------------------------------------------------------------------------------------------- helpers

    def _execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        with self._named_errors():
            return self._db.execute(statement, values)

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._named_errors():
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Everything inside is stored, or nothing of it."""
        with self._named_errors(), self._db:
            self._db.execute("BEGIN")
            yield

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            if getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _MISTAKES:
                raise
            raise LedgerError(f"{self.path}: the ledger cannot be read or written: {exc}") from exc

    def _of_cycle(self, table: str, cycle: int | None, order: str) -> list[sqlite3.Row]:
        if cycle is None:
            return self._rows(f"SELECT * FROM {table} ORDER BY {order}")
        return self._rows(f"SELECT * FROM {table} WHERE cycle = ? ORDER BY {order}", cycle)

    def _insert(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            statement, values = _to_insert(table, row)
            self._execute(statement, *values)


def _to_insert(table: str, row: Mapping[str, Any]) -> tuple[str, list[Any]]:
    columns = ", ".join(row)
    marks = ", ".join("?" * len(row))
    values = [_encode(value) if column in _JSON_COLUMNS else value for column, value in row.items()]
    return f"INSERT OR REPLACE INTO {table} ({columns}) VALUES ({marks})", values


def _encode(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _decode(row: sqlite3.Row) -> dict[str, Any]:
    fields = {}
    for name in row.keys():  # noqa: SIM118 - sqlite3.Row iterates over values
        value = row[name]
        fields[name] = json.loads(value) if name in _JSON_COLUMNS and value is not None else value
    if "disputed" in fields:
        fields["disputed"] = bool(fields["disputed"])
    return fields


def _to_call(row: sqlite3.Row) -> CallRecord:
    fields = _decode(row)
    del fields["seq"]
    return CallRecord.model_validate(fields)
