"""Settings keys that have new names. The old names work for one release, and a note says what to write instead."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from evokd.messages import InputError

RENAMED = {
    "teacher.reasks": "max_reprompts",
    "student.passes": "min_epochs",
    "student.self_until": "self_training_until",
    "student.self_texts": "self_training_texts",
    "student.self_steps": "self_training_steps",
    "curriculum.tone": "style_examples",
    "curriculum.tone_tokens": "style_example_tokens",
    "curriculum.quotas.breadth": "coverage",
    "curriculum.quotas.hard_breadth": "hard_coverage",
    "curriculum.quotas.blank": "no_label",
}
"""Old key, dotted -> its new name in the same section."""


def rename_keys(source: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Rename settings to their new names.

    Args:
        source: where the settings come from, as an error names it.
        values: settings, nested; they are not changed.

    Raises:
        InputError: a setting is given under both its old and its new name.
    """
    renamed = deepcopy(dict(values))
    for old, section, key in _find_old(renamed):
        new = RENAMED[old]
        if new in section:
            both = f"{old} was renamed to {_write_new(old)}, and both are set"
            raise InputError(f"{source}: {both}; keep {_write_new(old)}")
        section[new] = section.pop(key)
    return renamed


def note_renamed(source: str, values: Mapping[str, Any]) -> list[str]:
    """Say which settings use their old names, one line each; arguments as in `rename_keys`."""
    return [
        f"{source}: {old} was renamed to {_write_new(old)}; the old name works in this release only"
        for old, _, _ in _find_old(values)
    ]


def _write_new(old: str) -> str:
    return f"{old.rpartition('.')[0]}.{RENAMED[old]}"


def _find_old(values: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Settings under old names: dotted key, the section that holds it, its name in that."""
    for old in RENAMED:
        *path, key = old.split(".")
        section: Any = values
        for step in path:
            section = section.get(step) if isinstance(section, Mapping) else None
        if isinstance(section, Mapping) and key in section:
            yield old, section, key
