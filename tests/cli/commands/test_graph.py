"""`evokd graph` prints the state machine."""

import re

import pytest

from evokd.cli import main


def test_graph_prints_every_node(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli(["graph"]) == 0
    drawn = capsys.readouterr().out
    for node in [
        "prepare",
        "train",
        "gate",
        "examine",
        "decide",
        "analyze",
        "generate",
        "label",
        "curate",
        "review",
        "publish",
    ]:
        assert re.search(rf"\b{node}\b", drawn), node
