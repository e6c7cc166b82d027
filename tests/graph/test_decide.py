"""Why a run stops, and that routers only read what was stored."""

from types import SimpleNamespace
from typing import Any

import pytest
from langgraph.types import Send

from graph.nodes.decide import find_reason
from graph.routing import after_curate, after_decide, to_lessons
from graph.settings import Settings

START = {"cycle": 1, "score": 0.5, "accepted": 10, "stale": 0, "barren": 0}
USAGE = {"input_tokens": 60, "output_tokens": 40, "cost_usd": 0.5}


def reason(state: dict[str, Any], settings: dict[str, Any], usage: dict[str, Any]) -> str | None:
    ledger = SimpleNamespace(usage=lambda: {**USAGE, **usage})
    bench: Any = SimpleNamespace(settings=Settings.model_validate(settings), ledger=ledger)
    full: Any = {**START, **state}
    return find_reason(full, bench)


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str | None]] = {
    "nothing reached": ({}, {}, {}, None),
    "target": ({}, {"stop": {"target": 0.5}}, {}, "target"),
    "target not reached": ({}, {"stop": {"target": 0.51}}, {}, None),
    "target without a score": ({"score": None}, {"stop": {"target": 0.0}}, {}, None),
    "cycles": ({}, {"stop": {"cycles": 1}}, {}, "cycles"),
    "no cycles": ({"cycle": 0}, {"stop": {"cycles": 0}}, {}, "cycles"),
    "samples": ({}, {"budget": {"samples": 10}}, {}, "budget.samples"),
    "samples left": ({}, {"budget": {"samples": 11}}, {}, None),
    "tokens": ({}, {"budget": {"tokens": 100}}, {}, "budget.tokens"),
    "tokens left": ({}, {"budget": {"tokens": 101}}, {}, None),
    "dollars": ({}, {"budget": {"usd": 0.5}}, {}, "budget.usd"),
    "dollars unknown": ({}, {"budget": {"usd": 0.5}}, {"cost_usd": None}, None),
    "patience": ({"stale": 2}, {"stop": {"patience": 2}}, {}, "patience"),
    "exhausted": ({"barren": 2}, {}, {}, "exhausted"),
    "one barren cycle": ({"barren": 1}, {}, {}, None),
    "target before cycles": ({}, {"stop": {"target": 0.5, "cycles": 1}}, {}, "target"),
    "cycles before samples": ({}, {"stop": {"cycles": 1}, "budget": {"samples": 1}}, {}, "cycles"),
    "samples before tokens": ({}, {"budget": {"samples": 1, "tokens": 1}}, {}, "budget.samples"),
    "tokens before dollars": ({}, {"budget": {"tokens": 1, "usd": 0.1}}, {}, "budget.tokens"),
    "patience before exhausted": ({"stale": 2, "barren": 2}, {"stop": {"patience": 1}}, {}, "patience"),
}


@pytest.mark.parametrize(("state", "settings", "usage", "expected"), CASES.values(), ids=CASES)
def test_the_first_limit_reached_is_the_reason(
    state: dict[str, Any], settings: dict[str, Any], usage: dict[str, Any], expected: str | None
) -> None:
    assert reason(state, settings, usage) == expected


def test_routers_follow_the_stored_fields() -> None:
    assert after_decide({"decision": {"next": "publish", "reason": "cycles"}}) == "publish"
    assert after_decide({"decision": {"next": "analyze", "reason": "go on"}}) == "analyze"
    assert after_curate({"after_curate": "review"}) == "review"
    assert after_curate({"after_curate": "train"}) == "train"
    assert to_lessons({"cycle": 2, "lessons": []}) == "curate"
    sent = to_lessons({"cycle": 2, "lessons": ["c002-l01", "c002-l02"]})
    assert sent == [Send("lesson", {"lesson": f"c002-l0{n}", "lesson_cycle": 2}) for n in (1, 2)]
