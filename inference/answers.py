"""The columns that an answer is written into: label or entities, how sure, second choice, what is left unsure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evokd.messages import InputError, list_labels, name_set
from evokd.student.protocol import Prediction

UNSURE = "unsure"
"""What stands for a label that the student is less sure of than was asked for."""


@dataclass(frozen=True)
class AnswerColumns:
    """How answers are written."""

    labels: Sequence[str]
    prefix: str = ""
    """What the names of all columns begin with."""
    reject: float | None = None
    """Confidence, 0 to 1, below which a label or an entity counts as unsure; None: all count."""
    scores: bool = True
    """Whether the probability of every label is written."""
    is_set: bool = False
    """Whether answers are sets of labels."""
    in_cells: bool = False
    """Whether a set is written as cells of tables hold it, `damp;noise` or `(none)`, rather than as a list."""

    def __post_init__(self) -> None:
        """Refuse what cannot be told apart.

        Raises:
            InputError: names option and value.
        """
        check_reject(self.reject)
        if self.reject is not None and UNSURE in self.labels:
            raise InputError(f"--reject: the domain has a label {UNSURE!r} of its own, which could not be told apart")

    def write(self, text: str, found: Prediction) -> dict[str, Any]:
        """Write an answer as columns.

        Returns:
            With a label per text: label, confidence, second_label, second_confidence; with `reject` the label may be
            "unsure", and likeliest_label holds what it would have been. With any number of labels: label, a list of
            them, and confidence, that of the least sure decision; with `reject` the list is ["unsure"] where this is
            lower, and likeliest_label holds what it would have been. With entities: entities and
            confidence; with `reject` those that are unsure are in a list of their own. The names begin with the prefix.
        """
        if isinstance(found.answer, str):
            columns = self._write_label(found)
        else:
            columns = self._write_set(found) if self.is_set else self._write_entities(text, found)
        columns["confidence"] = found.confidence
        if self.scores:
            columns["scores"] = found.scores
        return {f"{self.prefix}{name}": value for name, value in columns.items()}

    def names(self, has_labels: bool) -> list[str]:
        """Give the names of the columns, as `write` gives them for texts with one label or with entities."""
        kinds = ["label", "second_label", "second_confidence"] if has_labels else ["entities"]
        if self.is_set:
            kinds, has_labels = ["label"], True
        if self.reject is not None:
            kinds.append("likeliest_label" if has_labels else "unsure_entities")
        kinds += ["confidence", *(["scores"] if self.scores else [])]
        return [f"{self.prefix}{kind}" for kind in kinds]

    def _write_label(self, found: Prediction) -> dict[str, Any]:
        second = _second(found)
        is_unsure = self.reject is not None and found.confidence < self.reject
        columns = {
            "label": UNSURE if is_unsure else found.answer,
            "second_label": second,
            "second_confidence": None if second is None else found.scores[second],
        }
        return columns if self.reject is None else {**columns, "likeliest_label": found.answer}

    def _write_set(self, found: Prediction) -> dict[str, Any]:
        labels = list_labels(found.answer)
        is_unsure = self.reject is not None and found.confidence < self.reject
        columns = {"label": self._write_labels([UNSURE] if is_unsure else labels)}
        return columns if self.reject is None else {**columns, "likeliest_label": self._write_labels(labels)}

    def _write_labels(self, labels: list[str]) -> str | list[str]:
        return name_set(labels) if self.in_cells else labels

    def _write_entities(self, text: str, found: Prediction) -> dict[str, Any]:
        assert not isinstance(found.answer, str)
        scores = found.entity_scores or [found.confidence] * len(found.answer)
        spans = [span for span in found.answer if isinstance(span, dict)]
        entities = [_write_entity(text, span, score) for span, score in zip(spans, scores, strict=True)]
        if self.reject is None:
            return {"entities": entities}
        return {
            "entities": [entity for entity in entities if entity["score"] >= self.reject],
            "unsure_entities": [entity for entity in entities if entity["score"] < self.reject],
        }


def check_reject(reject: float | None) -> None:
    """Refuse a limit that is no confidence.

    Raises:
        InputError: names option and value.
    """
    if reject is not None and not 0 <= reject <= 1:
        raise InputError(f"--reject {reject}: a confidence is a number from 0 to 1")


def _second(found: Prediction) -> str | None:
    """Give the likeliest label besides the answer; None where there is no other."""
    others = {label: score for label, score in found.scores.items() if label != found.answer}
    return max(others, key=lambda label: others[label]) if others else None


def _write_entity(text: str, span: Mapping[str, Any], score: float) -> dict[str, Any]:
    start, end = span["start"], span["end"]
    return {"start": start, "end": end, "label": span["label"], "text": text[start:end], "score": score}
