"""What the client makes of a server shaped like Ollama."""

import pytest

from evokd.agents.llm.attempt import TeacherRefused
from evokd.cli.views.notices import Notices
from evokd.tracing.ledger import Ledger
from tests.agents.asks import make_ask, make_drafts, make_plan
from tests.agents.llm.conftest import Connect
from tests.servers.ollama import Ollama, always

GOOD = make_drafts("the app crashes")
LONG = "Write as the people of the help desk write. " * 600
"""26,400 characters, more than 6,000 tokens."""


async def test_a_reply_in_the_form_of_the_schema_is_taken_as_it_is(connect: Connect, ledger: Ledger) -> None:
    server = Ollama(always(GOOD), reasoning="The user wants a text about a crash.")
    answer = await connect(server, "llama3.2").ask(make_ask())
    (call,) = ledger.calls()
    assert (answer.faults, call.status, call.ability, call.flags) == ((), "ok", "json_schema", [])
    assert not call.estimated


async def test_a_limit_of_tokens_is_sent_by_the_name_that_it_knows(connect: Connect, ledger: Ledger) -> None:
    server = Ollama(always(make_drafts("x" * 2_000)))
    await connect(server, "llama3.2", max_tokens=50, max_reprompts=0).ask(make_ask())
    assert server.requests[0]["max_tokens"] == 50
    assert "max_completion_tokens" not in server.requests[0]
    assert "cut_off" in ledger.calls()[0].flags


@pytest.mark.parametrize(("context", "lengths"), [(2_048, (1.0,)), (4_096, (0.8, 1.0)), (4_096, (1.0, 0.8))])
async def test_a_prompt_that_loses_its_beginning_is_noticed(
    context: int, lengths: tuple[float, ...], connect: Connect, ledger: Ledger
) -> None:
    server = Ollama(always(GOOD), context=context)
    teacher = connect(server, "llama3.2")
    for number, part in enumerate(lengths):
        system = f"You are the Generator. {LONG[: round(len(LONG) * part)]}"
        await teacher.ask(make_ask(system=system, seed=number, span=f"c1-l{number}"))
    assert "You are the Generator" not in server.read[-1], "it never reached the model"
    calls = ledger.calls()
    assert [call.flags for call in calls] == [[]] * (len(calls) - 1) + [["prompt_cut"]]
    notices = Notices()
    (notice,) = notices.of_call({"flags": calls[-1].flags})
    assert "OLLAMA_CONTEXT_LENGTH" in notice
    assert notices.of_call({"flags": calls[-1].flags}) == [], "once"


@pytest.mark.parametrize("context", [8_192, 131_072])
async def test_a_prompt_that_fits_is_no_reason_for_a_notice(context: int, connect: Connect, ledger: Ledger) -> None:
    teacher = connect(Ollama(always(GOOD), context=context), "llama3.2")
    for number in range(6):
        system = LONG[: len(LONG) - 900 * number]
        await teacher.ask(make_ask(system=system, seed=number, span=f"c1-l{number}"))
    assert [call.flags for call in ledger.calls()] == [[]] * 6


async def test_a_model_that_is_not_there_is_named_with_the_servers_advice(connect: Connect, ledger: Ledger) -> None:
    server = Ollama(always(GOOD), modelfiles={"mistral:latest": None})
    with pytest.raises(TeacherRefused, match=r"HTTP 404: model 'llama3\.2' not found, try pulling it first"):
        await connect(server, "llama3.2").ask(make_ask())


async def test_a_model_that_takes_its_time_to_load_is_waited_for(connect: Connect, ledger: Ledger) -> None:
    server = Ollama(always(GOOD), failures=[(503, "server busy, please try again.  maximum pending requests exceeded")])
    assert (await connect(server, "llama3.2").ask(make_ask(message=make_plan()))).faults == ()
    assert [call.status for call in ledger.calls()] == ["error", "ok"]


async def test_a_runner_that_dies_once_is_asked_again(connect: Connect, ledger: Ledger) -> None:
    server = Ollama(always(GOOD), failures=[(500, "llama runner process has terminated: exit status 2")])
    assert (await connect(server, "llama3.2").ask(make_ask())).faults == ()
    first, _ = ledger.calls()
    assert "llama runner process has terminated" in first.faults[0]
