"""The codec of multi-label classification: an answer is a list of labels in the domain's order, each once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evokd.messages import NO_LABEL, SET_SEPARATOR, InputError
from evokd.student.protocol import Answer
from evokd.student.student_settings import DisputeRule
from evokd.student.tasks.base import Agreement, LabeledExample, Row
from evokd.student.tasks.row_checks import advise, check_keys, check_text, kind
from evokd.student.tasks.scores import Scores
from evokd.student.tasks.spelling import respell, spell


@dataclass(frozen=True)
class MultiLabelCodec:
    """Any number of labels per text, also none."""

    labels: tuple[str, ...]
    name: str = "multilabel"
    answer_key: str = "labels"
    pipeline: str = "text-classification"
    metrics: tuple[str, ...] = ("macro_f1", "micro_f1", "exact_match")
    dispute: DisputeRule = "labeler"
    """Two sets differ easily: a Labeler that is sure has mostly seen a label that slipped into the text unasked."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    windows: bool = False

    def __post_init__(self) -> None:
        """Refuse labels that could not be written into a cell of a table.

        Raises:
            InputError: names the label.
        """
        if NO_LABEL in self.labels:
            raise InputError(f"label {NO_LABEL!r} is what stands for no label at all; rename it")
        parted = next((label for label in self.labels if SET_SEPARATOR in label), None)
        if parted is not None:
            raise InputError(
                f"label {parted!r} holds {SET_SEPARATOR!r}, which parts the labels of a text in tables; rename it"
            )

    def harmonise(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        """Cut cells of tables into labels, and write them as the domain spells them."""
        return respell([(line, _cut_cell(row)) for line, row in rows], self.labels)

    def read_row(self, row: dict[str, Any]) -> LabeledExample:
        """Read {"text", "labels"}, the labels as a list or, in a cell of a table, parted by semicolons.

        "note" is allowed and ignored.
        """
        if "label" in row and "labels" not in row:
            raise ValueError('key "labels" is missing; task multilabel reads "labels", a list of them, and not "label"')
        check_keys(row, needed=("text", "labels"), allowed=("note",))
        text = check_text(row["text"])
        return LabeledExample(text=text, gold=self._read_labels(_cut_cell(row)["labels"], '"labels"'))

    def write_row(self, text: str, gold: Answer) -> dict[str, Any]:
        """Give {"text", "labels"}."""
        return {"text": text, "labels": gold}

    def to_wire(self, text: str, gold: Answer) -> Any:
        """Give the labels."""
        return self.labels_in(gold)

    def from_wire(self, text: str, wire: Any) -> Answer:
        """Take a list of labels."""
        return self._read_labels(wire, "the answer")

    def labels_in(self, gold: Answer) -> list[str]:
        """Give the labels; a label by itself, as that of a meaning, is a set of one."""
        given = {gold} if isinstance(gold, str) else {label for label in gold if isinstance(label, str)}
        return [label for label in self.labels if label in given]

    def key(self, gold: Answer) -> str:
        """Join the labels in the domain's order; nothing for a text that has none."""
        return SET_SEPARATOR.join(self.labels_in(gold))

    def case_fields(self, text: str, gold: Answer, predicted: Answer) -> dict[str, Any]:
        """Give nothing: gold and predicted say it all."""
        return {}

    def compare(self, intended: Answer, given: Answer) -> Agreement:
        """Sets are equal or not; a text has no parts."""
        same = self.key(intended) == self.key(given)
        return Agreement(same=same, agreed=intended if same else None, disputed=())

    def drop_masked(self, gold: Answer, masked: Sequence[Sequence[int]]) -> Answer:
        """Give the labels: a text has no parts."""
        return gold

    def evaluate(self, gold: Sequence[Answer], predicted: Sequence[Answer]) -> Scores:
        """Score sets of labels; see `student.tasks.multilabel.scores`."""
        from evokd.student.tasks.multilabel.scores import score_sets

        return score_sets(self.labels, [self.labels_in(item) for item in gold], [*map(self.labels_in, predicted)])

    def _read_labels(self, value: Any, what: str) -> list[str]:
        if not isinstance(value, list):
            raise ValueError(f"{what} must be a list of labels, not {kind(value)}; write [] where none applies")
        known = []
        for label in value:
            if not isinstance(label, str):
                raise ValueError(f"a label of {what} must be a string, not {kind(label)}; write it in quotes")
            spelt = spell(label, self.labels)
            if spelt not in self.labels:
                raise ValueError(f"unknown label {label!r}; {self._advise(label)}")
            if spelt in known:
                raise ValueError(f"label {label!r} is given twice; name every label of a text once")
            known.append(spelt)
        return self.labels_in(known)

    def _advise(self, label: str) -> str:
        if label.casefold() == NO_LABEL:
            return f"a text without labels has an empty list, in a table an empty cell or {NO_LABEL} alone"
        listed = label.strip("[]{} ")
        signs = [sign for sign in "|,/;" if sign in listed]
        pieces = [piece for sign in signs for piece in listed.split(sign)] or [listed]
        parts = [piece.strip(" '\"") for piece in pieces]
        if all(spell(part, self.labels) in self.labels for part in parts):
            return f"write each label of a list by itself; the labels of a cell are parted by {SET_SEPARATOR!r}"
        return advise(label, self.labels)


def _cut_cell(row: dict[str, Any]) -> dict[str, Any]:
    """Cut the labels that a cell of a table holds; an empty cell, or `(none)`, is a text without any."""
    cell = row.get("labels")
    if not isinstance(cell, str):
        return row
    parts = [part.strip() for part in cell.split(SET_SEPARATOR) if part.strip()]
    return {**row, "labels": [] if parts == [NO_LABEL] else parts}
