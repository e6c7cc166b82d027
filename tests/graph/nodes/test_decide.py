"""Why a run stops, and that routers only read what was stored."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from langgraph.types import Send

from evokd.graph.nodes.decide import decide, find_reason
from evokd.graph.routing import after_curate, after_decide, to_lessons
from evokd.graph.setup.run_settings import Settings
from evokd.tracing.ledger import Ledger
from evokd.tracing.rows import DECISION, GATE
from evokd.tracing.summary import gain_of
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import make_state
from tests.tracing.rows import call

START = {"cycle": 1, "score": 0.5, "accepted": 10, "stale": 0, "barren": 0}
USAGE = {"input_tokens": 60, "output_tokens": 40, "cost_usd": 0.5}


def reason(state: dict[str, Any], settings: dict[str, Any], usage: dict[str, Any]) -> str | None:
    ledger = SimpleNamespace(usage=lambda: {**USAGE, **usage})
    context: Any = SimpleNamespace(settings=Settings.model_validate(settings), ledger=ledger)
    full: Any = {**START, **state}
    return find_reason(full, context)


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str | None]] = {
    "nothing reached": ({}, {}, {}, None),
    "target": ({}, {"stop": {"target": 0.5}}, {}, "target"),
    "target not reached": ({}, {"stop": {"target": 0.51}}, {}, None),
    "target without a score": ({"score": None}, {"stop": {"target": 0.0}}, {}, None),
    "cycles": ({}, {"stop": {"cycles": 1}}, {}, "cycles"),
    "no cycles": ({"cycle": 0}, {"stop": {"cycles": 0}}, {}, "cycles"),
    "samples": ({}, {"budget": {"samples": 10}}, {}, "budget.samples"),
    "samples left": ({}, {"budget": {"samples": 11}}, {}, None),
    "hardly any sample left": ({"accepted": 238}, {"budget": {"samples": 240}}, {}, "budget.samples"),
    "a few samples left": ({"accepted": 235}, {"budget": {"samples": 240}}, {}, None),
    "a few samples left of a large budget": ({"accepted": 1990}, {"budget": {"samples": 2000}}, {}, "budget.samples"),
    "samples for a cycle left of it": ({"accepted": 1970}, {"budget": {"samples": 2000}}, {}, None),
    "two refused of one cycle": ({"accepted": 78}, {"budget": {"samples": 80}}, {}, "budget.samples"),
    "two refused of a few": ({"accepted": 8}, {"budget": {"samples": 10}}, {}, None),
    "one refused of many small cycles": (
        {"accepted": 78},
        {"budget": {"samples": 80}, "curriculum": {"quotas": {"drafts": 8}}},
        {},
        None,
    ),
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


# cycle -> champion's gate metric before and after, promoted, and the tokens of the cycle
Gates = dict[int, tuple[float | None, float | None, bool, int]]
STEADY: Gates = {cycle: (0.1 * cycle, 0.1 * cycle + 0.1, True, 10_000) for cycle in (1, 2, 3, 4)}  # 0.01 per 1,000
GAINS: dict[str, tuple[Gates, int, float, str | None]] = {
    "too little": (STEADY, 3, 0.0101, "gain"),
    "enough": (STEADY, 3, 0.0099, None),
    "two cycles tell nothing": (STEADY, 2, 0.5, None),
    "the first three alone": (STEADY | {1: (0.0, 0.9, True, 10)}, 3, 0.02, None),
    "the last three alone": (STEADY | {1: (0.0, 0.9, True, 10)}, 4, 0.02, "gain"),
    "a roll-back wins nothing": (STEADY | {2: (0.5, 0.1, False, 10_000)}, 3, 0.0067, "gain"),
    "a roll-back costs its tokens alone": (STEADY | {2: (0.5, 0.1, False, 10_000)}, 3, 0.0066, None),
    "a loss that was let through": (STEADY | {2: (0.5, 0.45, True, 10_000)}, 3, 0.0051, "gain"),
    "not measured": (STEADY | {2: (None, None, True, 10_000)}, 3, 0.5, None),
    "free of charge": (dict.fromkeys((1, 2, 3), (0.1, 0.1, True, 0)), 3, 0.5, None),
    "nothing won": (dict.fromkeys((1, 2, 3), (0.5, 0.5, True, 100)), 3, 1e-9, "gain"),
    "any gain will do": (STEADY, 3, 0.0, None),
}


@pytest.mark.parametrize(("gates", "cycle", "wanted", "expected"), GAINS.values(), ids=GAINS)
def test_a_run_stops_when_tokens_bring_too_little(
    gates: Gates, cycle: int, wanted: float, expected: str | None, ledger: Ledger
) -> None:
    for number, (before, after, promoted, tokens) in gates.items():
        ledger.put_cycle_record(number, GATE, {"before": before, "after": after, "promoted": promoted})
        half = {"input_tokens": tokens // 2, "output_tokens": tokens // 2}
        ledger.record_call(call(f"c{number}", key=f"k{number}", cycle=number, **half))
    settings = Settings.model_validate({"stop": {"gain": wanted}, "budget": {"samples": None}})
    context: Any = SimpleNamespace(settings=settings, ledger=ledger)
    state: Any = {**START, "cycle": cycle}
    assert find_reason(state, context) == expected


@pytest.mark.parametrize(
    ("gate", "gain"),
    [
        (None, None),
        ({"before": None, "after": 0.5, "promoted": True}, None),
        ({"before": 0.5, "after": None, "promoted": True}, None),
        ({"before": 0.5, "after": 0.75, "promoted": True}, 0.25),
        ({"before": 0.5, "after": 0.25, "promoted": True}, -0.25),
        ({"before": 0.5, "after": 0.25, "promoted": False}, 0.0),
        ({"before": 0.5, "after": None, "promoted": False}, 0.0),
    ],
)
def test_the_gain_of_a_cycle_is_what_it_did_to_the_champion(gate: dict[str, Any] | None, gain: float | None) -> None:
    assert gain_of(gate) == gain


def test_routers_follow_the_stored_fields() -> None:
    assert after_decide({"decision": {"next": "publish", "reason": "cycles"}}) == "publish"
    assert after_decide({"decision": {"next": "analyze", "reason": "go on"}}) == "analyze"
    assert after_curate({"after_curate": "review"}) == "review"
    assert after_curate({"after_curate": "train"}) == "train"
    assert to_lessons({"cycle": 2, "champion": None, "lessons": []}) == "curate"
    sent = to_lessons({"cycle": 2, "champion": "c001", "lessons": ["c002-l01", "c002-l02"]})
    common = {"lesson_cycle": 2, "student": "c001"}
    assert sent == [Send("lesson", {"lesson": f"c002-l0{n}", **common}) for n in (1, 2)]


@pytest.mark.parametrize(
    ("cycles", "expected", "cycle"),
    [(5, {"next": "analyze", "reason": "go on"}, 2), (1, {"next": "publish", "reason": "cycles"}, 1)],
)
async def test_the_decision_is_stored_and_the_next_cycle_begins(
    cycles: int, expected: dict[str, str], cycle: int, make_toy: MakeToy
) -> None:
    toy = make_toy(stop={"cycles": cycles})
    update = await decide(make_state(score=0.5, accepted=7), toy.context)
    assert update == {"decision": expected, "cycle": cycle}
    assert toy.context.ledger.cycle_record(1, DECISION) == expected
    event = toy.event("decided")
    assert (event["cycle"], event["accepted"], event["score"], event["reason"]) == (1, 7, 0.5, expected["reason"])


@pytest.mark.parametrize(("cycle", "limit", "told"), [(0, 3, False), (1, 3, True), (3, 3, False)])
async def test_what_is_still_to_come_is_told_after_a_cycle_that_another_one_follows(
    cycle: int, limit: int, told: bool, make_toy: MakeToy
) -> None:
    toy = make_toy(stop={"cycles": limit})
    toy.context = replace(toy.context, estimate_rest=lambda cycle, accepted: {"calls": cycle, "seconds": accepted})
    await decide(make_state(cycle=cycle, accepted=7), toy.context)
    revised = [event for event in toy.events if event["event"] == "estimate_revised"]
    assert revised == [{"event": "estimate_revised", "cycle": cycle, "calls": cycle, "seconds": 7}] * told
