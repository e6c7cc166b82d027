"""A recorded language model: the texts that it wrote and the labels that it gave, read from a folder."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evokd.messages import Entity, InputError
from evokd.messages.files import read_utf8
from evokd.messages.json_faults import describe_json_fault
from evokd.messages.validation import describe_fault
from evokd.simulator.words import fold_text

WRITTEN = "written.jsonl"
LABELLED = "labelled.jsonl"
How = Literal["plain", "varied", "hard", "toned"]
"""How a text was asked for: different texts of a label; an attribute set per text; texts that a small classifier would
get wrong; texts that could stand beside real lines that were shown."""


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str = Field(min_length=1, description="the text")
    entities: list[Entity] | None = Field(default=None, description="its entities in order of occurrence")


class WrittenText(_Row):
    """A text that the model wrote."""

    label: str | None = Field(default=None, description="the label that it was written for")
    how: How = Field(description="how it was asked for")

    @property
    def answer(self) -> str | list[Entity]:
        """What the text was written for."""
        return self.label if self.label is not None else self.entities or []

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels that occur in the answer, each once."""
        labels = [self.label] if self.label is not None else [entity.label for entity in self.entities or []]
        return tuple(dict.fromkeys(labels))


class RecordedVerdict(_Row):
    """A real text as the model labelled it."""

    labels: list[str] | None = Field(default=None, description="candidate labels, best first")
    confidence: float = Field(ge=0, le=1, description="the model's confidence, 0 to 1")

    @property
    def given_labels(self) -> tuple[str, ...]:
        """Labels that occur in the answer: its candidates, or those of its entities."""
        labels = self.labels if self.labels is not None else [entity.label for entity in self.entities or []]
        return tuple(dict.fromkeys(labels))


RowT = TypeVar("RowT", bound=_Row)


@dataclass(frozen=True)
class Recording:
    """Everything that was recorded of a model for one domain."""

    folder: Path
    written: Mapping[str, Sequence[WrittenText]]
    """How they were asked for -> texts, in the order of the file."""
    verdicts: Mapping[str, RecordedVerdict]
    """Normalised text -> the recorded answer to a real text."""

    @property
    def lines(self) -> list[str]:
        """The real texts that were labelled, in the order of the file."""
        return [verdict.text for verdict in self.verdicts.values()]


def read_recording(folder: Path) -> Recording:
    """Read `written.jsonl` and `labelled.jsonl` of a folder; the second may be missing.

    Raises:
        InputError: a file is missing or a row is not as it should be; names file and line.
    """
    written: dict[str, list[WrittenText]] = {}
    for row in _read(folder / WRITTEN, WrittenText):
        written.setdefault(row.how, []).append(row)
    if not written:
        raise InputError(f"{folder / WRITTEN}: holds no rows; a recorded teacher has nothing to write")
    labelled = folder / LABELLED
    verdicts = {fold_text(row.text): row for row in _read(labelled, RecordedVerdict)} if labelled.is_file() else {}
    return Recording(folder, written, verdicts)


def _read(path: Path, model: type[RowT]) -> Iterator[RowT]:
    text = read_utf8(path, missing="no such file; a recorded teacher needs the texts that a model wrote")
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row: Any = json.loads(line)
            yield _check(model.model_validate(row))
        except ValidationError as exc:
            fault = exc.errors()[0]
            where = ".".join(str(step) for step in fault["loc"]) or "the row"
            raise InputError(f"{path}:{number}: {where}: {describe_fault(fault['type'], fault['msg'])}") from exc
        except json.JSONDecodeError as exc:
            raise InputError(
                f"{path}:{number}: not JSON {describe_json_fault(exc)}; a line is one JSON object"
            ) from exc
        except (ValueError, RecursionError) as exc:
            raise InputError(f"{path}:{number}: {exc}; a line is one JSON object") from exc


def _check(row: RowT) -> RowT:
    answer = row.label if isinstance(row, WrittenText) else row.labels if isinstance(row, RecordedVerdict) else None
    if not answer and row.entities is None:
        raise ValueError("a row needs its label, its labels or its entities")
    return row
