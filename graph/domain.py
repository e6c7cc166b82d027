"""A domain: `domain.yaml`, its data and its prompts, all checked before anything is started."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from agents.messages import InputError
from graph.config import Layer, read_yaml, show
from graph.data_notes import note_missing_labels, note_overlaps
from graph.settings import Settings
from student.data import read_examples
from student.tasks import Example, TaskCodec, codec

SHIPPED = Path(__file__).parent.parent / "domains"
OVERRIDES = tuple(Settings.model_fields)


class DataFiles(BaseModel):
    """Where the data lies, relative to the domain folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seeds: str = Field(description="labelled examples to start from, at least one per label")
    validation: str | None = Field(default=None, description="labelled examples for feedback and the gate")
    test: str | None = Field(default=None, description="labelled examples for the final score alone")
    pool: str | None = Field(default=None, description="unlabelled texts, for loops that label a pool")


class DomainFile(BaseModel):
    """The keys of `domain.yaml` that describe the domain; the other keys override the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="short name")
    task: str = Field(description="a task that the student room knows")
    language: str = Field(default="en", description="language of the texts, as a code or in words")
    description: str = Field(min_length=1, description="what the texts are and what is to be found in them")
    metric: str | None = Field(default=None, description="headline metric; none = the task's first")
    labels: dict[str, str] = Field(min_length=1, description="label -> meaning")
    topics: dict[str, tuple[str, ...]] = Field(
        default={}, description="what texts can be about: label -> list, or in the file one list for all labels"
    )
    data: DataFiles = Field(description="data files")
    prompts: str | None = Field(default=None, description="folder of prompt files that replace base ones")

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", value):
            raise ValueError(
                f"{show(value)} becomes part of file names; use the letters a to z, digits, '-', '_' and '.', beginning"
                " with a letter or digit"
            )
        return value

    @field_validator("labels", mode="before")
    @classmethod
    def _check_labels(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("write one line per label: the label, a colon and its meaning in quotes")
        for label, meaning in value.items():
            if not isinstance(label, str):
                raise ValueError(f"the label {show(label)} is no text in YAML; put it in quotes")
            if not isinstance(meaning, str) or not meaning.strip():
                raise ValueError(f"the label {show(label)} has no meaning; write one line that says when it applies")
        return value

    @field_validator("topics", mode="before")
    @classmethod
    def _check_topics(cls, value: Any, info: ValidationInfo) -> Any:
        labels = info.data.get("labels", {})
        lists = value if isinstance(value, dict) else dict.fromkeys(labels, value)
        for label, topics in lists.items():
            if label not in labels:
                raise ValueError(f"{show(label)} is no label; name one of `labels`, or write one list for all of them")
            if not isinstance(topics, list) or not topics:
                raise ValueError("write a list of topics, such as [bills, repairs], or one such list per label")
            for topic in topics:
                if not isinstance(topic, str) or not topic.strip():
                    raise ValueError(f"the topic {show(topic)} is no text; write a few words in quotes")
        return {label: [" ".join(topic.split()) for topic in topics] for label, topics in lists.items()}


@dataclass(frozen=True)
class Domain:
    """A loaded domain."""

    folder: Path
    file: DomainFile
    codec: TaskCodec
    metric: str
    seeds: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    corpus: Path | None
    """What the rehearsal teacher answers from."""
    prompts: Path | None
    overrides: Layer
    notes: tuple[str, ...]
    """What was converted when the data was read, and what is odd about it."""
    fingerprint: Mapping[str, str]
    """Path from the folder -> SHA-256 of the file's bytes; a run is resumed only on the data it began with."""
    corpus_rows: tuple[Example, ...] = ()
    """The corpus, where a rehearsal was planned."""


