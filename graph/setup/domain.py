"""A domain: `domain.yaml`, its data and its prompts, all checked before anything is started."""

import hashlib
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from evokd.graph.setup.config_layers import ConfigSource, find_line, read_yaml, show_value
from evokd.graph.setup.contained_paths import keep_inside, list_files, tell_absent
from evokd.graph.setup.data_warnings import drop_repeated, note_data
from evokd.graph.setup.domain_file import OVERRIDES, DataFiles, DomainFile, locate_inside, parse_domain
from evokd.graph.setup.domain_files import GUIDE, PROFILE, load_guide, load_profile
from evokd.messages import InputError, PoolText
from evokd.messages.finding import Finding
from evokd.messages.suggest import find_closest
from evokd.prompts.includes import PARTIALS
from evokd.prompts.languages import LANGUAGE_NAMES, PromptLanguage, choose_language
from evokd.student.data import read_examples
from evokd.student.reading.layout import Layout
from evokd.student.tasks.base import LabeledExample, TaskCodec
from evokd.student.tasks.registry import codec

SHIPPED = Path(__file__).parents[2] / "domains"
RECORDING = "llm"
"""Folder of a domain's recording, unless the domain names one."""


class DataFile(NamedTuple):
    """A data file and how it was read."""

    split: str
    """The key under `data` that names it."""
    path: Path
    layout: Layout


@dataclass(frozen=True)
class Domain:
    """A loaded domain."""

    folder: Path
    file: DomainFile
    codec: TaskCodec
    metric: str
    seeds: tuple[LabeledExample, ...]
    """Each text once, or once with each of its answers."""
    validation: tuple[LabeledExample, ...]
    test: tuple[LabeledExample, ...]
    corpus: Path | None
    """What the rehearsal teacher answers from."""
    prompts: Path | None
    overrides: ConfigSource
    notes: tuple[str, ...]
    """What was converted when the data was read, and what is odd about it."""
    fingerprint: Mapping[str, str]
    """Path from the folder -> SHA-256 of the file's bytes; a run is resumed only on the data it began with."""
    pool_file: Path | None = None
    """File of the unlabelled texts."""
    recording: Path | None = None
    """Folder of what a language model wrote and labelled, for the recorded teacher."""
    profile: Mapping[str, list[tuple[str, float]]] | None = None
    """The axes on which its real texts differ, if the domain has a `profile.yaml`."""
    guide: Mapping[str, str] | None = None
    """What its labels include and exclude, if the domain has a `guide.yaml`."""
    pool: tuple[PoolText, ...] = ()
    """The unlabelled texts that a run uses, once a run is planned; see `graph.setup.unlabeled_pool`."""
    pool_lines: int = 0
    """Lines that texts to label are chosen from, if `pool` is only a sample of them; 0 if it is all of them."""
    corpus_rows: tuple[LabeledExample, ...] = ()
    """The corpus, once a rehearsal is planned."""
    files: tuple[DataFile, ...] = ()
    """How its data files were read; the pool's is added once a run is planned."""
    findings: tuple[Finding, ...] = ()
    """What is odd about its data; `notes` holds them as well."""

    @property
    def unlabelled(self) -> int:
        """Lines that texts to label are chosen from."""
        return self.pool_lines or len(self.pool)

    @property
    def prompt_language(self) -> PromptLanguage:
        """Language of the base prompts."""
        return choose_language(self.file.language, self.file.prompt_language)


def list_shipped_domains() -> list[str]:
    """Names of the domains that come with the program, in order."""
    return sorted(entry.parent.name for entry in SHIPPED.glob("*/domain.yaml"))


def list_domains_beside(path: Path) -> dict[str, Path]:
    """Domains in the folder in which a path lies: name -> path."""
    return {other.name: other for other in list_files(path.parent) if (other / "domain.yaml").is_file()}


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
    shipped = list_shipped_domains()
    if path.name in shipped and path.as_posix() in (path.name, f"domains/{path.name}"):
        return SHIPPED / path.name
    beside = list_domains_beside(path)
    near = find_closest(path.name, [*beside, *shipped])
    hint = f" (did you mean {str(beside.get(near, near))!r}?)" if near is not None else ""
    raise InputError(
        f"no domain folder {show_value(name)}{hint}; pass a folder with a domain.yaml, or one of: {', '.join(shipped)}"
    )


