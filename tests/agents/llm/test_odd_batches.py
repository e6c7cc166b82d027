"""Batches that end in odd ways: files listed late, outcomes twice, missing or of others; no reply is paid for twice."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import pytest

from evokd.agents.llm.attempt import TeacherRefused
from evokd.agents.llm.client import LLMResponse, Teacher
from evokd.simulator import batches
from evokd.simulator.batches import BatchDesk, BatchScript
from evokd.simulator.bodies import write_json
from evokd.simulator.requests import RequestError
from evokd.tracing.ledger import Ledger
from tests.agents.asks import URL, make_ask, make_drafts, make_settings
from tests.servers.batches import PRICES, BatchServer

COUNT = 7
"""Calls; the first one is made directly, since it finds out what the server accepts."""
Told = dict[str, Any]
Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of seconds take milliseconds."""
    real = asyncio.sleep
    monkeypatch.setattr("evokd.agents.llm.batch_api.asyncio.sleep", lambda seconds: real(min(seconds, 0.01)))


@pytest.fixture
async def ask(ledger: Ledger) -> AsyncIterator[Ask]:
    """Ask such a server, each time as a new process does; keywords change the settings."""
    opened: list[Teacher] = []

    async def ask_all(server: BatchServer, **changes: Any) -> list[LLMResponse[Any]]:
        fields = {"batch": True, "batch_poll": 0.02, "prices": PRICES, "limits": {"patience": 30.0}, **changes}
        opened.append(Teacher(make_settings(**fields), ledger, httpx2.ASGITransport(app=server.app), batches=ledger))
        asks = [make_ask(span=f"c1-l{number}", seed=10 * number) for number in range(COUNT)]
        return list(await asyncio.gather(*(opened[-1].ask(one) for one in asks)))

    yield ask_all
    for teacher in opened:
        await teacher.close()


def serve(end: str = "completed") -> BatchServer:
    return BatchServer(
        lambda _: make_drafts("the app crashes"), BatchScript(end=lambda number: (number and "completed") or end)
    )


def change_batches(monkeypatch: pytest.MonkeyPatch, change: Callable[[Told], Any]) -> None:
    """Change what the server says of batches that have ended."""
    tell = batches._Batch.tell

    def told(batch: Any) -> Told:
        shown = tell(batch)
        if batch.status not in batches._STEPS:
            change(shown)
        return shown

    monkeypatch.setattr(batches._Batch, "tell", told)


def change_files(monkeypatch: pytest.MonkeyPatch, change: Callable[[list[Told]], list[Told]]) -> None:
    """Change the outcomes in every file."""
    keep = BatchDesk._keep

    def kept(desk: BatchDesk, purpose: str, content: bytes) -> str:
        if purpose == "batch_output":
            rows = change([json.loads(line) for line in content.splitlines()])
            content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        return keep(desk, purpose, content)

    monkeypatch.setattr(BatchDesk, "_keep", kept)


def check_paid_once(server: BatchServer, answers: list[LLMResponse[Any]]) -> None:
    assert all(answer.reply is not None for answer in answers)
    assert set(server.paid.values()) == {1}
    assert sum(server.paid.values()) + len(server.direct) == COUNT


