"""What the client makes of a server shaped like vLLM's, in the wordings of several versions."""

import pytest

from evokd.agents.llm.attempt import TeacherRefused
from evokd.tracing.ledger import Ledger
from tests.agents.asks import make_ask, make_drafts
from tests.agents.llm.conftest import Connect
from tests.servers.ollama import always
from tests.servers.vllm import TOO_LONG, VLLM

GOOD = make_drafts("the app crashes")
LONG = "Write as the people of the help desk write. " * 600


@pytest.mark.parametrize("version", TOO_LONG)
async def test_a_prompt_beyond_the_context_is_left_out_and_the_next_one_sent(
    version: str, connect: Connect, ledger: Ledger
) -> None:
    server = VLLM(always(GOOD), version=version, max_model_len=4_096, reasoning="A crash, then.")
    teacher = connect(server, "small", max_tokens=300)
    answer = await teacher.ask(make_ask(system=LONG))
    assert answer.reply is None
    assert answer.faults[0].startswith("the prompt is too long for the model and left out (shorter ones: ")
    assert (await teacher.ask(make_ask(span="c1-l2"))).faults == ()
    assert [call.status for call in ledger.calls()] == ["error", "ok"], "one request each"


@pytest.mark.parametrize("version", TOO_LONG)
async def test_a_limit_that_leaves_no_room_for_a_prompt_is_named(
    version: str, connect: Connect, ledger: Ledger
) -> None:
    server = VLLM(always(GOOD), version=version, max_model_len=4_096)
    with pytest.raises(TeacherRefused, match=r"lower teacher\.max_tokens: HTTP 400: .*4096"):
        await connect(server, "small", max_tokens=4_096).ask(make_ask())


async def test_a_version_before_json_schema_is_asked_for_a_json_object(connect: Connect, ledger: Ledger) -> None:
    server = VLLM(always(GOOD), version="0.6", knows_json_schema=False)
    assert (await connect(server, "small").ask(make_ask())).faults == ()
    assert [call.ability for call in ledger.calls()] == ["json_schema", "json_object_schema"]


@pytest.mark.parametrize("version", ["0.6", "0.15"])
async def test_another_name_than_the_served_one_is_refused(version: str, connect: Connect, ledger: Ledger) -> None:
    teacher = connect(VLLM(always(GOOD), version=version), "Qwen/Qwen3-4B")
    with pytest.raises(TeacherRefused, match=r"no such model or address: HTTP 404: .*The model `Qwen/Qwen3-4B` does"):
        await teacher.ask(make_ask())


async def test_a_key_that_it_does_not_take_names_the_variable(
    connect: Connect, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    with pytest.raises(TeacherRefused, match=r"the key is refused \(see OPENAI_API_KEY in the environment\)"):
        await connect(VLLM(always(GOOD), key="right"), "small").ask(make_ask())
