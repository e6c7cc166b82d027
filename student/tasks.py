"""The seam between tasks: what an answer is, how it is read, written, compared and scored.

Nothing else in this room compares task names. A task is one codec (here for classification, in `student.entities` for
NER) plus one network behind `TaskCodec.network`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from agents.messages import InputError
from student.checks import advise, check_keys, check_text, kind
from student.settings import DisputeRule
from student.spelling import respell, same_form, spell

if TYPE_CHECKING:
    from student.evaluate import Scores
    from student.network import TaskNetwork

Gold = str | list[dict[str, Any]]
"""An answer as JSON: a label for classification, a list of {"start", "end", "label"} for NER."""

Row = tuple[int, dict[str, Any]]
"""A line number (from 1) and the row that starts there."""


@dataclass(frozen=True)
class Example:
    """A text and its right answer."""

    text: str
    gold: Gold
    line: int = field(default=0, compare=False, repr=False)
    """Line of the data file, from 1; of .parquet the row; 0 if it comes from no file."""


@dataclass(frozen=True)
class Agreement:
    """How far two answers to a text agree."""

    same: bool
    """The answers are equal."""
    agreed: Gold | None
    """What both say; None where that is nothing."""
    disputed: tuple[tuple[int, int], ...]
    """The parts of the text on which they differ, where the task has parts: characters from, up to (not included)."""


class TaskCodec(Protocol):
    """What differs between tasks."""

    @property
    def name(self) -> str:
        """The task's name."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the domain's order."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Allowed headline metrics, the default first."""

    @property
    def recipe(self) -> Mapping[str, Any]:
        """Settings of the student that suit the task better than the general defaults."""

    @property
    def windows(self) -> bool:
        """Whether a text that is too long to be read at once is read in windows, so that nothing of it is lost."""

    def harmonise(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        """Bring the rows of a whole file into the form that `read_row` reads, with notes on what was changed.

        Raises:
            RowFault: what is wrong and how to mend it, with the line of the row.
        """

    @property
    def dispute(self) -> DisputeRule:
        """What becomes of a disputed answer when the settings leave it to the task."""

    def read_row(self, row: dict[str, Any]) -> Example:
        """Read a row of a data file.

        Raises:
            ValueError: what is wrong and how to mend it, without the place.
        """

    def write_row(self, text: str, gold: Gold) -> dict[str, Any]:
        """Write a row of a data file, as `read_row` reads it."""

    def to_wire(self, text: str, gold: Gold) -> Any:
        """Write an answer as agents see it."""

    def from_wire(self, text: str, wire: Any) -> Gold:
        """Read an answer of an agent.

        Raises:
            ValueError: the answer does not fit the text or the labels.
        """

    def labels_in(self, gold: Gold) -> list[str]:
        """List the labels that occur in an answer, in the codec's order, each once."""

    def key(self, gold: Gold) -> str:
        """Write an answer in the form in which equal answers are equal strings."""

    def case_fields(self, text: str, gold: Gold, predicted: Gold) -> dict[str, Any]:
        """Give what the task adds to a case of a feedback packet: fields of `agents.messages.Case`."""

    def compare(self, intended: Gold, given: Gold) -> Agreement:
        """Compare what a text was written for with what it was labelled."""

    def hide(self, gold: Gold, masked: Sequence[Sequence[int]]) -> Gold:
        """Leave out of an answer what touches masked parts of the text (characters from, up to)."""

    def evaluate(self, gold: Sequence[Gold], predicted: Sequence[Gold]) -> "Scores":
        """Score predictions; see `student.evaluate`."""

    def network(self) -> "TaskNetwork":
        """Give the part of the task that needs torch (imported here and no earlier)."""


@dataclass(frozen=True)
class ClassificationCodec:
    """One label per text."""

    labels: tuple[str, ...]
    name: str = "classification"
    metrics: tuple[str, ...] = ("macro_f1", "accuracy")
    dispute: DisputeRule = "drop"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    windows: bool = False

    def harmonise(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        """Write labels as the domain spells them; see `student.spelling`."""
        return respell(rows, self.labels)

    def read_row(self, row: dict[str, Any]) -> Example:
        """Read {"text", "label"}; "note" is allowed and ignored."""
        check_keys(row, needed=("text", "label"), allowed=("note",))
        text = check_text(row["text"])
        label = row["label"]
        if not isinstance(label, str):
            raise ValueError(f'"label" must be a string, not {kind(label)}; write it in quotes')
        return Example(text=text, gold=self._known(label))

    def write_row(self, text: str, gold: Gold) -> dict[str, Any]:
        """Give {"text", "label"}."""
        return {"text": text, "label": gold}

    def to_wire(self, text: str, gold: Gold) -> Any:
        """Give the label."""
        return gold

    def from_wire(self, text: str, wire: Any) -> Gold:
        """Take a label."""
        if not isinstance(wire, str):
            raise ValueError(f"the answer must be a label, not {kind(wire)}")
        return self._known(wire)

    def labels_in(self, gold: Gold) -> list[str]:
        """Give the one label."""
        return [gold] if isinstance(gold, str) else []

    def key(self, gold: Gold) -> str:
        """Give the label."""
        return gold if isinstance(gold, str) else ""

    def case_fields(self, text: str, gold: Gold, predicted: Gold) -> dict[str, Any]:
        """Give nothing: gold and predicted say it all."""
        return {}

    def compare(self, intended: Gold, given: Gold) -> Agreement:
        """Labels are equal or not; a text has no parts."""
        same = intended == given
        return Agreement(same=same, agreed=intended if same else None, disputed=())

    def hide(self, gold: Gold, masked: Sequence[Sequence[int]]) -> Gold:
        """Give the label: a text has no parts."""
        return gold

    def evaluate(self, gold: Sequence[Gold], predicted: Sequence[Gold]) -> "Scores":
        """Score labels; see `student.evaluate.score_labels`."""
        from student.evaluate import score_labels

        return score_labels(self.labels, [self.key(item) for item in gold], [self.key(item) for item in predicted])

    def network(self) -> "TaskNetwork":
        """Give the classifier."""
        from student.classification import ClassificationNetwork

        return ClassificationNetwork(self.labels)

    def _known(self, label: str) -> str:
        known = spell(label, self.labels)
        if known in self.labels:
            return known
        raise ValueError(f"unknown label {label!r}; {advise(label, self.labels)}")


def codec(task: str, labels: Sequence[str]) -> TaskCodec:
    """Make the codec of a task.

    Raises:
        InputError: the task is not known, or the labels are unusable.
    """
    from student.entities import EntityCodec

    known: dict[str, tuple[Callable[[tuple[str, ...]], TaskCodec], int]] = {
        "classification": (ClassificationCodec, 2),
        "ner": (EntityCodec, 1),
    }
    if task not in known:
        raise InputError(f"unknown task {task!r}; known tasks: {', '.join(known)}")
    make, least = known[task]
    repeated = sorted({label for label in labels if list(labels).count(label) > 1})
    if repeated:
        raise InputError(f"label {repeated[0]!r} is declared twice; name every label once")
    twins = same_form(labels)
    if twins:
        told = f"{twins[0]!a} and {twins[1]!a}"
        raise InputError(f"label {twins[1]!r} is declared twice, in two forms that look the same ({told}); keep one")
    if len(labels) < least:
        wanted = "at least two labels" if least == 2 else "a label"
        raise InputError(f"task {task} needs {wanted}, got {len(labels)}; declare them under `labels`")
    return make(tuple(labels))
