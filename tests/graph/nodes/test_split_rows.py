"""The user's rows in the record: in the order of the stored answers, each split written by one node."""

from dataclasses import replace

import pytest

from evokd.graph.nodes import split_rows
from evokd.graph.nodes.gate import gate
from evokd.graph.nodes.publish import publish
from evokd.graph.nodes.split_rows import Split, store_rows
from evokd.graph.nodes.train import train
from evokd.tracing.rows import TRAINING, answers_of, scores_of
from evokd.tracing.view_rows import SplitRecord, rows_of
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import ToyContext, accepted, make_state

SPLITS: tuple[Split, ...] = ("seeds", "validation", "test")


def stored(toy: ToyContext, split: Split) -> SplitRecord | None:
    return toy.context.ledger.cycle_record(0, rows_of(split))


def have_rows(toy: ToyContext) -> list[Split]:
    return [split for split in SPLITS if stored(toy, split) is not None]


async def test_seeds_come_with_the_first_training_validation_data_with_its_gate_and_test_data_at_the_end(
    make_toy: MakeToy,
) -> None:
    toy = make_toy(publish={"refit": False})
    await train(make_state(cycle=0, champion=None), toy.context)
    assert have_rows(toy) == ["seeds"]
    await gate(make_state(cycle=0, champion=None, challenger="c000"), toy.context)
    assert have_rows(toy) == ["seeds", "validation"]
    toy.add_lesson("c001-l01", [accepted("c001-l01-d01")])
    await train(make_state(champion="c000"), toy.context)
    await gate(make_state(), toy.context)
    assert have_rows(toy) == ["seeds", "validation"]
    toy.context.folder.events.touch()
    await publish(make_state(decision={"next": "publish", "reason": "cycles"}), toy.context)
    assert have_rows(toy) == [*SPLITS]


@pytest.mark.parametrize(("split", "prefix"), [("seeds", "s"), ("validation", "v"), ("test", "t")])
def test_a_row_has_its_name_its_text_and_its_right_answer(split: Split, prefix: str, make_toy: MakeToy) -> None:
    toy = make_toy()
    for _ in range(2):
        store_rows(toy.context, split)
    record = stored(toy, split)
    examples = getattr(toy.context.domain, split)
    assert record == {
        "rows": [
            {"id": f"{prefix}{number}", "text": example.text, "gold": example.gold}
            for number, example in enumerate(examples, start=1)
        ]
    }


async def test_scores_can_be_computed_from_rows_and_answers(make_toy: MakeToy) -> None:
    toy = make_toy()
    toy.teach("c000")
    toy.context.ledger.put_cycle_record(
        0, TRAINING, {"tune": "head", "samples": 1, "steps": 1, "seconds": 0.1, "loss": 0.5}
    )
    await gate(make_state(cycle=0, champion=None, challenger="c000"), toy.context)
    record, answers = stored(toy, "validation"), toy.context.ledger.cycle_record(0, answers_of("validation", "c000"))
    assert record is not None
    assert answers is not None
    gold, given = [row["gold"] for row in record["rows"]], [answer for answer, _ in answers["answers"]]
    scores = toy.context.domain.codec.evaluate(gold, given).model_dump(mode="json")
    assert scores == toy.context.ledger.cycle_record(0, scores_of("validation", "c000"))


def test_rows_of_a_large_split_are_counted_and_left_out(make_toy: MakeToy, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = make_toy()
    count = len(toy.context.domain.test)
    monkeypatch.setattr(split_rows, "MOST_ROWS", count - 1)
    store_rows(toy.context, "test")
    assert stored(toy, "test") == {"rows": [], "left_out": count}


def test_a_split_without_rows_has_no_record(make_toy: MakeToy) -> None:
    toy = make_toy()
    toy.context = replace(toy.context, domain=replace(toy.context.domain, validation=()))
    store_rows(toy.context, "validation")
    assert stored(toy, "validation") is None
