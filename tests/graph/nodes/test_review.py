"""Which older samples may come back into a training."""

from evokd.graph.nodes.review import review
from evokd.tracing.rows import REVIEW
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import accepted, make_state


async def test_older_training_samples_alone_may_come_back(make_toy: MakeToy) -> None:
    toy = make_toy()
    first = [accepted("c001-l01-d01"), accepted("c001-l01-d02", purpose="gate")]
    toy.add_lesson("c001-l01", [*first, accepted("c001-l01-d03", state="tombstoned")])
    toy.add_lesson("c002-l01", [accepted("c002-l01-d01")])
    assert await review(make_state(cycle=2), toy.context) == {}
    assert toy.context.ledger.cycle_record(2, REVIEW) == {"samples": ["c001-l01-d01"]}


async def test_of_many_some_are_drawn_the_same_each_time(make_toy: MakeToy) -> None:
    toy = make_toy(curriculum={"review": 5})
    names = [f"c001-l01-d{number:02d}" for number in range(1, 21)]
    toy.add_lesson("c001-l01", [accepted(name) for name in names])
    records = []
    for _ in range(2):
        await review(make_state(cycle=2), toy.context)
        records.append(toy.context.ledger.cycle_record(2, REVIEW))
    assert records[0] == records[1]
    assert records[0] is not None
    drawn = records[0]["samples"]
    assert len(set(drawn)) == 5
    assert drawn == sorted(drawn)
    assert set(drawn) < set(names)
