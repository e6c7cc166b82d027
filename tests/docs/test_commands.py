"""Command lines of evokd in the pages parse, and settings that they set are there."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from evokd.cli.app import app
from evokd.graph.setup.config_layers import build_settings, parse_assignments

DOCS = Path(__file__).parents[2] / "docs"
CHECKED = ("index", "tutorial", "teachers", "presets", "run-folder", "faq")
_LINE = re.compile(r"^(?: {4})?(evokd .*)$", re.MULTILINE)


def shown_lines() -> list[Any]:
    found = []
    for name in CHECKED:
        text = (DOCS / f"{name}.md").read_text(encoding="utf-8").replace("\\\n", " ")
        found += [pytest.param(line, id=f"{name}: {line[:60]}") for line in _LINE.findall(text)]
    return found


@pytest.mark.parametrize("line", shown_lines())
def test_a_command_line_parses_and_its_settings_are_known(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    context = command.make_context("evokd", list(words))
    build_settings([parse_assignments(context.params.get("assign") or [])])


def test_settings_that_are_named_in_the_text_are_known() -> None:
    known = build_settings([]).model_dump()
    for name in CHECKED:
        for dotted in re.findall(
            r"`((?:teacher|curriculum|student|budget)\.[a-z_.]+)", (DOCS / f"{name}.md").read_text("utf-8")
        ):
            if dotted == "student.log":  # a file
                continue
            place: Any = known
            for step in dotted.split("."):
                assert step in place, f"{name}: {dotted}"
                place = place[step]