@pytest.mark.parametrize(
    ("counts", "end"), [("counted", "completed"), ("uncounted", "completed"), ("counted", "expired")]
)
async def test_files_that_are_listed_late_are_waited_for(
    counts: str, end: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    def hide(shown: Told) -> None:
        looks.append(shown["id"])
        if counts == "uncounted":
            shown["request_counts"] = None
        if len(looks) < 4:
            shown["output_file_id"] = None
        if len(looks) < 2:
            shown["error_file_id"] = None

    server = serve(end)
    change_batches(monkeypatch, hide)
    check_paid_once(server, await ask(server))


@pytest.mark.parametrize(
    ("path", "told"), [("_download", "No such File object"), ("_look", "No batch found")], ids=["file", "batch"]
)
async def test_what_a_server_has_made_and_does_not_know_at_once_is_asked_for_again(
    path: str, told: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = getattr(BatchDesk, path), list[str]()

    async def late(desk: BatchDesk, request: Any) -> Any:
        asked.append(path)
        if len(asked) < 3:
            raise RequestError(told, None, 404)
        return await real(desk, request)

    monkeypatch.setattr(BatchDesk, path, late)
    server = serve()
    check_paid_once(server, await ask(server))
    assert len(asked) >= 3


def as_text(rows: list[Told]) -> list[Told]:
    """The status as digits in quotes."""
    return [
        {**row, "response": {**row["response"], "status_code": str(row["response"]["status_code"])}} for row in rows
    ]


def without_status(rows: list[Told]) -> list[Told]:
    return [{**row, "response": {"body": row["response"]["body"]}} for row in rows]


def failed_as_well(rows: list[Told]) -> list[Told]:
    """Every outcome twice, the second time as if it had failed."""
    return [*rows, *({**row, "response": None, "error": {"code": "late"}} for row in rows)]


def with_strangers(rows: list[Told]) -> list[Told]:
    return [*rows, *({**row, "custom_id": f"x{row['custom_id']}"} for row in rows)]


@pytest.mark.parametrize("change", [as_text, without_status, failed_as_well, with_strangers])
async def test_outcomes_in_odd_forms_are_used(
    change: Callable[[list[Told]], list[Told]], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_files(monkeypatch, change)
    server = serve()
    check_paid_once(server, await ask(server))


async def test_a_cancellation_in_american_spelling_is_the_end(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    change_batches(monkeypatch, lambda shown: shown.update(status=shown["status"].replace("cancelled", "canceled")))
    server = serve("cancelled")
    check_paid_once(server, await ask(server))


async def test_a_failed_batch_with_replies_is_read(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    change_batches(monkeypatch, lambda shown: shown.update(status="failed"))
    server = serve()
    check_paid_once(server, await ask(server))


async def test_replies_count_where_the_file_of_errors_cannot_be_read(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve("expired")
    change_batches(monkeypatch, lambda shown: shown.update(error_file_id="file-gone"))
    check_paid_once(server, await ask(server))


@pytest.mark.parametrize("change", [lambda rows: rows[:2], lambda rows: [{**row, "custom_id": "x"} for row in rows]])
async def test_replies_that_never_come_stop_the_run_and_those_that_came_count(
    change: Callable[[list[Told]], list[Told]], ask: Ask, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_files(monkeypatch, change)
    server, came = serve(), len(change([{}, {}, {}])) % 3
    told = (
        rf"has ended, but its files lack replies that it has counted; {COUNT - 1 - came} calls are in that batch: .*off"
    )
    with pytest.raises(TeacherRefused, match=told.replace(".*off", ".*batch=false gives the batch up")):
        await ask(server, limits={"patience": 0.1})
    assert (server.sizes, len(server.direct)) == ([COUNT - 1], 1)
    answers = await ask(server, batch=False, limits={"patience": 0.1})
    assert all(answer.reply is not None for answer in answers)
    assert (server.sizes, len(server.direct)) == ([COUNT - 1], COUNT - came), "what came is not asked for again"
    assert ledger.open_batches(URL, "m-1") == []


@pytest.mark.parametrize("path", ["_upload", "_make"])
async def test_an_answer_without_an_id_is_asked_for_again(path: str, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    real, answers = getattr(BatchDesk, path), list[str]()

    async def without_id(desk: BatchDesk, request: Any) -> Any:
        answer = await real(desk, request)
        answers.append(path)
        return write_json({**json.loads(answer.body), "id": None}) if len(answers) == 1 else answer

    monkeypatch.setattr(BatchDesk, path, without_id)
    server = serve()
    check_paid_once(server, await ask(server))
    assert len(server.sizes) == 1
