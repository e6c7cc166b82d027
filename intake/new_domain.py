"""A domain that is about to be written: what `domain.yaml` says, and the rows of its files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evokd.student.tasks.base import LabeledExample, TaskCodec


@dataclass(frozen=True)
class Order:
    """What the user asked for."""

    folder: Path
    source: Path | None = None
    """The file with the rows; None for a template."""
    task: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    label_names: tuple[str, ...] = ()
    """Names of labels or tags that are numbers; without labelled rows, the labels wanted."""
    pool: Path | None = None
    """A file with more unlabelled texts."""
    language: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class NewDomain:
    """A domain before it is written."""

    folder: Path
    codec: TaskCodec
    language: str
    is_guessed: bool
    """Whether the language is a guess."""
    description: str
    meanings: Mapping[str, str]
    """Label -> meaning, in the order of `labels`."""
    label_counts: Mapping[str, int]
    """Label -> texts in which it occurs."""
    seeds: Sequence[LabeledExample]
    validation: Sequence[LabeledExample] = ()
    test: Sequence[LabeledExample] = ()
    pool: Sequence[str] = ()
    notes: Sequence[str] = ()
    """What was left out, changed or chosen, each in a line."""
    read: str | None = None
    """How the file was understood."""
    reason: str = ""
    """Why the splits have these sizes."""
    has_placeholders: bool = False
    """Whether the seeds are examples that the user has to replace."""
    origin: str | None = None
    """Name of the file that the rows come from."""
    unit: str = "line"
    drafted_by: str | None = None
    """The language model that drafted description and meanings; None: nobody did."""
    drafted: frozenset[str] = frozenset()
    """Labels whose meaning it drafted."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Facts for the caller: columns and their rivals."""

    @property
    def name(self) -> str:
        """Name of the domain: that of its folder."""
        return self.folder.name
