"""Two files that people may edit, in the domain or in a run: `profile.yaml` and `guide.yaml`.

The profile names the axes on which the domain's real texts differ; the guide says what each label includes and
excludes.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from evokd.graph.setup.config_layers import find_line, read_yaml, show_value
from evokd.messages import InputError
from evokd.messages.files import write_atomically
from evokd.student.tasks.spelling import spell

PROFILE = "profile.yaml"
GUIDE = "guide.yaml"
LARGEST_SHARE = 1_000_000
"""Shares are relative to each other, so a larger number is a typing error."""
ProfileAxes = dict[str, list[tuple[str, float]]]
"""Axis -> values with their shares, which add up to 1."""
_HEAD = {
    PROFILE: "# The axes on which the domain's real texts differ, regardless of label: axis, value, share.\n"
    "# Written by the Analyst from real lines; edit it, or copy it into the domain folder to have every run use it.\n",
    GUIDE: "# What each label includes and excludes, as shown to the Generator and the Labeler.\n"
    "# Edit it, or copy it into the domain folder to have every run use it.\n",
}


def load_profile(path: Path) -> ProfileAxes:
    """Read a profile.

    Raises:
        InputError: the file cannot be read or is not valid; names line and key.
    """
    axes: ProfileAxes = {}
    for name, values in read_yaml(path).items():
        where = f"{path}{find_line(path, str(name))}: {show_value(name)}"
        if not isinstance(values, Mapping) or len(values) < 2:
            raise InputError(
                f"{where}: write two values or more, each with its share, such as {{question: 0.3, reply: 0.7}}"
            )
        for key in (name, *values):
            if not isinstance(key, str | int | float) or isinstance(key, bool):
                raise InputError(
                    f"{where}: YAML does not read {show_value(key)} as a word; put it in quotes, such as 'yes'"
                )
        for value, share in values.items():
            number = isinstance(share, int | float) and not isinstance(share, bool)
            if not number or not 0 <= share <= LARGEST_SHARE:  # also false for .nan
                raise InputError(
                    f"{where}: the share of {show_value(value)} must be a number from 0 to {LARGEST_SHARE:,},"
                    f" got {show_value(share)}"
                )
        total = float(sum(values.values()))
        if not total:
            raise InputError(f"{where}: all shares are 0; give at least one value a share")
        axes[str(name)] = [(str(value), share / total) for value, share in values.items()]
    return axes


def load_guide(path: Path, labels: Sequence[str]) -> dict[str, str]:
    """Read a guide.

    Raises:
        InputError: the file cannot be read or is not valid; names line and key.
    """
    read = read_yaml(path)
    guide = {spell(label, labels) if isinstance(label, str) else label: text for label, text in read.items()}
    for label, text in guide.items():
        where = f"{path}{find_line(path, str(label))}: {show_value(label)}"
        if label not in labels:
            raise InputError(f"{where} is not a label; use one of: {', '.join(labels)}")
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{where}: write in a sentence or two what the label includes and excludes")
    return {str(label): " ".join(text.split()) for label, text in guide.items()}


def write_profile_file(path: Path, axes: ProfileAxes) -> None:
    """Write a profile atomically."""
    _write(path, {name: {value: round(share, 3) for value, share in values} for name, values in axes.items()})


def write_guide_file(path: Path, guide: Mapping[str, str]) -> None:
    """Write a guide atomically."""
    _write(path, dict(guide))


def _write(path: Path, tree: Mapping[str, Any]) -> None:
    write_atomically(path, _HEAD[path.name] + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=110))
