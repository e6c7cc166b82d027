"""The estimate of a run: near what a run really takes, cut by budgets, honest about prices."""

from pathlib import Path
from typing import Any

import pytest

from agents.settings import OPENAI_URL
from graph.config import Layer
from graph.estimate import estimate_run
from graph.plan import plan_run
from prompts.loader import ROLES
from tests.graph.conftest import give_student
from tests.graph.toy import WordStudent, WordTagger
from tracing.events import read_events
from tracing.summary import describe_estimate, read_summary


def estimate(domain: str | Path, **sections: Any) -> dict[str, Any]:
    return estimate_run(plan_run(str(domain), "evokd", [Layer("test", sections)])).tell()


@pytest.mark.parametrize(
    ("domain", "student"), [("support_tickets", WordStudent), ("field_reports", WordTagger)], ids=["texts", "entities"]
)
def test_the_estimate_is_near_what_a_run_takes(
    domain: str, student: type[WordStudent], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import main

    give_student(monkeypatch, student)
    where = ["--runs-dir", str(tmp_path), "--run-id", "one", "--device", "cpu"]
    assert main.run_cli(["run", domain, "--cycles", "1", *where]) == 0
    summary = read_summary(tmp_path / "one" / "summary.json")
    assert summary is not None
    found, used = estimate(domain, stop={"cycles": 1}), summary["totals"]
    # seen: 0.87 to 1.18 of what was used in the first cycle, 0.78 to 1.57 for the tokens of one role
    for key in ("calls", "input_tokens", "output_tokens"):
        assert 0.5 < found[key] / used[key] < 2, key
        assert found[key] == sum(part[key] for part in found["roles"].values())
        for role in ROLES:
            expected, taken = found["roles"][role][key], used["roles"][role][key]
            assert expected == taken == 0 or 0.5 < expected / taken < 2, (role, key)
    assert (found["cycles"], found["capped_by"], found["cost_usd"]) == (1, None, None)
    (started,) = [event for event in read_events(tmp_path / "one" / "events.jsonl") if event["event"] == "run_started"]
    assert started["estimate"] == found


HOSTED = {"model": "m", "base_url": "http://127.0.0.1:9/v1"}


def test_a_known_price_is_applied_to_each_role_and_an_unknown_one_makes_the_whole_unknown(toy_domain: Path) -> None:
    prices = {"input": 2.0, "output": 10.0}
    found = estimate(toy_domain, teacher={**HOSTED, "prices": prices}, stop={"cycles": 3})
    assert found["cost_usd"] == pytest.approx((2 * found["input_tokens"] + 10 * found["output_tokens"]) / 1e6)
    assert found["cost_usd"] == pytest.approx(sum(part["cost_usd"] for part in found["roles"].values()))
    assert f"about {found['cost_usd']:.2f} USD" in describe_estimate(found)
    own = {"roles": {"labeler": {"model": "other"}}}
    mixed = estimate(toy_domain, teacher={**HOSTED, "prices": prices, **own}, stop={"cycles": 3})
    assert mixed["roles"]["labeler"]["cost_usd"] is mixed["cost_usd"] is None
    assert mixed["roles"]["generator"]["cost_usd"] == pytest.approx(found["roles"]["generator"]["cost_usd"])
    assert "price unknown" in describe_estimate(mixed)


def test_the_price_table_is_used_for_the_vendors_own_address(toy_domain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-1234567890")
    known = estimate(toy_domain, teacher={"model": "gpt-4o-mini"})
    assert known["cost_usd"] == pytest.approx((0.15 * known["input_tokens"] + 0.6 * known["output_tokens"]) / 1e6)
    assert estimate(toy_domain, teacher={"model": "gpt-4o-mini", "base_url": OPENAI_URL}) == known
    assert estimate(toy_domain, teacher={"model": "no-such-model"})["cost_usd"] is None


def test_budgets_cut_the_estimate_and_are_named(toy_domain: Path) -> None:
    stop = {"cycles": 10}
    alike: dict[str, Any] = {"coverage_early": 0.5, "pool": 1}  # every cycle asks the Analyst and as many drafts
    curriculum = {"quotas": alike}
    whole = estimate(toy_domain, stop=stop, curriculum=curriculum, budget={"samples": None})
    tokens = whole["input_tokens"] + whole["output_tokens"]
    half = estimate(toy_domain, stop=stop, curriculum=curriculum, budget={"samples": None, "tokens": tokens // 2})
    assert (half["cycles"], half["capped_by"]) == (5, "budget.tokens")
    assert half["input_tokens"] + half["output_tokens"] == pytest.approx(tokens / 2, rel=0.01)
    assert describe_estimate(half).endswith("then budget.tokens is spent")

    prices = {**HOSTED, "prices": {"input": 1.0, "output": 1.0}}
    money = estimate(
        toy_domain, teacher=prices, stop=stop, curriculum=curriculum, budget={"samples": None, "usd": tokens / 4e6}
    )
    assert (money["cycles"], money["capped_by"]) == (3, "budget.usd")
    assert money["cost_usd"] == pytest.approx(tokens / 4e6, rel=0.01)

    few = estimate(toy_domain, stop=stop, curriculum={"quotas": {**alike, "drafts": 24}}, budget={"samples": 60})
    assert (few["cycles"], few["capped_by"]) == (3, None), "24 drafts bring about 20 samples"
    large = estimate(toy_domain, stop=stop, curriculum=curriculum, budget={"samples": None, "tokens": tokens * 2})
    assert (large["cycles"], large["capped_by"]) == (10, None)


def test_cycles_of_breadth_alone_ask_no_analyst(toy_domain: Path) -> None:
    quotas = {"drafts": 20, "coverage_early": 1.0, "coverage_until": 12}  # 36 samples, of which 3 are seeds
    found = estimate(toy_domain, curriculum={"quotas": quotas}, stop={"cycles": 5}, budget={"samples": None})
    assert found["roles"]["analyst"]["calls"] == 3
    assert estimate(toy_domain, curriculum={"quotas": quotas}, stop={"cycles": 1})["roles"]["analyst"]["calls"] == 0


def test_without_weaknesses_nobody_asks_the_analyst(toy_domain: Path) -> None:
    found = estimate(toy_domain, curriculum={"weaknesses": 0, "quotas": {"pool": 1}}, stop={"cycles": 4})
    assert found["roles"]["analyst"] == {"calls": 0, "input_tokens": 0, "output_tokens": 0, "cost_usd": None}
    assert found["roles"]["generator"]["calls"] == found["roles"]["labeler"]["calls"] > 4


def test_the_pool_is_paid_for_where_it_is_filled(toy_domain: Path) -> None:
    def calls(cycles: int, **quotas: float) -> list[int]:
        curriculum = {"weaknesses": 0, "quotas": {"drafts": 24, "pool": 4, "pool_lesson": 24, **quotas}}
        roles = estimate(toy_domain, curriculum=curriculum, stop={"cycles": cycles}, budget={"samples": None})["roles"]
        return [roles["generator"]["calls"], roles["labeler"]["calls"]]

    # four lessons fill it; two cycles take what is left over, before it holds less than twice what a cycle wants
    assert [calls(1), calls(2), calls(3)] == [[4, 4], [4, 5], [4, 6]]
    assert calls(4)[0] == 7, "one of four cycles' drafts is still there"
    assert calls(3, refill=4)[0] == 6, "filled up again in every cycle"


def test_a_run_of_no_cycles_takes_nothing(toy_domain: Path) -> None:
    found = estimate(toy_domain, stop={"cycles": 0})
    assert (found["cycles"], found["calls"], found["input_tokens"], found["output_tokens"]) == (0, 0, 0, 0)
