"""The review that a run waits for: its texts with all that helps to decide, and the decisions, kept in the ledger."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from evokd.messages import InputError, is_label_set, name_set
from evokd.messages.escape import clean
from evokd.messages.suggest import suggest
from evokd.student.tasks.base import TaskCodec
from evokd.student.tasks.registry import codec as make_codec
from evokd.tracing.ledger import Ledger, Sample, open_ledger
from evokd.tracing.reviews import REVIEW_QUEUE, REVIEWED, Action, QueuedText, ReviewDecision
from evokd.tracing.rows import Answer, ExamAnswer

Rest = Literal["accept", "refuse"]
"""What becomes of the texts on which nobody has decided: `accept` leaves them as curation did."""
ACTIONS: tuple[Action, ...] = ("accept", "correct", "refuse", "skip")
NOTHING_WAITS = "nothing waits for a review"


@dataclass(frozen=True)
class Opinion:
    """What somebody answers to a text."""

    who: str
    """`Labeler`, `Generator`, `student`, or several of them."""
    answer: Answer


@dataclass(frozen=True)
class ReviewItem:
    """A text that waits for a person."""

    id: str
    cycle: int
    text: str
    why: str
    """Why it is shown; see `tracing.reviews.QueuedText`."""
    proposed: Answer | None
    """The teacher's answer."""
    opinions: tuple[Opinion, ...]
    """Different answers, the proposed one first."""
    student: ExamAnswer | None
    """The student's answer before it learns the text."""
    weakness: str | None
    """Name of the weakness that the text was written for."""
    is_real: bool
    """Whether it comes from the user's data."""
    decision: ReviewDecision | None
    """What was decided so far."""


@dataclass(frozen=True)
class NewDecision:
    """A decision that is to be stored."""

    id: str
    action: Action
    answer: Answer | None = None
    """The answer of `accept` and `correct`; None: the teacher's."""
    reviewer: str = ""
    """Empty: the one of the session."""
    time: str = ""
    """UTC, ISO 8601; empty: now."""


@dataclass(frozen=True)
class Pending:
    """The review that a run waits for."""

    cycle: int
    codec: TaskCodec
    meanings: dict[str, str]
    """Label -> meaning."""
    items: tuple[ReviewItem, ...]

    @property
    def has_entities(self) -> bool:
        """Whether an answer is a list of entities; otherwise it is about the text as a whole."""
        return self.codec.answer_key == "entities"

    @property
    def has_sets(self) -> bool:
        """Whether an answer is a set of labels."""
        return self.codec.answer_key == "labels"

    @property
    def undecided(self) -> tuple[ReviewItem, ...]:
        """The texts on which nobody has decided."""
        return tuple(item for item in self.items if item.decision is None)

    def find(self, name: str) -> ReviewItem:
        """Find a text by its id.

        Raises:
            InputError: it does not wait for a review.
        """
        found = next((item for item in self.items if item.id == name), None)
        if found is None:
            known = [item.id for item in self.items]
            raise InputError(f"unknown id {clean(name, 60)!r}{suggest(name, known)}: no such text waits for a review")
        return found


def count_waiting(path: Path) -> tuple[int, int]:
    """Count the texts on which nobody has decided yet, and name their cycle: (0, 0) where the run waits for nobody.

    Raises:
        EvokdError: the ledger is damaged.
    """
    if not path.is_file() or not path.stat().st_size:
        return 0, 0
    with open_ledger(path) as ledger:
        queue, cycle = _find_queue(ledger)
        decided = ledger.decisions(cycle) if queue else {}
    waiting = sum(text["id"] not in decided for text in queue)
    return waiting, cycle if waiting else 0


def _find_queue(ledger: Ledger) -> tuple[list[QueuedText], int]:
    """The texts of the review that the run waits for, and its cycle; none if it has gone on."""
    cycle = ledger.last_cycle()
    queue = ledger.cycle_record(cycle, REVIEW_QUEUE)
    is_open = queue is not None and ledger.cycle_record(cycle, REVIEWED) is None
    return (queue["texts"], cycle) if queue is not None and is_open else ([], cycle)


