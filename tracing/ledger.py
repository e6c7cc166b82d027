"""The ledger: one database with every call, message, sample, weakness and cycle of a run.

Every write is one committed transaction and idempotent: a node that runs again after a crash writes the same rows.
"""

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from evokd.messages import CallRecord, EvokdError, InputError, Message
from evokd.tracing.batches import Batches
from evokd.tracing.database import encode
from evokd.tracing.rows import (
    LessonOutline,
    LessonRow,
    PlanRecord,
    RecordKind,
    RecordT,
    Usage,
    WeaknessRow,
)
from evokd.tracing.samples import Sample
from evokd.tracing.store import ALL, LedgerError, Row
from evokd.tracing.view_rows import PromptHistory, PromptRecord, PromptSet

__all__ = ["Ledger", "LedgerError", "Sample"]

MessageT = TypeVar("MessageT", bound=Message)

LEAST_ROOM = 8 * 2**20
"""Bytes that must be free before a call goes out: all replies under way, and the second copy that SQLite writes."""
_PROMPTS = "prompts"
"""Key of the prompts among the facts."""
_BY_ID = "cycle, length(id), id"
"""Order of ids that end in a number: w10 comes after w9."""


class Ledger(Batches):
    """A run's ledger."""

    on_call: Callable[[CallRecord], None] | None = None
    """Called with every attempt that `keep_call` has stored."""

    def remember(self, key: str, body: Mapping[str, Any]) -> None:
        """Store a fact about the whole run under a key."""
        self._insert("meta", [{"key": key, "value": json.dumps(body, ensure_ascii=False)}])

    def recall(self, key: str) -> dict[str, Any] | None:
        """Read a fact about the whole run; None where nothing is stored under the key."""
        rows = self._rows("SELECT value FROM meta WHERE key = ?", key)
        return cast(dict[str, Any], self._load(rows[0]["value"], dict[str, Any], key)) if rows else None

    def add_prompts(self, digest: str, roles: Mapping[str, PromptRecord]) -> None:
        """Store the prompts that are in force from now on; nothing is added if the last ones have the same hash."""
        sets = self.prompt_sets()
        if not sets or sets[-1]["hash"] != digest:
            entry = PromptSet(hash=digest, from_cycle=self.last_cycle(), roles=dict(roles))
            self.remember(_PROMPTS, PromptHistory(sets=[*sets, entry]))

    def prompt_sets(self) -> list[PromptSet]:
        """The sets of prompts that the run has had, in order; [] in runs of earlier versions."""
        rows = self._rows("SELECT value FROM meta WHERE key = ?", _PROMPTS)
        history = cast(PromptHistory, self._load(rows[0]["value"], PromptHistory, _PROMPTS)) if rows else None
        return history["sets"] if history else []

    def start_over(self) -> None:
        """Delete everything but calls, facts and the decisions of people, for a run that has lost its checkpoints."""
        with self._transaction():
            for table in ("messages", "weaknesses", "lessons", "samples", "cycles", "timings"):
                self._execute(f"DELETE FROM {table}")

    # ------------------------------------------------------------------------------------------------------ calls

    def find_call(self, key: str) -> CallRecord | None:
        """Find the newest stored attempt with this key whose reply may be used again."""
        rows = self._rows(
            "SELECT * FROM calls WHERE key = ? AND status IN ('ok', 'fault') ORDER BY seq DESC LIMIT 1", key
        )
        return self._to_call(rows[0]) if rows else None

    def record_call(self, record: CallRecord) -> None:
        """Store one attempt."""
        self._insert("calls", [record.model_dump(mode="json")])

    async def keep_call(self, record: CallRecord) -> None:
        """Store one attempt, in one commit with others that come at the same time; return when it is on the disk."""
        await self._insert_in_group("calls", record.model_dump(mode="json"))
        if self.on_call is not None:
            self.on_call(record)

    def count_calls(self, role: str, span: str) -> int:
        """Count the attempts recorded for a role in a span."""
        return int(self._rows("SELECT count(*) AS n FROM calls WHERE span = ? AND role = ?", span, role)[0]["n"])

    def spend_faults(self, cycle: int) -> int:
        """Mark the unusable replies of a cycle as spent, so that a resumed run asks again; return how many."""
        self._settle_faults(cycle)
        return self._execute("UPDATE calls SET status = 'spent' WHERE status = 'fault' AND cycle = ?", cycle)

    def call(self, name: str) -> CallRecord | None:
        """One attempt by its id."""
        rows = self._rows("SELECT * FROM calls WHERE id = ?", name)
        return self._to_call(rows[0]) if rows else None

    def calls(self, cycle: int | None = None) -> list[CallRecord]:
        """All attempts in order, of one cycle or of the run."""
        return [self._to_call(row) for row in self._of_cycle("calls", cycle, "seq")]

    def usage(self, cycle: int | None = None, role: str | None = None) -> Usage:
        """Sum up calls and tokens, of a cycle, of a role or of all.

        Calls that the server refused are not counted; those that were lost on the way are, with estimates.
        """
        filters = {name: value for name, value in (("cycle", cycle), ("role", role)) if value is not None}
        where = " AND ".join(["status != 'error'", *(f"{name} = ?" for name in filters)])
        row = self._rows(
            "SELECT count(*) AS calls, coalesce(sum(input_tokens), 0) AS input_tokens,"
            " coalesce(sum(output_tokens), 0) AS output_tokens, sum(cost_usd) AS cost_usd,"
            " count(*) - count(cost_usd) AS unpriced, coalesce(max(estimated), 0) AS estimated"
            f" FROM calls WHERE {where}",
            *filters.values(),
        )[0]
        return Usage(
            calls=row["calls"],
            input_tokens=row["input_tokens"],
            output_tokens=row["output_tokens"],
            cost_usd=None if row["unpriced"] or not row["calls"] else row["cost_usd"],
            estimated=bool(row["estimated"]),
        )

    def spent(self, cycle: int | None) -> tuple[int, float]:
        """Sum up tokens and US dollars, of a cycle or of the run; calls of unknown price count as 0 dollars."""
        where = "WHERE cycle = ?" if cycle is not None else ""
        row = self._rows(
            "SELECT coalesce(sum(input_tokens + output_tokens), 0) AS tokens, coalesce(sum(cost_usd), 0.0) AS usd"
            f" FROM calls {where}",
            *([cycle] if cycle is not None else []),
        )[0]
        return row["tokens"], row["usd"]

    def find_ability(self, endpoint: str, model: str) -> str | None:
        """Read which form of request an endpoint takes; None: unknown."""
        rows = self._rows("SELECT ability FROM abilities WHERE endpoint = ? AND model = ?", endpoint, model)
        return str(rows[0]["ability"]) if rows else None

    def check_room(self) -> None:
        """Check that there is disk space for the replies of calls that go out now.

        Raises:
            LedgerError: less than `LEAST_ROOM` is free.
        """
        self._store.check()
        try:
            free = shutil.disk_usage(self.path.parent).free
        except OSError:  # unknown; a failing write will show it
            return
        if free < LEAST_ROOM:
            full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            raise LedgerError(f"{self.path}: no room for replies") from full

    def remember_ability(self, endpoint: str, model: str, ability: str) -> None:
        """Store which form of request an endpoint takes."""
        if self.find_ability(endpoint, model) != ability:
            self._insert("abilities", [{"endpoint": endpoint, "model": model, "ability": ability}])

    # --------------------------------------------------------------------------------------------------- messages

    def put_message(self, cycle: int, span: str, sender: str, receiver: str, message: Message) -> None:
        """Store a message between two parties."""
        body = message.model_dump(mode="json")
        row = {"cycle": cycle, "span": span, "kind": body["kind"], "sender": sender, "receiver": receiver, "body": body}
        self._insert("messages", [row])

    def message(self, span: str, model: type[MessageT]) -> MessageT | None:
        """The stored message of a span that is of this model, such as `FeedbackPacket`.

        Raises:
            LedgerError: the message is damaged, or of another version.
        """
        kind = model.model_fields["kind"].default
        rows = self._rows("SELECT body FROM messages WHERE span = ? AND kind = ?", span, kind)
        try:
            return model.model_validate(json.loads(rows[0]["body"])) if rows else None
        except ValueError as exc:
            fault = " ".join(str(exc).split())[:200]
            raise LedgerError(f"{self._name}: the {kind} of {span} cannot be read by this version: {fault}") from exc

    # ----------------------------------------------------------------------------------------- weaknesses, lessons

    def put_weaknesses(self, rows: Iterable[WeaknessRow], instead_of: int | None = None) -> None:
        """Store weaknesses; one that is there under the same id is replaced.

        Args:
            rows: the weaknesses.
            instead_of: cycle whose weaknesses are deleted first; they are of an earlier attempt.
        """
        with self._transaction():
            if instead_of is not None:
                self._execute("DELETE FROM weaknesses WHERE cycle = ?", instead_of)
            self._insert("weaknesses", rows)

    def weaknesses(self, cycle: int | None = None) -> list[WeaknessRow]:
        """All weaknesses in order, of one cycle or of the run."""
        return [self._to_weakness(row) for row in self._of_cycle("weaknesses", cycle, _BY_ID)]

    def newest_weaknesses(self, count: int, before: int | None = None) -> list[WeaknessRow]:
        """The last `count` weaknesses, in order; `before`: of the cycles before this one only."""
        rows = self._rows(
            "SELECT * FROM weaknesses WHERE cycle < ? ORDER BY cycle DESC, length(id) DESC, id DESC LIMIT ?",
            ALL if before is None else before,
            count,
        )
        return [self._to_weakness(row) for row in reversed(rows)]

    def put_lessons(self, cycle: int, rows: Sequence[LessonRow]) -> None:
        """Store a cycle's lessons in place of those of an earlier attempt, whose samples and messages are deleted."""
        with self._transaction():
            self._execute("DELETE FROM messages WHERE span IN (SELECT id FROM lessons WHERE cycle = ?)", cycle)
            self._execute("DELETE FROM lessons WHERE cycle = ?", cycle)
            self._execute("DELETE FROM samples WHERE cycle = ?", cycle)
            self._insert("lessons", rows)

    def lessons(self, cycle: int) -> list[LessonRow]:
        """A cycle's lessons in order."""
        return [self._to_lesson(row) for row in self._of_cycle("lessons", cycle, _BY_ID)]

    def lesson_plans(self) -> list[tuple[str, PlanRecord]]:
        """Id and plan of all lessons in order."""
        rows = self._rows(f"SELECT id, plan FROM lessons ORDER BY {_BY_ID}")
        return [(row["id"], self._load(row["plan"], PlanRecord, f"the plan of {row['id']}")) for row in rows]

    def all_lessons(self) -> list[LessonOutline]:
        """All lessons of the run in order, without their plans."""
        rows = self._rows(f"SELECT id, cycle, weakness, kind FROM lessons ORDER BY {_BY_ID}")
        return [
            LessonOutline(id=row["id"], cycle=row["cycle"], weakness=row["weakness"], kind=row["kind"]) for row in rows
        ]

    def count_tokens(self, first: int, end: int) -> dict[str, int]:
        """Kind of text -> tokens of the calls of its lessons in the cycles from `first` up to, not including, `end`.

        Calls that were lost on the way are left out: an outage says nothing about a kind of text, and a run that went
        through one goes on as without it.
        """
        rows = self._rows(
            "SELECT lessons.kind AS kind, sum(input_tokens + output_tokens) AS n FROM lessons"
            " JOIN calls ON calls.span = lessons.id"
            " WHERE lessons.cycle >= ? AND lessons.cycle < ? AND calls.status != 'lost'"
            " GROUP BY lessons.kind ORDER BY lessons.kind",
            first,
            end,
        )
        return {row["kind"]: int(row["n"]) for row in rows}

    def lesson(self, lesson: str) -> LessonRow:
        """One lesson by its id.

        Raises:
            LedgerError: there is none.
        """
        rows = self._rows("SELECT * FROM lessons WHERE id = ?", lesson)
        if not rows:
            raise LedgerError(f"{self._name}: no lesson {lesson!r}")
        return self._to_lesson(rows[0])

    def close_lesson(self, lesson: str, drafts: int, labelled: int, faults: Sequence[str]) -> None:
        """Store the outcome of a lesson: numbers of drafts and labelled drafts, and faults."""
        self._execute(
            "UPDATE lessons SET drafts = ?, labelled = ?, faults = ? WHERE id = ?",
            *(drafts, labelled, encode(list(faults)), lesson),
        )

    # ----------------------------------------------------------------------------------------------------- cycles

    def put_cycle_record(self, cycle: int, kind: RecordKind[RecordT], record: RecordT) -> None:
        """Store a record of a cycle, such as `rows.GATE`, in place of an earlier attempt's."""
        self._insert("cycles", [{"cycle": cycle, "part": kind.name, "body": record}])

    def cycle_record(self, cycle: int, kind: RecordKind[RecordT]) -> RecordT | None:
        """A record of a cycle, such as `rows.GATE`; None where it was not written yet."""
        rows = self._rows("SELECT body FROM cycles WHERE cycle = ? AND part = ?", cycle, kind.name)
        place = f"{kind.name} of cycle {cycle}"
        return cast(RecordT, self._load(rows[0]["body"], kind.shape, place)) if rows else None

    def last_cycle(self) -> int:
        """The highest cycle whose lessons were planned or that has a record; 0 at the start."""
        rows = self._rows("SELECT max(cycle) AS n FROM cycles UNION ALL SELECT max(cycle) FROM lessons")
        return max(row["n"] or 0 for row in rows)

    def add_time(self, cycle: int, node: str, seconds: float) -> None:
        """Add seconds to the time of a node in a cycle."""
        self._execute("INSERT INTO timings (cycle, node, seconds) VALUES (?, ?, ?)", cycle, node, seconds)

    def times(self, cycle: int | None = None) -> dict[str, float]:
        """Seconds per node, of one cycle or of the run."""
        where = "WHERE cycle = ?" if cycle is not None else ""
        rows = self._rows(
            f"SELECT node, sum(seconds) AS s FROM timings {where} GROUP BY node ORDER BY min(seq)",
            *([cycle] if cycle is not None else []),
        )
        return {row["node"]: round(row["s"], 3) for row in rows}

    def _to_call(self, row: Row) -> CallRecord:
        return cast(CallRecord, self._make("calls", row, CallRecord, without=("seq",)))

    def _to_weakness(self, row: Row) -> WeaknessRow:
        return cast(WeaknessRow, self._read("weaknesses", row, WeaknessRow))

    def _to_lesson(self, row: Row) -> LessonRow:
        return cast(LessonRow, self._read("lessons", row, LessonRow))


def open_ledger(path: Path) -> Ledger:
    """Open the ledger of an existing run for reading only.

    Raises:
        InputError: there is none, as before the run has begun.
        EvokdError: it is damaged.
    """
    if not path.is_file():
        raise InputError(f"{path}: the run has no ledger yet; it begins with: evokd resume {path.parent}")
    if not path.stat().st_size:
        raise EvokdError(f"{path}: damaged (nothing is in it); put the file of a copy in its place")
    return Ledger(path, read_only=True)
