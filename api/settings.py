"""Settings as the public functions take them: a mapping, or sources whose names an error gives."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evokd.graph.setup.config_layers import ConfigSource, parse_assignments, plant_dotted, read_yaml
from evokd.messages import InputError

__all__ = ["ConfigSource", "Settings", "parse_assignments", "read_config_file", "to_sources"]

Settings = Mapping[str, Any] | Sequence[ConfigSource]
"""Settings by their keys, dotted or nested: {"student.tune": "head"} or {"student": {"tune": "head"}}; or sources of
nested settings, of which later ones win."""


def to_sources(settings: Settings | None) -> list[ConfigSource]:
    """Settings as sources, with nested keys.

    Raises:
        InputError: they are no mapping, or a key is given a value and keys below it.
    """
    if settings is None or isinstance(settings, Mapping):
        return [ConfigSource("settings", plant_dotted(settings or {}, "settings"))]
    if isinstance(settings, str) or not all(isinstance(source, ConfigSource) for source in settings):
        raise InputError('settings: give a mapping, such as {"student.steps": 120}')
    return list(settings)


def read_config_file(path: Path) -> ConfigSource:
    """Read a YAML file with settings.

    Raises:
        InputError: the file is missing, not UTF-8, not YAML, empty, or no mapping.
    """
    return ConfigSource(str(path), read_yaml(path))