def load_domain(folder: Path) -> Domain:
    """Read and check a domain folder.

    Raises:
        InputError: what is wrong, with file, line or key, and how to fix it.
    """
    path = folder / "domain.yaml"
    if not path.is_file():
        if all((folder / name).is_file() for name in ("config.yaml", "events.jsonl")):
            raise InputError(
                f"{folder}: is a run, not a domain; give the folder of its domain, which has a domain.yaml"
            )
        raise InputError(
            f"{folder}: no domain.yaml in this folder; make one with name, task, description, labels, data"
        )
    raw = read_yaml(path)
    _check_teacher(path, raw.get("teacher"))
    file = parse_domain(path, {key: value for key, value in raw.items() if key not in OVERRIDES})
    try:
        task = codec(file.task, list(file.labels))
    except InputError as exc:
        named = [label for label in file.labels if f"label {label!r}" in str(exc)]
        raise InputError(f"{path}{find_line(path, named[0] if named else 'task')}: {exc}") from exc
    metric = file.metric or task.metrics[0]
    if metric not in task.metrics:
        known = ", ".join(task.metrics)
        raise InputError(
            f"{path}{find_line(path, 'metric')}: unknown metric {metric!r} for {task.name}; one of: {known}"
        )
    notes: list[str] = _note_prompts(file)
    files: list[DataFile] = []
    seeds = _read(path, "seeds", file.data, task, notes, files)
    _check_seeds(folder / file.data.seeds, seeds, task)
    overrides = {key: value for key, value in raw.items() if key in OVERRIDES and key != "rehearsal"}
    keep_inside(folder, folder / PROFILE, folder / GUIDE)
    rehearsal = raw.get("rehearsal") or {}
    if not isinstance(rehearsal, dict):
        raise InputError(f"{path}{find_line(path, 'rehearsal')}: 'rehearsal' is a section with keys, such as corpus")
    corpus = _find_corpus(path, rehearsal.get("corpus"))
    recording = _find_recording(path, rehearsal.get("recording"))
    overrides["rehearsal"] = {key: value for key, value in rehearsal.items() if key not in ("corpus", "recording")}
    pool = _find_pool(path, file.data.pool)
    validation = _read(path, "validation", file.data, task, notes, files)
    test = _read(path, "test", file.data, task, notes, files)
    exam = (folder / (file.data.validation or ""), validation)
    splits = ((folder / file.data.seeds, seeds), exam, (folder / (file.data.test or ""), test))
    findings = tuple(dict.fromkeys(note_data(task, *splits)))
    notes += [finding.note for finding in findings]
    return Domain(
        folder=folder,
        file=file,
        codec=task,
        metric=metric,
        seeds=drop_repeated(seeds),
        validation=validation,
        test=test,
        corpus=corpus,
        prompts=_find_prompts(path, file.prompts),
        overrides=ConfigSource(str(path), overrides, path),
        notes=tuple(notes),
        fingerprint=_fingerprint(folder, file, corpus),
        pool_file=pool,
        profile=load_profile(folder / PROFILE) if (folder / PROFILE).is_file() else None,
        guide=load_guide(folder / GUIDE, task.labels) if (folder / GUIDE).is_file() else None,
        recording=recording,
        files=tuple(files),
        findings=findings,
    )


def replace_corpus(domain: Domain, corpus: Path) -> Domain:
    """Give a domain another corpus for the rehearsal teacher.

    Raises:
        InputError: there is no such file.
    """
    if not corpus.is_file():
        raise InputError(f"rehearsal.corpus: {corpus}: {tell_absent(corpus)}; name it with --set rehearsal.corpus=FILE")
    fingerprint = _fingerprint(domain.folder, domain.file, corpus)
    return replace(domain, corpus=corpus, fingerprint=fingerprint)


def _check_teacher(path: Path, teacher: Any) -> None:
    """Refuse settings that let a folder, which may come from anywhere, choose the key or where it is sent."""
    sections = [("teacher", teacher)]
    if isinstance(teacher, dict) and isinstance(teacher.get("roles"), dict):
        sections += [(f"teacher.roles.{role}", section) for role, section in teacher["roles"].items()]
    for name, section in sections:
        for key in ("base_url", "api_key_env"):
            if isinstance(section, dict) and section.get(key) is not None:
                advice = "a domain does not decide where your key is sent; use --base-url, --set or --config"
                raise InputError(f"{path}{find_line(path, key)}: {name}.{key}: {advice}")


