"""From options to layers of settings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evokd.graph.setup.config_layers import ConfigSource, parse_assignments, read_yaml


def make_layers(
    config: Path | None, assign: Sequence[str] | None, flags: Mapping[str, tuple[str, Any]]
) -> list[ConfigSource]:
    """Make the layers above the domain's own: file, `--set`, flags (flag -> dotted key and value)."""
    layers = [ConfigSource(str(config), read_yaml(config))] if config is not None else []
    layers += [parse_assignments(assign)] if assign else []
    for flag, (key, value) in flags.items():
        section, _, name = key.partition(".")
        if value is not None:
            layers.append(ConfigSource(flag, {section: {name: value} if name else value}))
    return layers
