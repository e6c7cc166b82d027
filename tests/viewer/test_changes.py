"""The last event of a log is found without reading the log, whatever state its end is in."""

import json
from pathlib import Path

import pytest

from evokd.viewer.changes import read_last_event

FIRST, LAST = {"event": "decided", "cycle": 1}, {"event": "call", "text": "a\u2028b"}
LOGS = {
    "whole": (json.dumps(FIRST) + "\n" + json.dumps(LAST, ensure_ascii=False) + "\n", LAST),
    "being_written": (json.dumps(FIRST) + "\n" + json.dumps(LAST)[:9], FIRST),
    "cut_off_and_gone_on": (json.dumps(FIRST) + "\n" + json.dumps(LAST)[:9] + "\n", FIRST),
    "odd_lines": (json.dumps(FIRST) + "\n[1]\n7\n\n", FIRST),
    "long_before": ("x" * 2**19 + "\n" + json.dumps(LAST) + "\n", LAST),
    "too_long": (json.dumps(FIRST) + "\n" + json.dumps({"event": "x" * 2**19}) + "\n", {}),
    "empty": ("", {}),
}


@pytest.mark.parametrize(("text", "event"), LOGS.values(), ids=LOGS.keys())
def test_the_last_whole_event_is_found(tmp_path: Path, text: str, event: dict[str, object]) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(text, encoding="utf-8")
    assert read_last_event(path) == event


def test_no_log_has_no_event(tmp_path: Path) -> None:
    assert read_last_event(tmp_path / "none") == {}
