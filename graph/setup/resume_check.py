"""The differences between a run as it began and as it would resume, and which of them are refused."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evokd.agents.llm.teacher_settings import REHEARSAL
from evokd.graph.setup.run_folder import ResumeError
from evokd.graph.setup.run_settings import is_free
from evokd.messages.escape import clean
from evokd.student.base import EMBEDDED

SHOWN_LINES = 12
"""Maximum lines of a prompt's difference to show."""
WIDTH = 160
"""Maximum characters of a shown line."""
MISSING = "(none)"
UNKNOWN_VERSION = "not installed"

PLACES = ("rehearsal.corpus", "rehearsal.recording")
"""Settings that are paths of data. Their contents count, and are compared as data."""

ChangeKind = Literal["version", "settings", "prompts", "data"]
_NAMED: dict[ChangeKind, str] = {
    "version": "another version of evokd",
    "settings": "other settings",
    "prompts": "other prompts",
    "data": "other data",
}


@dataclass(frozen=True)
class Change:
    """One difference; `lines` describe it, the first line names it."""

    kind: ChangeKind
    key: str
    lines: tuple[str, ...]
    free: bool = False
    """It changes no sample that a cycle would make, so it needs no force."""


def find_changes(began: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Compare two records of a run (see `graph.setup.plan.record_plan`): as it began, and as it would resume."""
    comparisons = (_versions, _settings, _base, _prompts, _data)
    return [change for compare in comparisons for change in compare(began, now)]


def refuse(run_id: str, changes: Sequence[Change]) -> None:
    """Refuse to resume with changes that are not allowed.

    Raises:
        ResumeError: names the differences, and shows them line by line.
    """
    wrong = [change for change in changes if not change.free]
    if not wrong:
        return
    kinds = list(dict.fromkeys(_NAMED[change.kind] for change in wrong))
    named = " and ".join([", ".join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds)
    lines = [f"  {line}" for change in wrong for line in change.lines]
    raise ResumeError(
        "\n".join(
            [f"run {run_id} was started with {named}; restore the following, start a new run, or add --force", *lines]
        )
    )


def compare_libraries(began: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """Say in one line which libraries have a different version from the one that the run used so far."""
    old, new = began["versions"], now["versions"]
    differences = [f"{name} {old.get(name, MISSING)} -> {new[name]}" for name in new if new[name] != old.get(name)]
    differences = [line for line in differences if not line.startswith("evokd ")]
    return f"libraries differ from those that this run began with: {', '.join(differences)}" if differences else None


def _versions(began: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    old, new = (record["versions"].get("evokd", MISSING) for record in (began, now))
    if old != new and UNKNOWN_VERSION not in (old, new):  # run from a folder of sources
        yield Change("version", "evokd", (f"version of evokd: {clean(str(old), WIDTH)} -> {new}",))


def _settings(began: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    old, new = ({"preset": record["preset"], **flatten(record["settings"])} for record in (began, now))
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if before != after:
            free = is_free(key) and not (key == "teacher.base_url" and _moves_the_rehearsal(began, before, after))
            free = free or key in PLACES or (key == "student.base" and _has_moved(began, now, before, after))
            yield Change("settings", key, (f"{key}: {_show(before)} -> {_show(after)}",), free)


def _base(began: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Say that the path of the run's untrained student now holds a different one."""
    old, new = began.get("base"), now.get("base")
    if None in (old, new) or old == new:
        return
    key = "student.base"
    base = flatten(now["settings"]).get(key)
    if base == flatten(began["settings"]).get(key):
        line = f"{key}: {_show(base)}: different contents (SHA-256 {str(old)[:12]} -> {str(new)[:12]})"
        yield Change("settings", key, (line,))


def _has_moved(began: Mapping[str, Any], now: Mapping[str, Any], before: Any, after: Any) -> bool:
    """Whether the untrained student is the same one at another path."""
    if "base" in began:
        return began["base"] is not None and bool(began["base"] == now.get("base"))
    # runs of earlier versions store a path as it was typed
    typed = isinstance(before, str) and before != EMBEDDED
    return typed and str(Path(before).expanduser().absolute()) == after


def _moves_the_rehearsal(began: Mapping[str, Any], before: Any, after: Any) -> bool:
    """The name of the rehearsal teacher means another teacher with an address than without one."""
    return began["settings"].get("teacher", {}).get("model") == REHEARSAL and None in (before, after)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Write nested settings as dotted key -> value."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _show(value: Any) -> str:
    return clean(repr(value), WIDTH)


def _prompts(began: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    old, new = began["prompts"], now["prompts"]
    for role in new:
        before, after = old.get(role, {}), new[role]
        if before.get("digest") != after["digest"]:
            head = f"prompt {role}.md: not the text that the run began with"
            shown = _diff(before["text"], after["text"]) if "text" in before else []
            yield Change("prompts", role, (head, *shown))


def _diff(before: str, after: str) -> list[str]:
    """A few lines of unified difference."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))[2:]
    shown = [line[:1] + clean(line[1:], WIDTH) if line[:1] in "+- " else clean(line, WIDTH) for line in lines]
    rest = len(shown) - SHOWN_LINES
    return [*shown[:SHOWN_LINES], f"({rest} more lines)"] if rest > 1 else shown


def _data(began: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    old, new = _leave_out_renamed(began["data"], now["data"])
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) != new.get(name):
            yield Change("data", name, (f"{clean(name, WIDTH)}: {_compare_file(began, now, name)}",))


def _leave_out_renamed(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Leave out files that only changed their name, such as one beside the domain that did not move with it."""
    gone = {name: digest for name, digest in old.items() if name not in new}
    come = {name: digest for name, digest in new.items() if name not in old}
    for name, digest in list(gone.items()):
        same = next((other for other, known in come.items() if known == digest), None)
        if same is not None:
            del gone[name], come[same]
    common = old.keys() & new.keys()
    return (
        {name: digest for name, digest in old.items() if name in common or name in gone},
        {name: digest for name, digest in new.items() if name in common or name in come},
    )


def _compare_file(began: Mapping[str, Any], now: Mapping[str, Any], name: str) -> str:
    old, new = began["data"].get(name), now["data"].get(name)
    if old is None or new is None:
        return "not part of the data before" if old is None else "no longer part of the data"
    digests = f"SHA-256 {str(old)[:12]} -> {new[:12]}"
    before, after = (record.get("rows", {}).get(name) for record in (began, now))
    if before is None or after is None:
        return f"changed ({digests})"
    return f"changed, {before} rows -> {after} rows ({digests})"
