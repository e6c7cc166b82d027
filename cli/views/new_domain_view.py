"""The page of `evokd init`: what was read, what was made of it, and what comes next."""

import shlex
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from evokd.cli.markup import literal, paint

_MOST_LABELS = 12
"""Labels that are listed with their counts."""
_MOST_NOTES = 10
_FEW_TEXTS = 150
"""Unlabelled texts below which more are asked for."""


def print_new_domain(console: Console, facts: Mapping[str, Any], program: str) -> None:
    """Print what `api.init_domain` did.

    Args:
        console: where to print.
        facts: what it returned.
        program: how this program is called.
    """
    for line in [*_tell_made(facts), "", *_tell_next(facts, program)]:
        console.print(paint(line), highlight=False, soft_wrap=True)


def _tell_made(facts: Mapping[str, Any]) -> list[str]:
    data = facts["data"]
    lines = [f"[bold]{literal(facts['folder'])}[/]: a new domain ({facts['task']}, {facts['metric']})"]
    if facts["read"]:
        lines.append(f"read: {literal(facts['read'])}")
    labels = [f"{label} {count:,}" for label, count in facts["labels"].items()]
    more = f" and {len(labels) - _MOST_LABELS} more" if len(labels) > _MOST_LABELS else ""
    what = "example rows" if facts["has_placeholders"] else "texts"
    lines.append(f"labels ({what}): {literal(', '.join(labels[:_MOST_LABELS]))}{more}")
    lines.append(
        f"data: {data['seeds']:,} seeds, {data['validation']:,} validation, {data['test']:,} test,"
        f" {data['pool']:,} unlabelled"
    )
    if facts["reason"]:
        lines.append(f"  {literal(facts['reason'])}")
    guess = " (a guess; --language CODE sets it)" if facts["language_is_guessed"] else ""
    lines.append(f"language: {literal(facts['language'])}{guess}")
    if facts["drafted_by"]:
        lines.append(f"description and meanings: drafted by {literal(facts['drafted_by'])}")
    notes = facts["notes"]
    lines += [f"note: {literal(note)}" for note in notes[:_MOST_NOTES]]
    if len(notes) > _MOST_NOTES:
        lines.append(f"note: and {len(notes) - _MOST_NOTES} more; --json tells all")
    return lines


def _tell_next(facts: Mapping[str, Any], program: str) -> list[str]:
    folder = shlex.quote(facts["folder"])
    lines = ["Next:"]
    if facts["has_placeholders"]:
        lines.append(f"  put texts of your own into {literal(facts['folder'])}/seeds.jsonl; its rows are examples")
    if not facts["drafted_by"] or facts["has_placeholders"]:
        lines.append(f"  say in {literal(facts['folder'])}/domain.yaml what the texts are and when each label applies")
    lines += _ask_for_texts(facts["data"]["pool"], f"{literal(facts['folder'])}/pool.jsonl")
    student = " --student ENCODER" if facts["language"] != "en" else ""
    lines.append(f"  {literal(program)} check {literal(folder)}")
    lines.append(f"  {literal(program)} run {literal(folder)} --teacher MODEL --budget-usd 2{student}")
    if student:
        lines.append("  (the embedded student reads English; name an encoder of your language, a folder or a hub name)")
    return lines


def _ask_for_texts(known: int, pool: str) -> list[str]:
    """Ask for unlabelled texts where there are few; where there are none, the file is yet to be made and named."""
    if known >= _FEW_TEXTS:
        return []
    if known:
        return [f"  a few hundred texts without labels help most: add more of them to {pool}"]
    make = f"write them to {pool} and uncomment its line in domain.yaml"
    return [f"  a few hundred texts without labels help most: {make}"]
