"""The seam between tasks: what an answer is, how it is read, written, compared and scored.

Nothing else compares task names. A task is a folder beside this module: one codec, and one network for torch; both are
found by name in `student.tasks.registry`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from evokd.student.protocol import Answer
from evokd.student.student_settings import DisputeRule
from evokd.student.tasks.scores import Scores

Row = tuple[int, dict[str, Any]]
"""A line number (from 1) and the row that starts there."""


@dataclass(frozen=True)
class LabeledExample:
    """A text and its right answer."""

    text: str
    gold: Answer
    line: int = field(default=0, compare=False, repr=False)
    """Line of the data file, from 1; of .parquet the row; 0 if it comes from no file."""


@dataclass(frozen=True)
class Agreement:
    """How far two answers to a text agree."""

    same: bool
    """The answers are equal."""
    agreed: Answer | None
    """What both say; None where that is nothing."""
    disputed: tuple[tuple[int, int], ...]
    """The parts of the text on which they differ, where the task has parts: characters from, up to (not included)."""


class TaskCodec(Protocol):
    """What differs between tasks."""

    @property
    def name(self) -> str:
        """The task's name."""

    @property
    def answer_key(self) -> str:
        """Key of the answer in a row of a data file: "label", "labels" or "entities"."""

    @property
    def pipeline(self) -> str:
        """What the model hub calls the task."""

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

    def read_row(self, row: dict[str, Any]) -> LabeledExample:
        """Read a row of a data file.

        Raises:
            ValueError: what is wrong and how to mend it, without the place.
        """

    def write_row(self, text: str, gold: Answer) -> dict[str, Any]:
        """Write a row of a data file, as `read_row` reads it."""

    def to_wire(self, text: str, gold: Answer) -> Any:
        """Write an answer as agents see it."""

    def from_wire(self, text: str, wire: Any) -> Answer:
        """Read an answer of an agent.

        Raises:
            ValueError: the answer does not fit the text or the labels.
        """

    def labels_in(self, gold: Answer) -> list[str]:
        """List the labels that occur in an answer, in the codec's order, each once."""

    def key(self, gold: Answer) -> str:
        """Write an answer in the form in which equal answers are equal strings."""

    def case_fields(self, text: str, gold: Answer, predicted: Answer) -> dict[str, Any]:
        """Give what the task adds to a case of a feedback packet: fields of `messages.Case`."""

    def compare(self, intended: Answer, given: Answer) -> Agreement:
        """Compare what a text was written for with what it was labelled."""

    def drop_masked(self, gold: Answer, masked: Sequence[Sequence[int]]) -> Answer:
        """Leave out of an answer what touches masked parts of the text (characters from, up to)."""

    def evaluate(self, gold: Sequence[Answer], predicted: Sequence[Answer]) -> Scores:
        """Score predictions; see `student.tasks.scores`."""
