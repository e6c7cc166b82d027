"""What `evokd presets` tells."""

import json

import pytest

from evokd.cli.main import run_cli
from evokd.graph.setup.config_layers import PRESETS
from evokd.graph.setup.preset_catalog import list_presets


def test_the_default_comes_first_and_differs_in_nothing() -> None:
    first = list_presets()[0]
    assert (first.name, dict(first.differs)) == ("evokd", {})


def test_a_preset_tells_its_source_and_every_difference() -> None:
    (paper,) = [preset for preset in list_presets() if preset.name == "evokd-paper"]
    assert "2403.06414" in paper.source
    assert paper.differs["curriculum.packet.wrong"] == (6, 2)
    assert paper.differs["student.regime"] == ("base", "continue")
    assert "teacher.model" not in paper.differs
    assert all(default != own for default, own in paper.differs.values())


def test_all_presets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    names = {path.stem for path in PRESETS.glob("*.yaml")}
    assert run_cli(["presets", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["name"] for row in rows} == names
    assert run_cli(["presets"]) == 0
    page = capsys.readouterr().out
    assert all(f"{row['name']}  ({row['source']})" in page for row in rows)
    assert 'curriculum.labels: "generator"  (default "auto")' in page
