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
PAGES = sorted(DOCS.glob("*.md"))
_LINE = re.compile(r"^(?: {4})?(evokd .*)$", re.MULTILINE)
_SETTING = re.compile(r"`((?:teacher|curriculum|curation|gate|stop|budget)(?:\.[a-z_]+)+)(?=[`=: ])")


def shown_lines() -> list[Any]:
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        found += [pytest.param(line, id=f"{page.stem}: {line[:60]}") for line in _LINE.findall(text)]
    return found


@pytest.mark.parametrize("line", shown_lines())
def test_a_command_line_parses_and_its_settings_are_known(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    if "--help" in words:
        return
    context = command.make_context("evokd", list(words))
    build_settings([parse_assignments(context.params.get("assign") or [])])


# architecture.md also names modules in this way
@pytest.mark.parametrize("page", [page for page in PAGES if page.stem != "architecture"], ids=lambda page: page.stem)
def test_settings_that_are_named_in_the_text_are_known(page: Path) -> None:
    known = build_settings([]).model_dump()
    for dotted in _SETTING.findall(page.read_text(encoding="utf-8")):
        place: Any = known
        for step in dotted.split("."):
            assert step in place, dotted
            place = place[step]