def find_domain(name: str) -> Path:
    """Find a domain folder: a path, or the name of a shipped domain.

    Raises:
        InputError: neither exists.
    """
    path = Path(name)
    if path.is_dir():
        return path.resolve()
    if path.name == "domain.yaml" and path.is_file():
        return path.parent.resolve()
    shipped = sorted(entry.parent.name for entry in SHIPPED.glob("*/domain.yaml"))
    if path.name in shipped and str(path) in (path.name, f"domains/{path.name}"):
        return SHIPPED / path.name
    close = get_close_matches(path.name, shipped, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise InputError(
        f"no domain folder {name!r}{hint}; pass a folder with a domain.yaml, or one of: {', '.join(shipped)}"
    )


def load_domain(folder: Path) -> Domain:
    """Read and check a domain folder.

    Raises:
        InputError: what is wrong, with file, line or key, and how to mend it.
    """
    path = folder / "domain.yaml"
    if not path.is_file():
        raise InputError(
            f"{folder}: no domain.yaml in this folder; make one with name, task, description, labels, data"
        )
    raw = read_yaml(path)
    _check_teacher(path, raw.get("teacher"))
    file = _parse(path, {key: value for key, value in raw.items() if key not in OVERRIDES})
    try:
        task = codec(file.task, list(file.labels))
    except InputError as exc:
        named = [label for label in file.labels if f"label {label!r}" in str(exc)]
        raise InputError(f"{path}{_line(path, named[0] if named else 'task')}: {exc}") from exc
    metric = file.metric or task.metrics[0]
    if metric not in task.metrics:
        known = ", ".join(task.metrics)
        raise InputError(f"{path}{_line(path, 'metric')}: unknown metric {metric!r} for {task.name}; one of: {known}")
    notes: list[str] = []
    seeds = _read(path, "seeds", file.data.seeds, task, notes)
    _check_seeds(folder / file.data.seeds, seeds, task)
    overrides = {key: value for key, value in raw.items() if key in OVERRIDES and key != "rehearsal"}
    rehearsal = raw.get("rehearsal") or {}
    if not isinstance(rehearsal, dict):
        raise InputError(f"{path}{_line(path, 'rehearsal')}: 'rehearsal' is a section with keys, such as corpus")
    corpus = _find_corpus(path, rehearsal.get("corpus"))
    overrides["rehearsal"] = {key: value for key, value in rehearsal.items() if key != "corpus"}
    validation = _read(path, "validation", file.data.validation, task, notes)
    test = _read(path, "test", file.data.test, task, notes)
    own = [(folder / file.data.seeds, seeds), (folder / (file.data.validation or ""), validation)]
    exam = (folder / (file.data.test or ""), test)
    notes += [*note_missing_labels(task, [own[1], exam]), *note_overlaps(own, exam)]
    return Domain(
        folder=folder,
        file=file,
        codec=task,
        metric=metric,
        seeds=seeds,
        validation=validation,
        test=test,
        corpus=corpus,
        prompts=_inside(path, "prompts", file.prompts) if file.prompts else None,
        overrides=Layer(str(path), overrides),
        notes=tuple(notes),
        fingerprint=_fingerprint(folder, file, corpus),
    )


def replace_corpus(domain: Domain, corpus: Path) -> Domain:
    """Give a domain another corpus for the rehearsal teacher.

    Raises:
        InputError: there is no such file.
    """
    if not corpus.is_file():
        raise InputError(f"rehearsal.corpus: {corpus}: no such file")
    fingerprint = _fingerprint(domain.folder, domain.file, corpus)
    return replace(domain, corpus=corpus, fingerprint=fingerprint)


def _parse(path: Path, own: dict[str, Any]) -> DomainFile:
    known = (*DomainFile.model_fields, *OVERRIDES)
    for key in own:
        if key not in DomainFile.model_fields:
            close = get_close_matches(str(key), known, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise InputError(f"{path}{_line(path, str(key))}: unknown key {show(key)}{hint}; keys: {', '.join(known)}")
    try:
        return DomainFile.model_validate(own)
    except ValidationError as exc:
        fault = exc.errors()[0]
        steps = [str(step) for step in fault["loc"]]
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "missing":
            raise InputError(f"{path}: key {'.'.join(steps)!r} is missing; add it") from exc
        if fault["type"] == "extra_forbidden":
            message = f"unknown key; keys: {', '.join(DataFiles.model_fields)}"
        raise InputError(f"{path}{_line(path, steps[-1])}: {'.'.join(steps)}: {message}") from exc


def _check_teacher(path: Path, teacher: Any) -> None:
    """Refuse that a folder, which may come from anywhere, says where the user's key is sent, or which key."""
    sections = [("teacher", teacher)]
    if isinstance(teacher, dict) and isinstance(teacher.get("roles"), dict):
        sections += [(f"teacher.roles.{role}", section) for role, section in teacher["roles"].items()]
    for name, section in sections:
        for key in ("base_url", "api_key_env"):
            if isinstance(section, dict) and section.get(key) is not None:
                told = "a domain does not decide where your key is sent; use --base-url, --set or --config"
                raise InputError(f"{path}{_line(path, key)}: {name}.{key}: {told}")


def _line(path: Path, key: str) -> str:
    """Line of a key in a YAML file as `:n`, empty when it is not found."""
    pattern = re.compile(rf"""^\s*["']?{re.escape(key)}["']?\s*:""")
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if pattern.match(line):
            return f":{number}"
    return ""


def _inside(path: Path, key: str, name: str) -> Path:
    """Find what a key of domain.yaml names, in the domain folder alone.

    A domain may come from anywhere, and what lies in its files is sent to the teacher.
    """
    folder = path.parent
    where = f"{path}{_line(path, key.rpartition('.')[2])}: {key}"
    try:
        found = (folder / name).resolve()
        found.exists()
    except (OSError, ValueError, RuntimeError) as exc:
        raise InputError(f"{where}: {show(name)} cannot be the name of a file") from exc
    if not found.is_relative_to(folder.resolve()):
        raise InputError(f"{where}: {show(name)} leads out of the domain folder; put the file itself into the folder")
    return folder / name


def _read(
    path: Path, split: Literal["seeds", "validation", "test"], name: str | None, task: TaskCodec, notes: list[str]
) -> tuple[Example, ...]:
    if name is None:
        return ()
    file = _inside(path, f"data.{split}", name)
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "no such file"
        raise InputError(f"{file}: {what}; it is named under data.{split} in {path}")
    return tuple(read_examples(file, task, notes))


def _check_seeds(path: Path, seeds: tuple[Example, ...], task: TaskCodec) -> None:
    if not seeds:
        raise InputError(f"{path}: no seeds; write at least one labelled example per label")
    seen = {label for example in seeds for label in task.labels_in(example.gold)}
    for label in task.labels:
        if label not in seen:
            raise InputError(f"{path}: no seed has the label {label!r}; add at least one example of it")


def _find_corpus(path: Path, name: Any) -> Path | None:
    if name is None:
        return None
    if not isinstance(name, str):
        raise InputError(f"{path}{_line(path, 'corpus')}: rehearsal.corpus must be a file name, got {show(name)}")
    corpus = _inside(path, "rehearsal.corpus", name)
    if not corpus.is_file():
        raise InputError(f"{corpus}: no such file; it is named under rehearsal.corpus in {path}")
    return corpus


def _fingerprint(folder: Path, file: DomainFile, corpus: Path | None) -> dict[str, str]:
    names = [file.data.seeds, file.data.validation, file.data.test]
    paths = [folder / "domain.yaml", *(folder / name for name in names if name), *([corpus] if corpus else [])]
    return {os.path.relpath(path, folder): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
