"""From options to sources of settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evokd.api import ConfigSource


def make_layers(
    config: Path | None, assign: Sequence[str] | None, flags: Mapping[str, tuple[str, Any]]
) -> "list[ConfigSource]":
    """Make the sources above the domain's own: file, `--set`, flags (flag -> dotted key and value)."""
    from evokd import api

    layers = [api.read_config_file(config)] if config is not None else []
    layers += [api.parse_assignments(assign)] if assign else []
    for flag, (key, value) in flags.items():
        section, _, name = key.partition(".")
        if value is not None:
            layers.append(api.ConfigSource(flag, {section: {name: value} if name else value}))
    return layers
