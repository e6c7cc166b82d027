"""Usage, price, roles and limits of the door."""

import asyncio
import json
from typing import Any

import pytest

from evokd.agents.llm.client import resolve_key
from evokd.agents.llm.teacher_settings import Prices, RoleSettings
from evokd.messages import AnalystReply, InputError
from evokd.tracing.ledger import Ledger
from tests.agents.asks import URL, make_ask, make_drafts, make_packet, make_weakness
from tests.agents.conftest import Open
from tests.scripted import Say

GOOD = make_drafts("the app crashes")


# --------------------------------------------------------------------------------------------------- usage and price


USAGES: dict[str, tuple[Any, tuple[int, int] | None]] = {
    "told": ((120, 30), (120, 30)),
    "silent": (None, None),
    "nothing written": ((120, 0), None),
    "below nothing": ((-120, 30), None),
    "a fraction": ((120.5, 30.5), None),
    "beyond all bounds": ((120, 10**30), None),
}


@pytest.mark.parametrize(("usage", "tokens"), USAGES.values(), ids=USAGES)
async def test_usage_is_as_reported_or_estimated_and_marked(
    door: Open, ledger: Ledger, usage: tuple[int, int] | None, tokens: tuple[int, int] | None
) -> None:
    teacher, script = door([Say(GOOD, usage=usage)])
    await teacher.ask(make_ask())
    call = ledger.calls()[0]
    sent = sum(len(turn["content"]) for turn in script.requests[0]["messages"])
    assert (call.input_tokens, call.output_tokens) == (tokens or (-(-sent // 4), -(-len(json.dumps(GOOD)) // 4)))
    assert call.estimated is (tokens is None)


@pytest.mark.parametrize(
    ("changes", "cost", "source"),
    [
        ({"prices": {"input": 2, "output": 10}}, 120 * 2e-6 + 30 * 10e-6, "user"),
        ({"prices": {"input": 0, "output": 0}}, 0.0, "user"),
        (
            {"model": "gpt-4o-mini", "base_url": "https://api.openai.com/v1"},
            120 * 0.15e-6 + 30 * 0.6e-6,
            "genai-prices",
        ),
        (
            {"model": "gpt-4o-mini", "base_url": "https://api.openai.com/v1", "prices": {"input": 1, "output": 1}},
            150e-6,
            "user",
        ),
        ({"model": "gpt-4o-mini"}, None, None),
        ({"model": "no-such-model-1", "base_url": "https://api.openai.com/v1"}, None, None),
    ],
    ids=["user", "user-free", "table", "user-over-table", "unknown-endpoint", "unknown-model"],
)
async def test_the_price_is_the_users_then_the_tables_then_unknown(
    door: Open, ledger: Ledger, changes: dict[str, Any], cost: float | None, source: str | None
) -> None:
    teacher, _ = door([Say(GOOD, usage=(120, 30))], **changes)
    await teacher.ask(make_ask())
    call = ledger.calls()[0]
    assert call.cost_usd == (None if cost is None else pytest.approx(cost))
    assert call.price_source == source


async def test_the_price_of_the_house_is_not_believed_for_a_roles_own_model(door: Open, ledger: Ledger) -> None:
    teacher, _ = door([GOOD], prices=Prices(input=1, output=1), roles={"generator": {"model": "other"}})
    await teacher.ask(make_ask())
    assert ledger.calls()[0].cost_usd is None


async def test_a_call_without_a_reply_costs_nothing_and_is_not_priced(door: Open, ledger: Ledger) -> None:
    teacher, _ = door([(400, "no"), GOOD], prices=Prices(input=1, output=1))
    await teacher.ask(make_ask())
    failed = ledger.calls()[0]
    assert (failed.input_tokens, failed.output_tokens, failed.cost_usd) == (0, 0, None)
    assert ledger.usage()["calls"] == 1
    assert ledger.usage()["cost_usd"] == pytest.approx(120e-6)


# ------------------------------------------------------------------------------------------------- roles and limits


async def test_a_role_may_have_its_own_model_address_key_and_sampling(
    door: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "house-key-1")
    monkeypatch.setenv("ANALYST_KEY", "analyst-key-2")
    own = {"model": "big", "base_url": "http://big.test/v1", "api_key_env": "ANALYST_KEY", "temperature": 0.1}
    teacher, script = door(
        {"feedback_packet": [{"weaknesses": [make_weakness()]}], "lesson_plan": [(400, "no"), GOOD]},
        temperature=0.9,
        roles={"analyst": own},
    )
    packet = {"role": "analyst", "reply": AnalystReply, "name": "analysis", "message": make_packet()}
    await teacher.ask(make_ask(**packet, span="c1"))
    await teacher.ask(make_ask())
    analyst, generator = script.https[0], script.https[-1]
    assert str(analyst.url) == "http://big.test/v1/chat/completions"
    assert str(generator.url) == f"{URL}/chat/completions"
    assert analyst.headers["authorization"] == "Bearer analyst-key-2"
    assert generator.headers["authorization"] == "Bearer house-key-1"
    assert [(request["model"], request["temperature"]) for request in script.requests] == [
        ("big", 0.1),
        ("m-1", 0.9),
        ("m-1", 0.9),
    ]
    assert ledger.find_ability("http://big.test/v1", "big") == "json_schema"
    assert ledger.find_ability(URL, "m-1") == "json_object_schema"


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_calls_are_in_flight_than_allowed(door: Open, ledger: Ledger, limit: int) -> None:
    ledger.remember_ability(URL, "m-1", "json_schema")
    total = 7
    flying: set[int] = set()
    most = 0
    full = asyncio.Event()

    async def answer(request: Any) -> Any:
        nonlocal most
        flying.add(request["seed"])
        most = max(most, len(flying))
        if len(flying) == limit:
            full.set()
        await full.wait()
        await asyncio.sleep(0)
        flying.discard(request["seed"])
        return GOOD

    teacher, script = door([answer] * total, concurrency=limit)
    async with asyncio.timeout(30):  # with fewer in flight than allowed nobody would ever be answered
        await asyncio.gather(*(teacher.ask(make_ask(seed=i, span=f"c1-l{i}")) for i in range(total)))
    assert most == limit
    assert len(script.requests) == total


async def test_only_one_call_probes_an_endpoint(door: Open, ledger: Ledger) -> None:
    teacher, script = door([(400, "no")] + [GOOD] * 4)
    await asyncio.gather(*(teacher.ask(make_ask(seed=i, span=f"c1-l{i}")) for i in range(4)))
    kinds = [request["response_format"]["type"] for request in script.requests]
    assert kinds == ["json_schema"] + ["json_object"] * 4


def test_a_hosted_model_without_a_key_is_an_error_before_anything_starts() -> None:
    hosted = RoleSettings(model="gpt-4o-mini", api_key_env="MY_KEY")
    with pytest.raises(InputError, match="teacher 'gpt-4o-mini': no key in the environment variable MY_KEY"):
        resolve_key(hosted, {})
    with pytest.raises(InputError, match="MY_KEY"):
        resolve_key(hosted, {"MY_KEY": "  ", "OPENAI_API_KEY": "other"})
    for odd in ("sk-\u2026aaaa", "sk-one\nsk-two"):
        with pytest.raises(InputError, match="the key in the environment variable MY_KEY holds characters"):
            resolve_key(hosted, {"MY_KEY": odd})
    assert resolve_key(hosted, {"MY_KEY": " secret\n"}) == "secret"
    assert resolve_key(RoleSettings(model="m", base_url=URL), {}) == "no-key"
    assert resolve_key(RoleSettings(model="m", base_url=URL), {"OPENAI_API_KEY": "k"}) == "k"


async def test_the_rehearsal_needs_no_key_and_costs_nothing_known(door: Open, ledger: Ledger) -> None:
    teacher, script = door([GOOD], model="rehearsal", base_url=None)
    await teacher.ask(make_ask())
    assert str(script.https[0].url).startswith("http://rehearsal/v1/")
    assert ledger.calls()[0].cost_usd is None


async def test_another_teachers_environment_does_not_get_in(
    door: Open, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    monkeypatch.setenv("OPENAI_API_BASE", "http://elsewhere/v1")
    monkeypatch.setenv("OPENAI_PROXY", "http://proxy:1")
    teacher, script = door([GOOD])
    await teacher.ask(make_ask())
    assert str(script.https[0].url) == f"{URL}/chat/completions"
