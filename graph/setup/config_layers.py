"""Build the configuration: field default < preset < domain.yaml < --config file < --set < flags, each layer checked."""

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from evokd.graph.setup.renamed_keys import rename_keys
from evokd.graph.setup.run_settings import Settings
from evokd.messages import InputError
from evokd.messages.files import read_utf8
from evokd.messages.suggest import suggest
from evokd.messages.validation import describe_fault
from evokd.messages.yaml_faults import describe_yaml_fault

PRESETS = Path(__file__).parent / "presets"
PRESET_KEYS = ("name", "source", "description", "settings")


MAX_YAML = 200_000
"""Maximum size of a settings file in bytes: the YAML reader takes about ten seconds for a million."""
MAX_DEPTH = 50
"""Maximum levels of brackets and indentation."""
_YAML_SLIPS = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError)
"""Errors PyYAML raises if a scalar looks like a date or number but is not one, or if brackets never end."""
_MEND_SLIP = "put what looks like a date or a number and is none in quotes"
MAX_SHOWN = 200
"""Maximum characters of a value that an error shows."""


@dataclass(frozen=True)
class ConfigSource:
    """Settings from one source; `source` is how an error names it."""

    source: str
    values: Mapping[str, Any]
    file: Path | None = None
    """The YAML file that holds them, if it is one: errors then name the line."""

    def locate(self, *path: str) -> str:
        """Name the source and, where it is a file, the line of a key, or else of the first section around it."""
        if self.file is None:
            return self.source
        lines = (find_line(self.file, key) for key in reversed(path))
        return self.source + next(filter(None, lines), "")


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases (a few lines of them can stand for billions of values) and without duplicate keys."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Read the next node."""
        if self.check_event(yaml.AliasEvent):
            problem = "aliases (*name) are not supported; write the value out"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())
        if self._depth == MAX_DEPTH:
            problem = f"nested more than {MAX_DEPTH} levels deep"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Read a mapping."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in seen:
                problem = f"the key {show_value(key.value)} occurs twice; keep one of the two"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            if isinstance(key, yaml.ScalarNode):
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def show_value(value: object) -> str:
    """Write a value for an error message: on one line, cut if it is long."""
    written = repr(value)
    return written if len(written) <= MAX_SHOWN else f"{written[:MAX_SHOWN]}..."


