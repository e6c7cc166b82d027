"""The samples in the ledger: drafts, and what became of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, cast

from pydantic import AfterValidator
from typing_extensions import TypedDict

from evokd.tracing.database import JSON_COLUMNS, Database, encode
from evokd.tracing.rows import Answer, ExamAnswer, check_answer
from evokd.tracing.store import limit_to

AnyAnswer = Annotated[Any, AfterValidator(check_answer)]
BY_DRAFT = "cycle, length(lesson), lesson, length(id), id"
"""Order of samples: l10 comes after l09, d100 after d99."""
_BACKWARDS = ", ".join(f"{term} DESC" for term in BY_DRAFT.split(", "))


@dataclass(frozen=True)
class Sample:
    """A text: drafted, then accepted or rejected; a roll-back makes an accepted one `tombstoned`."""

    id: str
    cycle: int
    lesson: str
    weakness: str | None
    text: str
    difficulty: str
    intended: AnyAnswer
    """The `Answer` that the text was written for; None for a real text."""
    draft_call: str
    state: str = "drafted"
    candidates: list[Answer] | None = None
    """Answers of the Labeler, best first; None: not labelled."""
    confidence: float | None = None
    label: AnyAnswer = None
    """The `Answer` that curation decided on; None before that, and where the text was rejected."""
    reason: str | None = None
    disputed: bool = False
    masked: list[list[int]] = field(default_factory=list)
    """Parts of the text that are left out of the training: [start, end), in characters."""
    purpose: str | None = None
    """`train`, or `gate`: set aside for the gate and never trained on."""
    exam: ExamAnswer | None = None
    """The student's answer before it was trained on the sample."""
    label_call: str | None = None
    kind: str = ""
    """Kind of text; see `graph.curriculum.kinds`."""
    source: str | None = None
    """File and line of a real text."""
    pair: str = ""
    """Name that it shares with its partner, in a lesson of pairs."""
    audited: bool = False
    """Sent to the Labeler as a check, although the student had confirmed the intended label."""

    @property
    def is_real(self) -> bool:
        """Whether it comes from the user's data, not from the Generator."""
        return self.source is not None


@dataclass(frozen=True)
class TrainingSample:
    """What a training needs of an accepted sample; see `Sample`."""

    id: str
    text: str
    kind: str
    label: AnyAnswer
    confidence: float | None
    source: str | None
    masked: list[list[int]]

    @property
    def is_real(self) -> bool:
        """Whether it comes from the user's data, not from the Generator."""
        return self.source is not None


_TRAINING_COLUMNS = ", ".join(column.name for column in fields(TrainingSample))


class SampleChange(TypedDict, total=False):
    """Columns of a sample that `label`, `curate` or `gate` change; see `Sample`."""

    state: str
    candidates: list[Answer] | None
    confidence: float | None
    label: Any
    reason: str | None
    disputed: bool
    masked: list[list[int]]
    purpose: str | None
    exam: ExamAnswer | None
    label_call: str | None
    audited: bool


