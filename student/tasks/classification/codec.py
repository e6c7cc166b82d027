"""The codec of text classification: an answer is a label."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evokd.student.protocol import Answer
from evokd.student.student_settings import DisputeRule
from evokd.student.tasks.base import Agreement, LabeledExample, Row
from evokd.student.tasks.row_checks import advise, check_keys, check_text, kind, tell_no_string
from evokd.student.tasks.scores import Scores
from evokd.student.tasks.spelling import respell, spell


@dataclass(frozen=True)
class ClassificationCodec:
    """One label per text."""

    labels: tuple[str, ...]
    name: str = "classification"
    answer_key: str = "label"
    pipeline: str = "text-classification"
    metrics: tuple[str, ...] = ("macro_f1", "accuracy")
    dispute: DisputeRule = "drop"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    windows: bool = False

    def harmonise(self, rows: list[Row]) -> tuple[list[Row], list[str]]:
        """Write labels as the domain spells them; see `student.tasks.spelling`."""
        return respell(rows, self.labels)

    def read_row(self, row: dict[str, Any]) -> LabeledExample:
        """Read {"text", "label"}; "note" is allowed and ignored."""
        check_keys(row, needed=("text", "label"), allowed=("note",))
        text = check_text(row["text"])
        label = row["label"]
        if not isinstance(label, str):
            raise ValueError(f'"label" {tell_no_string(label, "one label")}')
        return LabeledExample(text=text, gold=self._known(label))

    def write_row(self, text: str, gold: Answer) -> dict[str, Any]:
        """Give {"text", "label"}."""
        return {"text": text, "label": gold}

    def to_wire(self, text: str, gold: Answer) -> Any:
        """Give the label."""
        return gold

    def from_wire(self, text: str, wire: Any) -> Answer:
        """Take a label."""
        if not isinstance(wire, str):
            raise ValueError(f"the answer must be a label, not {kind(wire)}")
        return self._known(wire)

    def labels_in(self, gold: Answer) -> list[str]:
        """Give the one label."""
        return [gold] if isinstance(gold, str) else []

    def key(self, gold: Answer) -> str:
        """Give the label."""
        return gold if isinstance(gold, str) else ""

    def case_fields(self, text: str, gold: Answer, predicted: Answer) -> dict[str, Any]:
        """Give nothing: gold and predicted say it all."""
        return {}

    def compare(self, intended: Answer, given: Answer) -> Agreement:
        """Labels are equal or not; a text has no parts."""
        same = intended == given
        return Agreement(same=same, agreed=intended if same else None, disputed=())

    def drop_masked(self, gold: Answer, masked: Sequence[Sequence[int]]) -> Answer:
        """Give the label: a text has no parts."""
        return gold

    def evaluate(self, gold: Sequence[Answer], predicted: Sequence[Answer]) -> Scores:
        """Score labels; see `student.tasks.classification.scores`."""
        from evokd.student.tasks.classification.scores import score_labels

        return score_labels(self.labels, [self.key(item) for item in gold], [self.key(item) for item in predicted])

    def _known(self, label: str) -> str:
        known = spell(label, self.labels)
        if known in self.labels:
            return known
        raise ValueError(f"unknown label {label!r}; {advise(label, self.labels)}")
