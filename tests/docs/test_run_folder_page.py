"""docs/run-folder.md names every file of a run and every key that people read."""

import json
import re
from pathlib import Path

import yaml

from evokd.graph.nodes import decide
from tests.cli.conftest import done_runs

__all__ = ["done_runs"]

PAGE = (Path(__file__).parents[2] / "docs" / "run-folder.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`([^`\n]+)`", PAGE))


def test_every_file_of_a_run_is_named(done_runs: Path) -> None:
    made = {f"{path.name}/" if path.is_dir() else path.name for path in (done_runs / "done").iterdir()}
    assert {"config.yaml", "ledger.db", "student/", "summary.json"} <= made
    assert made - {"dataset/"} <= NAMED
    assert "dataset/train.jsonl" in NAMED


def test_every_key_is_named(done_runs: Path) -> None:
    folder = done_runs / "done"
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    keys = {*summary, *summary["totals"], *summary["labels"], *summary["cycles"][1]}
    row = json.loads((folder / "dataset" / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    unnamed = {key for key in {*keys, *row, *config} if key not in NAMED}
    assert unnamed <= {"cycle", "guide", "real_texts"}, unnamed


def test_every_reason_to_stop_is_named() -> None:
    source = Path(decide.__file__).read_text(encoding="utf-8")
    reasons = set(re.findall(r'^        "([a-z.]+)": ', source, re.MULTILINE))
    assert {"budget.samples", "exhausted"} <= reasons
    assert reasons <= NAMED
