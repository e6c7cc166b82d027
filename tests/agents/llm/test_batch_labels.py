"""5,000 labels by batch over HTTP: 3 % of the calls fail, a batch expires, and the run is stopped in between."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from evokd.agents import labeler
from evokd.agents.llm.client import Teacher
from evokd.cli.views.run_sentences import describe_costs
from evokd.messages import BY_BATCH
from evokd.simulator.batches import BatchScript
from evokd.tracing.ledger import Ledger
from evokd.tracing.summary import build_summary
from tests.agents.asks import LABELS, brief, make_settings
from tests.conftest import ServeApp
from tests.servers.batches import DIRECT, PRICES, BatchServer
from tests.tracing.test_summary import FACTS, FINAL, START

TEXTS, SIZE, BATCH = 5_000, 20, 100


def right_label(text: str) -> str:
    return list(LABELS)[int(text.split()[-1]) % len(LABELS)]


def judge(message: Mapping[str, Any]) -> dict[str, Any]:
    drafts = message["drafts"]
    verdicts = [{"id": item["id"], "labels": [right_label(item["text"])], "confidence": 0.9} for item in drafts]
    return {"verdicts": verdicts}


async def label_all(teacher: Teacher) -> dict[str, str]:
    """Label all texts as the lessons of a cycle do, all at the same time; text id -> label."""
    briefing, lessons = brief(), []
    for first in range(0, TEXTS, SIZE):
        texts = {f"d{number}": f"letter {number}" for number in range(first, first + SIZE)}
        lessons.append(labeler.label(teacher, briefing, texts, 1, f"c001-l{first // SIZE:03d}", first))
    labels: dict[str, str] = {}
    for labelling in await asyncio.gather(*lessons):
        labels |= {name: label.candidates[0] for name, label in labelling.labels.items()}
    return labels


async def test_all_is_labelled_at_half_the_price_and_nothing_is_paid_for_twice(
    ledger: Ledger, serve_app: ServeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evokd.agents.llm.batch_queue.MOST_ROWS", BATCH)
    script = BatchScript(
        seconds=0.3,
        fail=lambda _, row: 500 if row % 33 == 7 else None,
        end=lambda batch: "expired" if batch == 1 else "completed",
    )
    server = BatchServer(judge, script)
    settings = make_settings(
        base_url=f"{serve_app(server.app)}/v1", batch=True, batch_poll=0.05, batch_tries=5, prices=PRICES
    )
    first = Teacher(settings, ledger, batches=ledger)
    stopped = asyncio.create_task(label_all(first))
    while len(server.sizes) < 3:
        await asyncio.sleep(0.01)
    await first.land(asyncio.Event(), lambda *_: None)
    stopped.cancel()
    with suppress(asyncio.CancelledError):
        await stopped
    await first.close()

    second = Teacher(settings, ledger, batches=ledger)
    labels = await label_all(second)
    await second.close()
    assert labels == {f"d{number}": right_label(f"letter {number}") for number in range(TEXTS)}
    assert set(server.paid.values()) == {1}, "no call got two replies"
    assert (sum(server.paid.values()), len(server.direct)) == (TEXTS // SIZE - 1, 1)
    assert "expired" in {batch["status"] for batch in server.desk.batches}
    failed = [call for call in ledger.calls() if call.status == "error"]
    assert len(failed) >= 50 + 6, "half of the expired batch, and 3 % of the others"
    assert all(call.input_tokens == call.output_tokens == 0 and BY_BATCH in call.flags for call in failed)

    totals = build_summary(ledger, FACTS, START, FINAL)["totals"]
    assert totals["batch"] == {
        "calls": 249,
        "cost_usd": pytest.approx(249 * DIRECT / 2),
        "saved_usd": pytest.approx(249 * DIRECT / 2),
    }
    assert totals["cost_usd"] == pytest.approx(DIRECT + 249 * DIRECT / 2)
    told = describe_costs(build_summary(ledger, FACTS, START, FINAL))
    assert told.endswith("; 249 calls by batch for 0.1494 USD, 0.1494 less than direct")
