"""What a run leaves behind."""

from dataclasses import replace

import pytest

from evokd.graph.nodes.publish import REFIT, publish
from evokd.tracing.rows import REFITTING
from evokd.tracing.summary import read_summary
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import ToyContext, accepted, make_state
from tests.graph.toy import read_rows

STATE = make_state(champion="c001", challenger=None, decision={"next": "publish", "reason": "cycles"})


def end_run(toy: ToyContext) -> None:
    toy.context.folder.events.touch()
    toy.teach_nonsense("c000")
    toy.teach("c001")
    toy.add_lesson("c001-l01", [accepted("c001-l01-d01"), accepted("c001-l01-d02", state="rejected")])


async def test_champion_data_set_and_scores_are_handed_over(make_toy: MakeToy) -> None:
    toy = make_toy(publish={"refit": False})
    end_run(toy)
    assert await publish(STATE, toy.context) == {}
    folder = toy.context.folder
    assert (folder.student / "words.json").read_bytes() == (folder.version("c001") / "words.json").read_bytes()
    assert "## Scores" in (folder.student / "README.md").read_text(encoding="utf-8")
    (row,) = read_rows(folder.dataset)
    assert (row["id"], row["cycle"], row["lesson"], row["origin"]) == ("c001-l01-d01", 1, "c001-l01", "written")
    summary = read_summary(folder.summary)
    assert summary is not None
    assert (summary["champion"], summary["stop_reason"], summary["refit"]) == ("c001", "cycles", 0)
    for split in ("validation", "test"):
        assert summary["start"][split]["macro_f1"] < summary["final"][split]["macro_f1"]
    assert toy.student.jobs == []


async def test_the_last_training_takes_in_the_validation_rows_and_is_scored_on_test_data_alone(
    make_toy: MakeToy,
) -> None:
    toy = make_toy(student={"regime": "base"})
    end_run(toy)
    await publish(STATE, toy.context)
    (job,) = toy.student.jobs
    names = [item.id.split("-")[0] for item in job.examples]
    domain = toy.context.domain
    assert names.count("seed") == len(domain.seeds)
    assert names.count("validation") == len(domain.validation)
    assert names.count("c001") == 1
    assert not {row.text for row in domain.test} & {item.text for item in job.examples}
    rows, held = len(domain.validation), len(domain.test)
    assert toy.student.calls == [("c000", rows), ("c000", held), ("c001", rows), (REFIT, held)]
    assert toy.context.ledger.cycle_record(1, REFITTING) is not None
    assert toy.event("refit")["rows"] == rows


@pytest.mark.parametrize("rows", [0, 30])
async def test_scores_that_the_run_has_stored_are_not_computed_again(rows: int, make_toy: MakeToy) -> None:
    toy = make_toy(publish={"refit": False})
    toy.context = replace(
        toy.context, domain=replace(toy.context.domain, validation=toy.context.domain.validation[:rows])
    )
    end_run(toy)
    await publish(STATE, toy.context)
    asked = len(toy.student.calls)
    assert asked == (4 if rows else 2)
    await publish(STATE, toy.context)
    assert len(toy.student.calls) == asked