def _load(text: str) -> Any:
    """Read YAML as `yaml.safe_load` does, with the limits of `_Loader`."""
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        InputError: the file is missing, not UTF-8, not YAML, empty, or not a mapping.
    """
    text = read_utf8(path, MAX_YAML, "settings are short; data belongs in data files")
    try:
        value = _load(text)
    except yaml.YAMLError as exc:
        line, what = describe_yaml_fault(exc, text)
        where = f"{path}:{line}" if line is not None else str(path)
        raise InputError(f"{where}: not valid YAML: {what}") from exc
    except _YAML_SLIPS as exc:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(exc).split())}; {_MEND_SLIP}") from exc
    if value is None:
        raise InputError(f"{path}: the file is empty")
    if not isinstance(value, dict):
        what = "a list" if isinstance(value, list) else "a single value"
        raise InputError(f"{path}:1: expected keys with values, got {what}; write one key a line, such as name: value")
    return value


def find_line(path: Path, key: str) -> str:
    """Line of a key in a YAML file as `:n`; empty if the key is missing."""
    pattern = re.compile(rf"""^\s*["']?{re.escape(key)}["']?\s*:""")
    for number, line in enumerate(read_utf8(path).splitlines(), start=1):
        if pattern.match(line):
            return f":{number}"
    return ""


def load_preset(name: str) -> ConfigSource:
    """Load a published loop by name.

    Raises:
        InputError: no such preset; the nearest name is suggested.
    """
    known = sorted(path.stem for path in PRESETS.glob("*.yaml"))
    if not isinstance(name, str):  # of a call from Python
        raise InputError(f"preset: give the name of a preset as text, not {name!r}; presets: {', '.join(known)}")
    if name not in known:
        raise InputError(f"unknown preset {name!r}{suggest(name, known)}; presets: {', '.join(known)}")
    values = read_yaml(PRESETS / f"{name}.yaml")
    for key in values:
        if key not in PRESET_KEYS:
            raise InputError(f"{PRESETS / name}.yaml: unknown key {key!r}; keys: {', '.join(PRESET_KEYS)}")
    return ConfigSource(f"preset {name}", values.get("settings") or {})


def parse_assignments(assignments: Sequence[str]) -> ConfigSource:
    """Read `--set a.b=c` options; values are YAML.

    Raises:
        InputError: no `=`, or a value that is not YAML.
    """
    tree: dict[str, Any] = {}
    for text in assignments:
        key, sign, raw = text.partition("=")
        if not sign or not key.strip():
            raise InputError(f"--set {show_value(text)}: write it as key=value, such as --set student.steps=120")
        try:
            value = _load(raw)
        except yaml.YAMLError as exc:
            _, what = describe_yaml_fault(exc, raw)
            raise InputError(f"--set {show_value(text)}: the value is not valid YAML: {what}") from exc
        except _YAML_SLIPS as exc:
            raise InputError(f"--set {show_value(text)}: the value is not valid YAML; {_MEND_SLIP}") from exc
        _plant(tree, key.strip().split("."), value, f"--set {show_value(text)}")
    return ConfigSource("--set", tree)


def plant_dotted(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Build a tree from settings whose keys are dotted or nested: {"a.b": 1} and {"a": {"b": 1}} are the same.

    Args:
        values: the settings.
        source: where they come from, as an error names it.

    Raises:
        InputError: a key is given a value and keys below it.
    """
    tree: dict[str, Any] = {}
    for key, value in values.items():
        if not isinstance(key, str):
            raise InputError(f"{source}: a key is a text such as 'student.steps', got {show_value(key)}")
        _plant(tree, key.split("."), deepcopy(value), f"{source}: {show_value(key)}")
    return tree


def _plant(tree: dict[str, Any], path: Sequence[str], value: Any, where: str) -> None:
    """Put a value into a tree; a mapping is merged into what is there, and its keys may be dotted as well."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            steps = key.split(".") if isinstance(key, str) else [key]
            _plant(tree, [*path, *steps], item, where)
        return
    for step in path[:-1]:
        tree = tree.setdefault(step, {})
        if not isinstance(tree, dict):
            raise InputError(f"{where}: {step!r} is already set to a value")
    tree[path[-1]] = deepcopy(value)


def build_settings(layers: Sequence[ConfigSource]) -> Settings:
    """Merge layers, where later ones win, and check the result.

    Raises:
        InputError: an unknown key (the nearest is suggested) or a value that does not fit, with the source and the key.
    """
    merged: dict[str, Any] = {}
    layers = [replace(layer, values=rename_keys(layer.source, layer.values)) for layer in layers]
    for layer in layers:
        _check_keys(layer, layer.values, Settings, ())
        _merge(merged, layer.values)
    try:
        return Settings.model_validate(merged)
    except ValidationError as exc:
        fault = exc.errors()[0]
        path = tuple(str(step) for step in fault["loc"])
        given = (path[:-1] or path) if fault["type"] == "missing" else path
        source = next(
            (layer.locate(*given) for layer in reversed(layers) if _has(layer.values, given)), "configuration"
        )
        # an address with a user, a query or a fragment may hold a key
        may_show = not isinstance(fault["input"], dict) and not (
            path[-1] == "base_url" and {"@", "?", "#"} & {*str(fault["input"])}
        )
        got = f", got {show_value(fault['input'])}" if may_show else ""
        what, semicolon, mend = describe_fault(fault["type"], fault["msg"]).partition("; ")
        null = "; write null for none" if str(fault["input"]).lower() == "none" and _takes_null(path) else ""
        raise InputError(
            f"{source}: {'.'.join(path)}: {what[:1].lower()}{what[1:]}{got}{semicolon}{mend}{null}"
        ) from exc


def _takes_null(path: Sequence[str]) -> bool:
    """Whether a setting may have no value, which descriptions call none and YAML null."""
    model: type[BaseModel] | None = Settings
    for step in path[:-1]:
        model = _section(model, step) if model and step in model.model_fields else None
    field = model.model_fields.get(path[-1]) if model else None
    return field is not None and NoneType in get_args(field.annotation)


def _merge(target: dict[str, Any], values: Mapping[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, Mapping):
            section = target.setdefault(key, {})
            if isinstance(section, dict):
                _merge(section, value)
                continue
        target[key] = value


def _has(values: Any, path: Sequence[str]) -> bool:
    for step in path:
        if isinstance(values, Mapping) and step in values:
            values = values[step]
        else:
            return not isinstance(values, Mapping)
    return True


def _check_keys(layer: ConfigSource, values: Mapping[str, Any], model: type[BaseModel], path: tuple[str, ...]) -> None:
    for key, value in values.items():
        here = (*path, str(key))
        if key not in model.model_fields:
            everything = list(dotted_keys())
            near = suggest(".".join(here), everything) or suggest(str(key), list(model.model_fields))
            where = f"under {'.'.join(path)!r}" if path else "at the top"
            raise InputError(
                f"{layer.locate(*here)}: unknown key {show_value('.'.join(here))}{near}; keys {where}:"
                f" {', '.join(model.model_fields)}"
            )
        section = _section(model, key)
        if section is None:
            _refuse_flag(layer, key, value, model, here)
            continue
        if value is None:
            continue
        if not isinstance(value, Mapping):
            what = f"{'.'.join(here)} is a section with keys, got {show_value(value)}"
            raise InputError(f"{layer.locate(*here)}: {what}; its keys: {', '.join(section.model_fields)}")
        _check_keys(layer, value, section, here)


def _refuse_flag(layer: ConfigSource, key: str, value: object, model: type[BaseModel], path: tuple[str, ...]) -> None:
    """Refuse true and false in place of a number, which pydantic would read as 1 and 0; other kinds have checks."""
    annotation = model.model_fields[key].annotation
    kinds = {*get_args(annotation)} or {annotation}
    if isinstance(value, bool) and kinds & {int, float} and kinds <= {int, float, NoneType}:
        number = "a whole number" if int in kinds else "a number"
        raise InputError(f"{layer.locate(*path)}: {'.'.join(path)}: must be {number}, got {str(value).lower()}")


def _section(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    annotation = model.model_fields[key].annotation
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def dotted_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[str]:
    """All keys of the tree in dotted form."""
    for key in model.model_fields:
        yield prefix + key
        section = _section(model, key)
        if section is not None:
            yield from dotted_keys(section, f"{prefix}{key}.")
