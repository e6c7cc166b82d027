"""`domain.yaml`: its keys, and errors in them with file and line."""

import re
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from evokd.graph.setup.config_layers import find_line, show_value
from evokd.graph.setup.contained_paths import find_name
from evokd.graph.setup.run_settings import Settings
from evokd.messages import ClosedModel, InputError
from evokd.messages.suggest import suggest
from evokd.messages.validation import describe_fault
from evokd.prompts.languages import PromptLanguage
from evokd.student.reading.columns import KNOWN
from evokd.student.tasks.spelling import spell

OVERRIDES = tuple(Settings.model_fields)
"""Sections of the configuration that a domain may override."""

_COLUMNS = tuple(name for name in KNOWN if name != "note")


class DataFiles(ClosedModel):
    """Where the data is, relative to the domain folder."""

    seeds: str = Field(description="labelled examples to start from, at least one per label")
    validation: str | None = Field(default=None, description="labelled examples for feedback and the gate")
    test: str | None = Field(default=None, description="labelled examples used only for the final score")
    pool: str | None = Field(
        default=None,
        description="unlabelled texts of the domain (.txt, .jsonl, .csv, .tsv, .conll, .parquet), as many as you have",
    )
    columns: dict[str, str] = Field(
        default={},
        description="text, label, labels, tokens, tags, entities -> the column that holds them, where not so called",
    )

    @property
    def files(self) -> dict[str, str]:
        """The key of each data file -> its name."""
        named = {"seeds": self.seeds, "validation": self.validation, "test": self.test, "pool": self.pool}
        return {key: name for key, name in named.items() if name is not None}

    @field_validator("columns", mode="before")
    @classmethod
    def _check_columns(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("write which column is which, such as columns: {text: Body, label: Queue}")
        for meaning, column in value.items():
            if meaning not in _COLUMNS:
                hint = suggest(str(meaning), _COLUMNS)
                raise ValueError(
                    f"{show_value(meaning)} is no column that is read{hint}; one of: {', '.join(_COLUMNS)}"
                )
            if not isinstance(column, str) or not column.strip():
                raise ValueError(f"the column of {meaning} is {show_value(column)}; write its name in quotes")
        columns = {meaning: column.strip() for meaning, column in value.items()}
        doubled = next((name for name in columns.values() if list(columns.values()).count(name) > 1), None)
        if doubled is not None:
            raise ValueError(f"the column {show_value(doubled)} is named for two things; name it once")
        return columns


class DomainFile(ClosedModel):
    """The keys of `domain.yaml` that describe the domain; the other keys override the configuration."""

    name: str = Field(description="short name")
    task: str = Field(description="a task that the student supports")
    language: str = Field(default="en", min_length=1, description="language of the texts, as a code or in words")
    description: str = Field(min_length=1, description="what the texts are and what to find in them")
    metric: str | None = Field(default=None, description="headline metric; none = the task's first")
    labels: dict[str, str] = Field(min_length=1, description="label -> meaning")
    topics: dict[str, tuple[str, ...]] = Field(
        default={}, description="what texts can be about: label -> list, or in the file one list for all labels"
    )
    data: DataFiles = Field(description="data files")
    prompts: str | None = Field(default=None, description="folder of prompt files that replace base ones")
    prompt_language: PromptLanguage | None = Field(
        default=None, description="language of the base prompts; none = that of the texts where there is such a set"
    )

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", value):
            raise ValueError(
                f"{show_value(value)} becomes part of file names; use the letters a to z, digits, '-', '_' and '.',"
                " beginning with a letter or digit"
            )
        return value

    @field_validator("labels", mode="before")
    @classmethod
    def _check_labels(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("write one line per label: the label, a colon and its meaning in quotes")
        for label, meaning in value.items():
            if not isinstance(label, str):
                is_flag = isinstance(label, bool)
                known = "a truth value in YAML, as yes, no, on and off are" if is_flag else "not text in YAML"
                raise ValueError(f"the label {show_value(label)} is {known}; put it in quotes")
            if not isinstance(meaning, str) or not meaning.strip():
                raise ValueError(
                    f"the label {show_value(label)} has no meaning; write one line that says when it applies"
                )
        return value

    @field_validator("topics", mode="before")
    @classmethod
    def _check_topics(cls, value: Any, info: ValidationInfo) -> Any:
        labels = info.data.get("labels", {})
        lists = value if isinstance(value, dict) else dict.fromkeys(labels, value)
        lists = {spell(label, list(labels)) if isinstance(label, str) else label: lists[label] for label in lists}
        for label, topics in lists.items():
            if label not in labels:
                raise ValueError(
                    f"{show_value(label)} is not a label; use one of `labels`, or write one list for all of them"
                )
            if not isinstance(topics, list) or not topics:
                raise ValueError("write a list of topics, such as [bills, repairs], or one such list per label")
            for topic in topics:
                if not isinstance(topic, str) or not topic.strip():
                    raise ValueError(f"the topic {show_value(topic)} is not text; write a few words in quotes")
        return {label: [" ".join(topic.split()) for topic in topics] for label, topics in lists.items()}


def parse_domain(path: Path, own: dict[str, Any]) -> DomainFile:
    """Check the keys of a `domain.yaml` that describe the domain.

    Raises:
        InputError: names file, line and key.
    """
    known = (*DomainFile.model_fields, *OVERRIDES)
    for key in own:
        if key not in DomainFile.model_fields:
            hint = suggest(str(key), known)
            raise InputError(
                f"{path}{find_line(path, str(key))}: unknown key {show_value(key)}{hint}; keys: {', '.join(known)}"
            )
    try:
        return _spell_files(path, DomainFile.model_validate(own))
    except ValidationError as exc:
        fault = exc.errors()[0]
        steps = [str(step) for step in fault["loc"]]
        message = describe_fault(fault["type"], fault["msg"])
        if fault["type"] == "missing":
            raise InputError(f"{path}: key {'.'.join(steps)!r} is missing; add it") from exc
        if fault["type"] == "extra_forbidden":
            hint = suggest(steps[-1], list(DataFiles.model_fields))
            message = f"unknown key{hint}; keys: {', '.join(DataFiles.model_fields)}"
        raise InputError(f"{path}{find_line(path, steps[-1])}: {'.'.join(steps)}: {message}") from exc


def _spell_files(path: Path, file: DomainFile) -> DomainFile:
    """Spell the names of data files as the folder does."""
    spelled = {key: _spell(path, f"data.{key}", name) for key, name in file.data.files.items()}
    return file.model_copy(update={"data": file.data.model_copy(update=spelled)})


def _spell(path: Path, key: str, name: str) -> str:
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return name
    try:
        return find_name(path.parent, name)
    except ValueError as exc:
        raise InputError(f"{path}{find_line(path, key.rpartition('.')[2])}: {key}: {exc}") from exc
    except OSError:  # longer than a name can be
        return name


def locate_inside(path: Path, key: str, name: str) -> Path:
    """Find the file that a key of domain.yaml names, only inside the domain folder.

    A domain may come from anywhere, and the contents of its files are sent to the teacher.
    """
    folder = path.parent
    where = f"{path}{find_line(path, key.rpartition('.')[2])}: {key}"
    try:
        found = (folder / name).resolve()
        found.exists()
    except (OSError, ValueError, RuntimeError) as exc:
        raise InputError(f"{where}: {show_value(name)} cannot be a file name") from exc
    if not found.is_relative_to(folder.resolve()):
        raise InputError(
            f"{where}: {show_value(name)} points outside the domain folder; put the file itself into the folder"
        )
    return folder / _spell(path, key, name)