class ReviewSession:
    """Reads what waits, and stores decisions at once.

    Args:
        path: the run's ledger.
        name: how the run is called in errors.
        is_running: whether a process works on the run, so that nothing may be decided now.
        reviewer: who decides.
    """

    def __init__(self, path: Path, name: str, is_running: Callable[[], bool], reviewer: str) -> None:
        self._path = path
        self._name = name
        self._is_running = is_running
        self.reviewer = reviewer

    def read(self) -> Pending:
        """Read the texts that wait.

        Raises:
            InputError: the run waits for no review.
            EvokdError: the ledger is missing or damaged.
        """
        with open_ledger(self._path) as ledger:
            return self._read(ledger)

    def _read(self, ledger: Ledger) -> Pending:
        texts, cycle = _find_queue(ledger)
        queue = ledger.cycle_record(cycle, REVIEW_QUEUE)
        if not texts or queue is None:
            raise InputError(
                f"run {self._name}: {NOTHING_WAITS}; a run that is started with --review disputes, sample or all waits"
                " before each training"
            )
        decisions = ledger.decisions(cycle)
        codec = make_codec(queue["task"], list(queue["labels"]))
        weaknesses = {row["id"]: row["name"] for row in ledger.weaknesses()}
        samples = {sample.id: sample for sample in ledger.samples(cycle=cycle)}
        items = [
            _make_item(codec, text, samples[text["id"]], weaknesses, decisions.get(text["id"]))
            for text in texts
            if text["id"] in samples
        ]
        return Pending(cycle, codec, queue["labels"], tuple(items))

    def decide(self, *decisions: NewDecision) -> list[ReviewDecision]:
        """Check decisions and store them, all or none.

        Raises:
            InputError: one is of a text that does not wait, or has a wrong answer; or a process works on the run.
        """
        if self._is_running():
            raise InputError(f"run {self._name}: a process is working on this run, so nothing can be decided now")
        with Ledger(self._path) as ledger:
            pending = self._read(ledger)
            made = [self._make(pending, decision) for decision in decisions]
            ledger.add_decisions(made)
        return made

    def decide_rest(self, rest: Rest) -> int:
        """Decide on all texts that are left without a look at them; returns how many.

        Raises:
            InputError: a process works on the run, or it waits for no review.
        """
        action: Action = "skip" if rest == "accept" else "refuse"
        if self._is_running():
            raise InputError(f"run {self._name}: a process is working on this run, so nothing can be decided now")
        with Ledger(self._path) as ledger:
            left = self._read(ledger).undecided
            ledger.add_decisions(
                ReviewDecision(
                    *(item.id, item.cycle, item.text, action, None, item.proposed, self.reviewer, _now()), rest=True
                )
                for item in left
            )
        return len(left)

    def _make(self, pending: Pending, new: NewDecision) -> ReviewDecision:
        item = pending.find(new.id)
        action, answer = settle(pending.codec, item, new.action, new.answer)
        reviewer, time = new.reviewer or self.reviewer, new.time or _now()
        return ReviewDecision(item.id, item.cycle, item.text, action, answer, item.proposed, reviewer, time)


def settle(codec: TaskCodec, item: ReviewItem, action: Action, answer: Answer | None) -> tuple[Action, Answer | None]:
    """Check a decision, and give it in the form that is stored: accepting another answer is correcting.

    Raises:
        InputError: the answer does not fit the text or the labels, or there is none.
    """
    if action not in ACTIONS:
        raise InputError(f"{item.id}: unknown decision {clean(str(action), 40)!r}{suggest(str(action), ACTIONS)}")
    if action in ("refuse", "skip"):
        return action, None
    if answer is None:
        answer = item.proposed if action == "accept" else None
    if answer is None:
        raise InputError(f"{item.id}: no answer is given; give the right one, or refuse or skip the text")
    checked = check_answer(codec, item.text, answer)
    same = item.proposed is not None and codec.compare(item.proposed, checked).same
    return ("accept" if same else "correct"), checked


def check_answer(codec: TaskCodec, text: str, answer: Any) -> Answer:
    """Check an answer, and give it as the task's codec writes it.

    Raises:
        InputError: a label is unknown, or an entity does not lie on whole words of the text.
    """
    try:
        return codec.read_row({"text": text, codec.answer_key: answer}).gold
    except ValueError as exc:
        raise InputError(clean(str(exc), 300)) from exc


def _make_item(
    codec: TaskCodec,
    text: QueuedText,
    sample: Sample,
    weaknesses: dict[str, str],
    decision: ReviewDecision | None,
) -> ReviewItem:
    choices = zip(("Labeler", "Labeler's second choice", "its third"), sample.candidates or (), strict=False)
    said: list[tuple[str, Answer | None]] = list(choices)
    said += [("Generator", sample.intended), ("student", sample.exam["answer"] if sample.exam else None)]
    said.sort(key=lambda opinion: opinion[1] != text["proposed"])  # the proposed answer first
    opinions: dict[str, Opinion] = {}
    for who, answer in said:
        if answer is None:
            continue
        key = codec.key(answer)
        others = f"{opinions[key].who}, " if key in opinions else ""
        opinions[key] = Opinion(f"{others}{who}", answer)
    return ReviewItem(
        id=sample.id,
        cycle=sample.cycle,
        text=sample.text,
        why=text["why"],
        proposed=text["proposed"],
        opinions=tuple(opinions.values()),
        student=sample.exam,
        weakness=weaknesses.get(sample.weakness or ""),
        is_real=sample.is_real,
        decision=decision,
    )


def describe_answer(answer: Answer | None) -> str:
    """Write an answer in a line, for lists of conflicts."""
    if answer is None:
        return "none"
    if not answer or is_label_set(answer):
        return name_set(answer)
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)


def summarise(items: Sequence[ReviewItem]) -> dict[str, int]:
    """Count texts by what was decided; `undecided` counts the others."""
    counts = dict.fromkeys((*ACTIONS, "undecided"), 0)
    for item in items:
        counts[item.decision.action if item.decision else "undecided"] += 1
    return counts


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
