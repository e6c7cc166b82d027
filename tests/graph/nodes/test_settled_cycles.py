"""Settled cycles are read once: what a cycle reads, checks and hands over anew does not grow with the run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest

from evokd.graph.nodes import analyze as planning
from evokd.graph.nodes import training_set
from evokd.graph.nodes.analyze import analyze
from evokd.graph.nodes.examine import examine
from evokd.graph.nodes.publish import publish
from evokd.graph.nodes.review import review
from evokd.graph.nodes.settled_cycles import settle
from evokd.graph.nodes.train import train
from evokd.graph.settled import SettledCycles
from evokd.tracing.ledger import Ledger
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import ToyContext, accepted, make_state
from tests.tracing.rows import call

SIZE = 30
"""Samples of a cycle."""
CYCLES = 12


def add_cycle(toy: ToyContext, cycle: int) -> None:
    """Store a lesson with its calls, its samples, some of them real, refused or set aside, and the student's record."""
    lesson = f"c{cycle:03d}-l01"
    names = [f"{lesson}-d{number:02d}" for number in range(1, SIZE + 1)]
    first, second, *rest = names
    samples = [
        accepted(first, purpose="gate"),
        accepted(second, source=f"pool.jsonl:{cycle}", kind="real", confidence=0.9, label_call="x"),
        *(accepted(name, label_call="x") for name in rest[:-2]),
        replace(accepted(rest[-2]), label=None, state="rejected", reason="disputed", label_call="x", disputed=True),
        replace(accepted(rest[-1]), label=None, state="rejected", reason="refused_by_reviewer"),
    ]
    toy.add_lesson(lesson, samples)
    toy.context.ledger.record_call(call(f"{lesson}-labeler-1", key=lesson, cycle=cycle, role="labeler", span=lesson))


@dataclass
class Work:
    """What was done about rows of the ledger."""

    read: int = 0
    """Rows that queries gave back."""
    made: int = 0
    """Samples that were prepared for a training."""


@contextmanager
def counted(ledger: Ledger) -> Iterator[Work]:
    """Count rows that are read, and samples that are prepared."""
    work = Work()
    read, prepare = ledger._store.read, training_set._to_example

    def counted_read(query: str, values: Any = ()) -> Any:
        rows = read(query, values)
        work.read += len(rows)
        return rows

    def counted_prepare(*given: Any) -> Any:
        work.made += 1
        return prepare(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger._store, "read", counted_read)
        patch.setattr(training_set, "_to_example", counted_prepare)
        yield work


async def run_cycle(toy: ToyContext, cycle: int) -> tuple[Work, Work]:
    """Plan, fill and train a cycle; says what its planning and its training took."""
    state = make_state(cycle=cycle, champion="c000")
    with counted(toy.context.ledger) as planned:
        await analyze(state, toy.context)
    add_cycle(toy, cycle)
    with counted(toy.context.ledger) as trained:
        if toy.context.settings.student.regime == "continue":
            await review(state, toy.context)
        await train(state, toy.context)
    await examine(state, toy.context)
    return planned, trained


@pytest.mark.parametrize("regime", ["base", "continue"])
async def test_a_late_cycle_reads_and_prepares_no_more_than_an_early_one(
    regime: str, make_toy: MakeToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "NEWEST", 2 * SIZE)
    toy = make_toy(
        student={"regime": regime, "replay": 0.5}, curriculum={"weaknesses": 0, "compete": True, "review": SIZE}
    )
    toy.teach_nonsense("c000")
    await examine(make_state(cycle=0), toy.context)
    work = {cycle: await run_cycle(toy, cycle) for cycle in range(1, CYCLES + 1)}
    assert work[CYCLES] == work[4]
    planned, trained = work[CYCLES]
    assert 0 < planned.made <= SIZE, "the cycle before, which has just been settled"
    assert planned.read < 6 * SIZE
    assert (trained.made, trained.read < 2 * SIZE) == (SIZE - 3, True), "the new samples alone"
    job = toy.student.jobs[-1]
    older = (CYCLES - 1) * (SIZE - 3) if regime == "base" else SIZE
    assert len(job.examples) + len(job.replay) == len(toy.context.domain.seeds) + older + SIZE - 3
    with counted(toy.context.ledger) as resumed:
        settle(replace(toy.context, settled=SettledCycles()), CYCLES + 1)
    assert resumed.made == CYCLES * (SIZE - 3), "whoever resumes reads all, once"


async def test_publishing_reads_each_accepted_sample_once_and_the_last_cycle_again(make_toy: MakeToy) -> None:
    toy = make_toy(publish={"refit": True}, curriculum={"weaknesses": 0})
    toy.teach_nonsense("c000")
    await examine(make_state(cycle=0), toy.context)
    for cycle in range(1, CYCLES + 1):
        await run_cycle(toy, cycle)
    state = make_state(cycle=CYCLES, champion="c000", decision={"next": "publish", "reason": "cycles"})
    samples = len(toy.context.ledger.samples(state="accepted"))
    assert samples == CYCLES * (SIZE - 2)
    with counted(toy.context.ledger) as work:
        await publish(state, toy.context)
    real, summed_up = CYCLES, 20
    assert work.read < samples + 2 * SIZE + real + summed_up * CYCLES
    assert work.made == SIZE - 3, "those of the last cycle"
    (job,) = [job for job in toy.student.jobs if job.out.endswith("refit")]
    trained = [item.id for item in job.examples if item.id.startswith("c0")]
    assert trained == [row.id for row in toy.context.ledger.samples(state="accepted", purpose="train")]


async def test_what_is_settled_is_the_same_read_bit_by_bit_or_at_once(make_toy: MakeToy) -> None:
    toy = make_toy()
    for cycle in range(1, 5):
        add_cycle(toy, cycle)
        settle(toy.context, cycle)
    settled = settle(toy.context, 5)
    assert settle(toy.context, 5) is settled
    at_once = settle(replace(toy.context, settled=SettledCycles()), 5)
    assert at_once == settled
    assert (settled.drafts, settled.labelled, settled.accepted.total()) == (4 * SIZE, 4 * SIZE, 4 * (SIZE - 2))
    assert (settled.checked, settled.disputed) == (4 * (SIZE - 3), 4)
    assert (settled.real, len(settled.refused)) == ([f"c{cycle:03d}-l01-d02" for cycle in range(1, 5)], 4)
    assert settled.tokens == {"plain": 4 * 110}
    assert settled.sources == {f"pool.jsonl:{cycle}" for cycle in range(1, 5)}


async def test_a_graph_that_is_sent_back_forgets_what_is_no_longer_settled(make_toy: MakeToy) -> None:
    toy = make_toy()
    for cycle in (1, 2):
        add_cycle(toy, cycle)
    settle(toy.context, 3)
    toy.context.ledger.update_samples([("c002-l01-d03", {"state": "tombstoned", "reason": "rolled_back"})])
    assert max(example.id for example in settle(toy.context, 2).examples) < "c002"
    assert "c002-l01-d03" not in settle(toy.context, 3).places
