"""The seam between tasks: what an answer is, how it is read, written, compared and scored.

Nothing else in this room compares task names. A new task is one codec here plus one network behind `TaskCodec.network`.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from agents.messages import InputError

if TYPE_CHECKING:
    from student.evaluate import Scores
    from student.network import TaskNetwork

Gold = str | list[dict[str, Any]]
"""An answer as JSON: a label for classification, a list of {"start", "end", "label"} for NER."""


@dataclass(frozen=True)
class Example:
    """A text and its right answer."""

    text: str
    gold: Gold


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

    def read_row(self, row: dict[str, Any]) -> Example:
        """Read {"text", "label"}; "note" is allowed and ignored."""
        _check_keys(row, needed=("text", "label"), allowed=("note",))
        text = _check_text(row["text"])
        label = row["label"]
        if not isinstance(label, str):
            raise ValueError(f'"label" must be a string, not {_kind(label)}; write it in quotes')
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
            raise ValueError(f"the answer must be a label, not {_kind(wire)}")
        return self._known(wire)

    def labels_in(self, gold: Gold) -> list[str]:
        """Give the one label."""
        return [gold] if isinstance(gold, str) else []

    def key(self, gold: Gold) -> str:
        """Give the label."""
        return gold if isinstance(gold, str) else ""

    def evaluate(self, gold: Sequence[Gold], predicted: Sequence[Gold]) -> "Scores":
        """Score labels; see `student.evaluate.score_labels`."""
        from student.evaluate import score_labels

        return score_labels(self.labels, [self.key(item) for item in gold], [self.key(item) for item in predicted])

    def network(self) -> "TaskNetwork":
        """Give the classifier."""
        from student.classification import ClassificationNetwork

        return ClassificationNetwork(self.labels)

    def _known(self, label: str) -> str:
        if label in self.labels:
            return label
        raise ValueError(f"unknown label {label!r}; {_advise(label, self.labels)}")


_CODECS: dict[str, Callable[[tuple[str, ...]], TaskCodec]] = {"classification": ClassificationCodec}


def codec(task: str, labels: Sequence[str]) -> TaskCodec:
    """Make the codec of a task.

    Raises:
        InputError: the task is not known, or the labels are unusable.
    """
    if task not in _CODECS:
        raise InputError(f"unknown task {task!r}; known tasks: {', '.join(_CODECS)}")
    repeated = sorted({label for label in labels if list(labels).count(label) > 1})
    if repeated:
        raise InputError(f"label {repeated[0]!r} is declared twice; name every label once")
    if len(labels) < 2:
        raise InputError(f"task {task} needs at least two labels, got {len(labels)}; declare them under `labels`")
    return _CODECS[task](tuple(labels))


def _check_keys(row: dict[str, Any], needed: Sequence[str], allowed: Sequence[str]) -> None:
    keys = ", ".join(f'"{key}"' for key in needed)
    for key in needed:
        if key not in row:
            raise ValueError(f'key "{key}" is missing; a row needs {keys}')
    for key in row:
        if key not in needed and key not in allowed:
            raise ValueError(f"unknown key {key!r}; a row has {keys}, remove the rest")


def _check_text(text: Any) -> str:
    if not isinstance(text, str):
        raise ValueError(f'"text" must be a string, not {_kind(text)}; write it in quotes')
    if not text.strip():
        raise ValueError('"text" is empty; write a text or remove the row')
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError('"text" holds half a surrogate pair (\\ud800 to \\udfff); write the character itself')
    return text


def _advise(label: str, labels: Sequence[str]) -> str:
    folded = {known.casefold(): known for known in labels}
    near = difflib.get_close_matches(label.strip().casefold(), list(folded), n=1, cutoff=0.6)
    if near:
        return f"did you mean {folded[near[0]]!r}?"
    shown = ", ".join(labels[:12]) + (", ..." if len(labels) > 12 else "")
    return f"known labels: {shown}"


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "a truth value", int: "a number", float: "a number", str: "a string"}
    return names.get(type(value), "a list" if isinstance(value, list) else "an object")