def _read(
    path: Path,
    split: Literal["seeds", "validation", "test"],
    data: DataFiles,
    task: TaskCodec,
    notes: list[str],
    files: list[DataFile],
) -> tuple[LabeledExample, ...]:
    name = data.files.get(split)
    if name is None:
        return ()
    file = locate_inside(path, f"data.{split}", name)
    if not file.is_file():
        raise InputError(
            f"{file}: {tell_absent(file)}; it is named under data.{split} in {path}{find_line(path, split)}"
        )
    files.append(DataFile(split, file, Layout()))
    has_pool = data.pool is not None  # whose columns they may be; without one a column that is not there is a mistake
    return tuple(read_examples(file, task, notes, files[-1].layout, data.columns, or_known=has_pool, but_no_slip=True))


def _check_seeds(path: Path, seeds: tuple[LabeledExample, ...], task: TaskCodec) -> None:
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
        raise InputError(
            f"{path}{find_line(path, 'corpus')}: rehearsal.corpus must be a file name, got {show_value(name)}"
        )
    corpus = locate_inside(path, "rehearsal.corpus", name)
    if not corpus.is_file():
        raise InputError(
            f"{corpus}: {tell_absent(corpus)}; it is named under rehearsal.corpus in {path}{find_line(path, 'corpus')}"
        )
    return corpus


def _find_prompts(path: Path, name: str | None) -> Path | None:
    if name is None:
        return None
    folder = locate_inside(path, "prompts", name)
    keep_inside(path.parent, *folder.glob("*.md"), *(folder / PARTIALS).glob("*.md"))
    return folder


def _note_prompts(file: DomainFile) -> list[str]:
    """Say that the prompts are not the English ones, if the domain did not choose them itself."""
    language = choose_language(file.language, file.prompt_language)
    if language == "en" or file.prompt_language is not None:
        return []
    name = LANGUAGE_NAMES[language]
    return [f"the prompts are {name}, as the texts are; with prompt_language: en in domain.yaml they are English"]


def _find_pool(path: Path, name: str | None) -> Path | None:
    if name is None:
        return None
    file = locate_inside(path, "data.pool", name)
    if not file.is_file():
        raise InputError(f"{file}: {tell_absent(file)}; it is named under data.pool in {path}{find_line(path, 'pool')}")
    return file


def _find_recording(path: Path, name: Any) -> Path | None:
    """Find what a language model wrote for this domain: the folder that is named, or `llm`."""
    if name is None:
        folder = path.parent / RECORDING
        keep_inside(path.parent, folder)
        if not folder.is_dir():
            return None
        keep_inside(path.parent, *list_files(folder))
        return folder
    if not isinstance(name, str):
        raise InputError(
            f"{path}{find_line(path, 'recording')}: rehearsal.recording must be a folder, got {show_value(name)}"
        )
    folder = locate_inside(path, "rehearsal.recording", name)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; it is named under rehearsal.recording in {path}")
    keep_inside(path.parent, *list_files(folder))
    return folder


def _fingerprint(folder: Path, file: DomainFile, corpus: Path | None) -> dict[str, str]:
    names = [file.data.seeds, file.data.validation, file.data.test, file.data.pool]
    paths = [folder / "domain.yaml", *(folder / name for name in names if name), *([corpus] if corpus else [])]
    paths += [folder / name for name in (PROFILE, GUIDE) if (folder / name).is_file()]
    return digest_files(folder, paths, "rehearsal.corpus")


def digest_files(folder: Path, paths: Sequence[Path], setting: str) -> dict[str, str]:
    """File name (see `name_file`) -> SHA-256 of the file's bytes."""
    digests = {}
    for path in paths:
        with path.open("rb") as file:
            digests[name_file(folder, path, setting)] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def name_file(folder: Path, path: Path, setting: str) -> str:
    """Name a file of a domain in a record, so that the name stays valid if the domain or the file moves.

    Args:
        folder: the domain folder.
        path: the file.
        setting: the setting that led to it, for a file outside the folder.
    """
    home, target = (Path(os.path.normpath(found.absolute())) for found in (folder, path))
    if not target.is_relative_to(home):
        return setting
    return unicodedata.normalize("NFC", target.relative_to(home).as_posix())
