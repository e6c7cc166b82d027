"""What a run was made with: settings beside their defaults, prompts, data, versions; the graph with its work."""

from collections.abc import Iterator, Mapping
from typing import Any

from evokd.viewer.overview import list_nodes
from evokd.viewer.record import RunRecord


def show_settings(record: RunRecord) -> dict[str, Any]:
    """Settings with their defaults, prompt sets, hashes of the data, versions of the packages."""
    config = record.config
    settings = dict(flatten(record.settings))
    defaults = dict(flatten(record.facts.find_defaults(str(record.start.get("task")))))
    return {
        "preset": config.get("preset"),
        "settings": [
            {"key": key, "value": value, "default": defaults.get(key), "is_known": key in defaults}
            for key, value in settings.items()
        ],
        "prompts": show_prompts(record),
        "data": config.get("data") or {},
        "versions": config.get("versions") or {},
    }


def show_prompts(record: RunRecord) -> dict[str, Any]:
    """The prompt sets: `files` (role -> name and version), and `sets` with the texts where they are stored."""
    prompts = record.config.get("prompts") or {}
    stored = record.ledger.recall("prompts") or {}
    return {"hash": prompts.get("hash"), "files": prompts.get("files") or {}, "sets": stored.get("sets", [])}


def show_graph(record: RunRecord) -> dict[str, Any]:
    """The compiled graph with runs and seconds of each node."""
    return {**record.facts.graph, "work": list_nodes(record)}


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of every leaf of a tree; an empty mapping is a leaf."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
