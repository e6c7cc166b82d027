"""Runs side by side: curves, costs, and all settings and prompts in which they differ."""

import difflib
import json
from collections.abc import Sequence
from typing import Any

from evokd.viewer.overview import show_overview
from evokd.viewer.record import RunRecord
from evokd.viewer.setup import flatten, show_prompts


def compare_records(records: Sequence[RunRecord]) -> dict[str, Any]:
    """Compare runs.

    Returns:
        `runs`: the first page of each, and `group`: the same number for repetitions of one another;
        `settings` and `prompts`: what differs, with the value of each run.
    """
    made_of = [_list_setup(record) for record in records]
    keys = sorted({key for setup in made_of for key in setup})
    different = [key for key in keys if len({json.dumps(setup.get(key), default=str) for setup in made_of}) > 1]
    groups: dict[str, int] = {}
    runs = []
    for record, setup in zip(records, made_of, strict=True):
        identity = json.dumps([setup.get(key) for key in different if record.facts.is_compared(key)], default=str)
        runs.append({**show_overview(record), "group": groups.setdefault(identity, len(groups))})
    return {
        "runs": runs,
        "settings": [{"key": key, "values": [setup.get(key) for setup in made_of]} for key in different],
        "prompts": _compare_prompts(records),
    }


def _list_setup(record: RunRecord) -> dict[str, Any]:
    """Everything that a result depends on, under dotted keys."""
    config = record.config
    return {
        "domain": config.get("domain"),
        "preset": config.get("preset"),
        **dict(flatten(record.settings)),
        **{f"data: {name}": digest for name, digest in (config.get("data") or {}).items()},
        **{f"prompt: {role}": digest for role, digest in ((config.get("prompts") or {}).get("digests") or {}).items()},
    }


def _compare_prompts(records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """Prompts that differ: role, name and version in each run, and the difference in lines (None: not stored)."""
    prompts = [show_prompts(record) for record in records]
    roles = sorted({role for known in prompts for role in known["files"]})
    shown = []
    for role in roles:
        versions = [known["files"].get(role) for known in prompts]
        bodies = [_find_body(known, role) for known in prompts]
        if len(set(versions)) > 1 or len(set(bodies)) > 1:
            shown.append({"role": role, "versions": versions, "diff": _show_difference(bodies)})
    return shown


def _find_body(prompts: dict[str, Any], role: str) -> str | None:
    """The text of the prompt that the run ended with."""
    sets = prompts["sets"]
    body = (sets[-1].get("roles", {}).get(role) or {}).get("body") if sets else None
    return str(body) if body is not None else None


def _show_difference(bodies: Sequence[str | None]) -> list[str] | None:
    """The first text beside the last that differs from it, as a unified diff; None where a text is missing."""
    known = [body for body in bodies if body is not None]
    other = next((body for body in reversed(known) if body != known[0]), None)
    if other is None or len(known) < len(bodies):
        return None
    return list(difflib.unified_diff(known[0].splitlines(), other.splitlines(), "first", "other", lineterm=""))
