"""What a finished run was made with: settings, data, prompts. Runs of one loop have all of it in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from evokd.experiments.spec import digest_parts
from evokd.graph.setup.resume_check import PLACES, flatten
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.run_settings import is_free
from evokd.messages import EvokdError
from evokd.tracing.events import read_events
from evokd.tracing.ledger import open_ledger
from evokd.tracing.queries import list_prompt_sets

_SCORED = ("seeds", "validation", "test")
"""Uses of files on which a student starts or is scored: runs on others cannot stand in one table."""
_NEVER_SCORED = ("domain.yaml", "profile.yaml", "guide.yaml")
_SHOWN_DIGEST = 12
"""Characters of a digest that are shown."""


@dataclass(frozen=True)
class Prompt:
    """A prompt of a run."""

    name: str
    """With its version."""
    digest: str
    """Of the text as rendered for the domain."""
    body: str | None = None
    """The template; None where the record has no texts."""


@dataclass(frozen=True)
class RunSetup:
    """Everything but the seed that the samples of a run depend on."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Dotted key -> value."""
    data: Mapping[str, str] = field(default_factory=dict)
    """Name of a file -> SHA-256 of its bytes, except the files that are scored."""
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    """Role -> prompt."""
    prompt_sets: tuple[str, ...] = ()
    """Hashes of the sets of rendered prompts that its calls were made with; several where a resumed run took others."""

    forced: tuple[str, ...] = ()
    """What was changed on the way by `resume --force`, such as `curation.leak: 0.8 -> 0.9`."""

    @cached_property
    def digest(self) -> str:
        """Digest of it all: runs of one loop have the same."""
        return digest_parts({"settings": self.settings, "made of": self._list_texts()})

    @cached_property
    def parts(self) -> dict[str, str]:
        """Key -> value as shown, for every part in which runs can differ."""
        settings = {key: str(value) for key, value in self.settings.items()}
        return {**settings, **self._list_texts()}

    def _list_texts(self) -> dict[str, str]:
        data = {f"data {name}": digest[:_SHOWN_DIGEST] for name, digest in self.data.items()}
        prompts = {f"prompt {role}": f"{prompt.name} {prompt.digest}" for role, prompt in self.prompts.items()}
        sets = {"prompt sets": ", ".join(self.prompt_sets)} if len(self.prompt_sets) > 1 else {}
        forced = {"forced on the way": "; ".join(self.forced)} if self.forced else {}
        return {**data, **prompts, **sets, **forced}


def read_setup(folder: RunFolder, config: Mapping[str, Any]) -> RunSetup:
    """Read what a run was made with, from its configuration and its ledger; a run without a ledger has hashes alone."""
    stored: Mapping[str, Any] = {}
    used: list[str] = []
    try:
        ledger = open_ledger(folder.ledger)
    except EvokdError:  # compared all the same: its figures are in the summary
        pass
    else:
        try:
            stored = ledger.recall("prompts") or {}
            used = list_prompt_sets(ledger)
        finally:
            ledger.close()
    sets = dict.fromkeys([*used, str(config["prompts"].get("hash"))])
    scored = set(list_scored_files(config))
    data = {name: str(digest) for name, digest in config["data"].items() if name not in scored}
    prompts = _read_prompts(config["prompts"], stored)
    return RunSetup(_compared_settings(config), data, prompts, tuple(sets), _read_forced(folder))


def _read_forced(folder: RunFolder) -> tuple[str, ...]:
    """The changes that a resumed run was forced to take: its first cycles were made with something else."""
    events = read_events(folder.events) if folder.events.is_file() else []
    changes = (event.get("changes") for event in events if isinstance(event, dict) and event.get("event") == "changed")
    lines = (
        change["lines"][0]
        for known in changes
        for change in known or ()
        # another version of the program is no other setting, and a run that has moved is the same
        if not change["free"] and change["kind"] != "version"
    )
    return tuple(dict.fromkeys(map(str, lines)))


def list_scored_files(config: Mapping[str, Any]) -> list[str]:
    """Names of the files that a student starts from or is scored on."""
    files = config.get("files")
    if isinstance(files, Mapping):
        return [name for use, name in files.items() if use in _SCORED and name in config["data"]]
    return [name for name in config["data"] if not _is_beside_the_score(name)]


def _is_beside_the_score(name: str) -> bool:
    """Whether a file is not scored, by its name: runs of earlier versions do not say what a file is for."""
    is_source = Path(name).stem in ("pool", "corpus") or name.startswith("rehearsal.")
    return is_source or name in _NEVER_SCORED


def _compared_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted key -> value, without the seed, addresses, paths and what changes no sample."""
    settings = {key: value for key, value in flatten(config["settings"]).items() if is_compared(key)}
    if config.get("base"):  # the digest of its weights, wherever they lay
        settings["student.base"] = f"{Path(settings['student.base']).name} ({config['base'][:12]})"
    return settings


def is_compared(key: str) -> bool:
    """Whether runs with other values of a setting are no repetitions of one another; `key` is dotted."""
    if key in ("seed", *PLACES):
        return False
    return not is_free(key) or key.startswith(("budget.", "stop."))


def _read_prompts(known: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Prompt]:
    files, digests = known.get("files") or {}, known.get("digests") or {}
    sets = stored.get("sets") or [{}]
    bodies = sets[-1].get("roles") or {}  # of the last set: the one that the configuration names
    return {
        role: Prompt(str(files.get(role, role)), str(digests.get(role, "")), (bodies.get(role) or {}).get("body"))
        for role in dict.fromkeys([*files, *digests])
    }