class Samples(Database):
    """The part of the ledger that holds samples."""

    def put_drafts(self, lesson: str, samples: Sequence[Sample]) -> None:
        """Store a lesson's drafts in place of those of an interrupted attempt."""
        with self._transaction():
            self._execute("DELETE FROM samples WHERE lesson = ?", lesson)
            self._insert("samples", [vars(sample) for sample in samples])

    def update_samples(self, changes: Iterable[tuple[str, SampleChange]]) -> None:
        """Change columns of samples, all in one transaction: (id, {column: value})."""
        with self._transaction():
            for sample, change in changes:
                names = ", ".join(f"{column} = ?" for column in change)
                values = [encode(value) if column in JSON_COLUMNS else value for column, value in change.items()]
                self._execute(f"UPDATE samples SET {names} WHERE id = ?", *values, sample)

    def samples(
        self,
        cycle: int | None = None,
        lesson: str | None = None,
        state: str | None = None,
        purpose: str | None = None,
        weakness: str | None = None,
        first: int = -1,
    ) -> list[Sample]:
        """Samples in order of lesson and draft that match every given filter; `first`: at most so many, -1: all."""
        columns = {"cycle": cycle, "lesson": lesson, "state": state, "purpose": purpose, "weakness": weakness}
        filters = {name: value for name, value in columns.items() if value is not None}
        where = " AND ".join(f"{name} = ?" for name in filters) or "TRUE"
        query = f"SELECT * FROM samples WHERE {where} ORDER BY {BY_DRAFT} LIMIT ?"
        rows = self._rows(query, *filters.values(), limit_to(first))
        return [cast(Sample, self._make("samples", row, Sample)) for row in rows]

    def sample(self, name: str) -> Sample | None:
        """One sample by its id."""
        rows = self._rows("SELECT * FROM samples WHERE id = ?", name)
        return cast(Sample, self._make("samples", rows[0], Sample)) if rows else None

    def first_and_last_sample(self) -> tuple[str, str] | None:
        """Ids of the first and the last sample in order."""
        ends = [self._rows(f"SELECT id FROM samples ORDER BY {order} LIMIT 1") for order in (BY_DRAFT, _BACKWARDS)]
        return (ends[0][0]["id"], ends[1][0]["id"]) if ends[0] else None

    def outline_lesson(self, lesson: str) -> tuple[int, str | None]:
        """Count the accepted samples of a lesson, and find the id of the first that was not rejected."""
        accepted = self._rows("SELECT count(*) AS n FROM samples WHERE lesson = ? AND state = 'accepted'", lesson)[0][
            "n"
        ]
        shown = self._rows(
            "SELECT id FROM samples WHERE lesson = ? AND state != 'rejected' ORDER BY length(id), id LIMIT 1",
            lesson,
        )
        return int(accepted), shown[0]["id"] if shown else None

    def count_confirmed(self, lesson: str) -> int:
        """Count the drafts of a lesson that have their intended label without a check by the Labeler."""
        where = "lesson = ? AND candidates IS NOT NULL AND label_call IS NULL AND source IS NULL"
        return int(self._rows(f"SELECT count(*) AS n FROM samples WHERE {where}", lesson)[0]["n"])

    # A cycle reads these of the cycle before, and after a resumption of all earlier ones: few columns, few objects.

    def accepted_texts(self, first: int, end: int) -> list[str]:
        """Texts of the accepted samples of the cycles from `first` up to, not including, `end`, in no order."""
        where = "state = 'accepted' AND cycle >= ? AND cycle < ?"
        return [row["text"] for row in self._rows(f"SELECT text FROM samples WHERE {where}", first, end)]

    def training_samples(self, first: int, end: int) -> list[TrainingSample]:
        """Accepted samples for training of the cycles from `first` up to, not including, `end`, in order."""
        where = "state = 'accepted' AND purpose = 'train' AND cycle >= ? AND cycle < ?"
        query = f"SELECT {_TRAINING_COLUMNS} FROM samples WHERE {where} ORDER BY {BY_DRAFT}"
        return [
            cast(TrainingSample, self._make("samples", row, TrainingSample)) for row in self._rows(query, first, end)
        ]

    def newest_answers(self, count: int) -> list[tuple[str, Answer, bool, bool]]:
        """The last accepted samples in order: text, answer, whether no part is masked, whether the text is real."""
        rows = self._rows(
            "SELECT text, label, masked, source FROM samples WHERE state = 'accepted' AND cycle >= (SELECT min(cycle)"
            " FROM (SELECT cycle FROM samples WHERE state = 'accepted' ORDER BY cycle DESC LIMIT ?) AS newest)"
            f" ORDER BY {_BACKWARDS} LIMIT ?",
            count,
            count,
        )
        return [
            (row["text"], self._load(row["label"]), row["masked"] == "[]", row["source"] is not None)
            for row in reversed(rows)
        ]

    def used_sources(self, first: int, end: int) -> set[str]:
        """Sources of the real texts of the cycles from `first` up to, not including, `end`."""
        where = "source IS NOT NULL AND cycle >= ? AND cycle < ?"
        rows = self._rows(f"SELECT source FROM samples WHERE {where}", first, end)
        return {row["source"] for row in rows}

    def real_answers(self, first: int, end: int) -> list[Answer]:
        """Answers to the accepted real texts of the cycles from `first` up to, not including, `end`."""
        where = "state = 'accepted' AND source IS NOT NULL AND cycle >= ? AND cycle < ?"
        rows = self._rows(f"SELECT label FROM samples WHERE {where}", first, end)
        return [self._load(row["label"]) for row in rows]

    def count_kinds(self, first: int, end: int) -> dict[str, int]:
        """Kind -> number of accepted samples in the cycles from `first` up to, not including, `end`."""
        where = "state = 'accepted' AND cycle >= ? AND cycle < ?"
        query = f"SELECT kind, count(*) AS n FROM samples WHERE {where} GROUP BY kind ORDER BY kind"
        return {row["kind"]: row["n"] for row in self._rows(query, first, end)}

    def count_answers(self, before: int, since: int = 0) -> list[tuple[Answer, int]]:
        """Answer and number of its accepted samples, in the cycles from `since` up to, not including, `before`."""
        where = "state = 'accepted' AND cycle >= ? AND cycle < ?"
        rows = self._rows(
            f"SELECT label, count(*) AS n FROM samples WHERE {where} GROUP BY label ORDER BY label", since, before
        )
        return [(self._load(row["label"]), row["n"]) for row in rows]

    def count_samples(self, state: str = "accepted", but_of: int = -1) -> int:
        """Count the samples in a state; `but_of`: a cycle that is left out."""
        rows = self._rows("SELECT count(*) AS n FROM samples WHERE state = ? AND cycle != ?", state, but_of)
        return int(rows[0]["n"])

    def count_drafts(self, first: int, end: int) -> tuple[int, int]:
        """Count the drafts of the cycles from `first` up to, not including, `end`, and those that were labelled."""
        query = "SELECT count(*) AS n, count(candidates) AS labelled FROM samples WHERE cycle >= ? AND cycle < ?"
        row = self._rows(query, first, end)[0]
        return int(row["n"]), int(row["labelled"])

    def count_checks(self, first: int, end: int) -> tuple[int, int]:
        """Count the written texts that the Labeler answered, and those it disputed, in cycles from `first` to `end`.

        The cycle `end` is not among them.
        """
        where = "label_call IS NOT NULL AND source IS NULL AND cycle >= ? AND cycle < ?"
        query = f"SELECT count(*) AS n, coalesce(sum(disputed), 0) AS disputed FROM samples WHERE {where}"
        row = self._rows(query, first, end)[0]
        return int(row["n"]), int(row["disputed"])

    def real_confidences(self) -> list[float]:
        """The Labeler's confidence in its answers to the accepted real texts, in order; 0 to 1."""
        where = "state = 'accepted' AND source IS NOT NULL AND confidence IS NOT NULL"
        rows = self._rows(f"SELECT confidence FROM samples WHERE {where} ORDER BY {BY_DRAFT}")
        return [float(row["confidence"]) for row in rows]

    def count_audited(self) -> tuple[int, int]:
        """Count the confirmed texts that the Labeler answered as a check, and those of them that it disputed."""
        where = "audited = 1 AND candidates IS NOT NULL AND candidates != '[]'"
        query = f"SELECT count(*) AS n, coalesce(sum(disputed), 0) AS disputed FROM samples WHERE {where}"
        row = self._rows(query)[0]
        return int(row["n"]), int(row["disputed"])

    def count_accepted(self, cycle: int) -> int:
        """Count the accepted samples of a cycle."""
        rows = self._rows("SELECT count(*) AS n FROM samples WHERE state = 'accepted' AND cycle = ?", cycle)
        return int(rows[0]["n"])

    def count_rejected(self, cycle: int) -> dict[str, int]:
        """Rejected and tombstoned samples of a cycle by reason."""
        rows = self._rows(
            "SELECT reason, count(*) AS n FROM samples WHERE cycle = ? AND state IN ('rejected', 'tombstoned')"
            " GROUP BY reason ORDER BY reason",
            cycle,
        )
        return {row["reason"]: row["n"] for row in rows}
