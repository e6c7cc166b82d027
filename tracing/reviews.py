"""What people decided about texts before a training: the ledger's table of decisions, and the figures drawn from it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NotRequired, cast

from typing_extensions import TypedDict

from evokd.tracing.rows import Answer, RecordKind
from evokd.tracing.samples import BY_DRAFT, AnyAnswer, Samples

Action = Literal["accept", "correct", "refuse", "skip"]
REFUSED = "refused_by_reviewer"
"""Reason of a sample that a person refused."""
_TABLE = "reviews"


@dataclass(frozen=True)
class ReviewDecision:
    """What a person decided about a text."""

    sample: str
    """Id of the text."""
    cycle: int
    text: str
    """The text as the person saw it: a decision never counts for another text of the same id."""
    action: Action
    """`skip`: what curation decided stands."""
    answer: AnyAnswer
    """The right answer; None where the text is refused or skipped."""
    proposed: AnyAnswer
    """The answer that the teacher gave."""
    reviewer: str
    time: str
    """UTC, ISO 8601."""
    rest: bool = False
    """Made for all the texts that were left, without a look at this one."""

    @property
    def is_label(self) -> bool:
        """Whether a person looked at the text and vouches for its answer."""
        return self.action in ("accept", "correct") and not self.rest


class QueuedText(TypedDict):
    """A text that waits for a person."""

    id: str
    why: str
    """`disputed`, `student disagrees`, `drawn` or `all`."""
    proposed: Answer | None
    """The answer that the teacher gave."""


class ReviewQueue(TypedDict):
    """The texts of a cycle that people decide on, in the order in which they are shown. `human_review` writes it.

    It names task and labels, so that a copy of the run can be reviewed where its domain is not.
    """

    task: str
    labels: dict[str, str]
    """Label -> meaning."""
    over_budget: int
    """Texts of the cycle that curation left out, since the budget of samples had no room for them."""
    texts: list[QueuedText]


class ReviewCounts(TypedDict):
    """What became of the texts of a cycle that people decided on. `human_review` writes it."""

    accepted: int
    """With the teacher's answer."""
    corrected: int
    refused: int
    skipped: int
    reviewers: list[str]
    over_budget: NotRequired[int]
    """Texts that nobody had reviewed and for which the budget of samples had no room left."""


REVIEW_QUEUE = RecordKind[ReviewQueue]("human review queue", ReviewQueue)
REVIEWED = RecordKind[ReviewCounts]("human review", ReviewCounts)


class Agreement(TypedDict):
    """How often people agreed with the answers of the teacher."""

    reviewed: int
    """Texts that a person looked at and decided on; skipped ones are not counted."""
    labels: int
    """Those of them whose answer was accepted or corrected."""
    agreed: int
    """Those whose answer was accepted."""
    agreement: float | None
    """agreed / labels, 0 to 1; None where no answer was looked at."""
    corrected: int
    refused: int
    reviewers: list[str]


class Reviews(Samples):
    """The part of the ledger that holds the decisions of people."""

    def add_decisions(self, decisions: Iterable[ReviewDecision]) -> None:
        """Store decisions, all in one transaction; of several about a text the last one is in force."""
        with self._transaction():
            self._insert(_TABLE, [asdict(decision) for decision in decisions])

    def decisions(self, cycle: int | None = None) -> dict[str, ReviewDecision]:
        """Id of a text -> the decision in force, of a cycle or of the run; only where the text is still the same."""
        if _TABLE not in self._tables():  # a ledger of an earlier version, open for reading
            return {}
        of_cycle = "r.cycle = ?" if cycle is not None else "TRUE"
        rows = self._rows(
            f"SELECT r.* FROM {_TABLE} r JOIN samples s ON s.id = r.sample AND s.text = r.text"
            f" WHERE r.seq IN (SELECT max(seq) FROM {_TABLE} GROUP BY sample) AND {of_cycle}"
            " ORDER BY r.seq",
            *([cycle] if cycle is not None else []),
        )
        made = [cast(ReviewDecision, self._make(_TABLE, row, ReviewDecision, without=("seq",))) for row in rows]
        return {decision.sample: decision for decision in made}

    def decision(self, sample: str) -> ReviewDecision | None:
        """The decision in force about one text."""
        return self.decisions().get(sample)

    def refused_texts(self, first: int = 0, end: int = 2**31 - 1) -> list[str]:
        """Texts that people refused, of the cycles from `first` up to, not including, `end`."""
        where = "reason = ? AND cycle >= ? AND cycle < ?"
        return [row["text"] for row in self._rows(f"SELECT text FROM samples WHERE {where}", REFUSED, first, end)]

    def vouched_rows(self) -> list[tuple[str, Answer]]:
        """Text and answer of the accepted samples for training that a person vouches for, in order."""
        vouched = self.reviewers()
        if not vouched:
            return []
        where = f"state = 'accepted' AND purpose = 'train' AND id IN (SELECT sample FROM {_TABLE})"
        rows = self._rows(f"SELECT id, text, label FROM samples WHERE {where} ORDER BY {BY_DRAFT}")
        return [(row["text"], self._load(row["label"])) for row in rows if row["id"] in vouched]

    def reviewers(self) -> dict[str, str]:
        """Id of a text -> the person who vouches for its answer."""
        return {name: item.reviewer for name, item in self.decisions().items() if item.is_label}


def measure_agreement(decisions: Mapping[str, ReviewDecision]) -> Agreement | None:
    """Measure how often people agreed with the teacher; None where they looked at nothing.

    Args:
        decisions: those in force, by text. Decisions about "the rest" are left out, since nobody looked.
    """
    looked = [item for item in decisions.values() if not item.rest and item.action != "skip"]
    if not looked:
        return None
    counts: dict[str, int] = {action: sum(item.action == action for item in looked) for action in _ACTIONS}
    labels = counts["accept"] + counts["correct"]
    return Agreement(
        reviewed=len(looked),
        labels=labels,
        agreed=counts["accept"],
        agreement=round(counts["accept"] / labels, 4) if labels else None,
        corrected=counts["correct"],
        refused=counts["refuse"],
        reviewers=sorted({item.reviewer for item in looked}),
    )


_ACTIONS: tuple[Any, ...] = ("accept", "correct", "refuse")
