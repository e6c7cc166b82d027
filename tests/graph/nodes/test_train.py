"""What a challenger is trained on."""

from pathlib import Path

import pytest

from evokd.graph.nodes.train import train
from evokd.tracing.rows import REVIEW, TRAINING
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import ToyContext, accepted, make_state

BASE = {"student": {"regime": "base"}}
CONTINUE = {"student": {"regime": "continue", "replay": 0.5}}


def add_samples(toy: ToyContext) -> None:
    """Two samples of cycle 1, one of them set aside for the gate, and three of cycle 2, one of them rejected."""
    first = [accepted("c001-l01-d01"), accepted("c001-l01-d02", purpose="gate")]
    toy.add_lesson("c001-l01", first)
    second = [accepted("c002-l01-d01"), accepted("c002-l01-d02"), accepted("c002-l01-d03", state="rejected")]
    toy.add_lesson("c002-l01", second)


def seed_ids(toy: ToyContext) -> list[str]:
    return [f"seed-{number}" for number in range(len(toy.context.domain.seeds))]


async def test_the_first_student_learns_the_seeds_alone(make_toy: MakeToy) -> None:
    toy = make_toy()
    assert await train(make_state(cycle=0, champion=None), toy.context) == {"challenger": "c000"}
    (job,) = toy.student.jobs
    assert [item.id for item in job.examples] == seed_ids(toy)
    assert all(item.trusted for item in job.examples)
    assert (job.start, job.replay) == (None, [])
    record = toy.context.ledger.cycle_record(0, TRAINING)
    assert record is not None
    assert record["samples"] == len(toy.context.domain.seeds)
    assert (toy.context.folder.version("c000") / "words.json").is_file()


async def test_nothing_is_trained_where_a_cycle_brought_nothing(make_toy: MakeToy) -> None:
    toy = make_toy()
    toy.add_lesson("c001-l01", [accepted("c001-l01-d01", state="rejected")])
    assert await train(make_state(), toy.context) == {"challenger": None}
    assert toy.student.jobs == []
    assert toy.context.ledger.cycle_record(1, TRAINING) is None


async def test_from_the_base_a_student_learns_seeds_and_all_samples_for_training(make_toy: MakeToy) -> None:
    toy = make_toy(**BASE)
    add_samples(toy)
    assert await train(make_state(cycle=2, champion="c001"), toy.context) == {"challenger": "c002"}
    (job,) = toy.student.jobs
    assert [item.id for item in job.examples] == [*seed_ids(toy), "c001-l01-d01", "c002-l01-d01", "c002-l01-d02"]
    assert job.start is None


@pytest.mark.parametrize(("reviewed", "replayed"), [(["c001-l01-d01"], ["c001-l01-d01"]), ([], [])])
async def test_a_student_that_continues_learns_the_cycle_and_replays_what_review_chose(
    reviewed: list[str], replayed: list[str], make_toy: MakeToy
) -> None:
    toy = make_toy(**CONTINUE)
    add_samples(toy)
    toy.teach("c001")
    toy.context.ledger.put_cycle_record(2, REVIEW, {"samples": reviewed})
    await train(make_state(cycle=2, champion="c001"), toy.context)
    (job,) = toy.student.jobs
    assert [item.id for item in job.examples] == ["c002-l01-d01", "c002-l01-d02"]
    assert [item.id for item in job.replay] == [*seed_ids(toy), *replayed]
    assert Path(str(job.start)) == toy.context.folder.version("c001")
