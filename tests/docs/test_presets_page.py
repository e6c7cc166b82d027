"""docs/presets.md has every preset with exactly the settings in which it differs, as `evokd presets` lists them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from evokd import api

PAGE = (Path(__file__).parents[2] / "docs" / "presets.md").read_text(encoding="utf-8")
_SECTION = re.compile(r"^## `?([^`\n]+)`?\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTIONS = {name: [yaml.safe_load(block) for block in _BLOCK.findall(text)] for name, text in _SECTION.findall(PAGE)}
SHARED, WRITTEN = SECTIONS["What all but the default share"]
PRESETS = {preset.name: preset for preset in api.list_presets()}


def settings_of(name: str) -> dict[str, Any]:
    """The settings that the page gives for a preset, those that it shares included."""
    (own,) = SECTIONS[name]
    if name == "evokd-init":
        return {**settings_of("evokd-paper"), **own}
    return {**SHARED, **({} if name == "labelled-pool" else WRITTEN), **own}


def test_the_page_has_every_preset_and_no_other() -> None:
    named = [name for name in SECTIONS if name in PRESETS]
    assert named[0] == "evokd"
    assert sorted(named) == sorted(PRESETS)
    assert len(SECTIONS) == len(PRESETS) + 2
    assert SECTIONS["evokd"] == []


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "evokd"])
def test_the_settings_of_a_preset_are_those_that_the_program_lists(name: str) -> None:
    assert settings_of(name) == {key: own for key, (_, own) in PRESETS[name].differs.items()}


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "evokd"])
def test_the_paper_of_a_preset_is_named(name: str) -> None:
    text = dict(_SECTION.findall(PAGE))[name]
    number = re.search(r"arXiv (\d{4}\.\d{5})", PRESETS[name].source)
    assert number is None or number[1] in text or name == "evokd-init"
