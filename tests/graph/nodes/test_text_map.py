"""The map of texts: one projection for the whole run, and a run that goes on without it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from evokd.graph.nodes import text_map
from evokd.graph.nodes.curate import curate
from evokd.graph.nodes.text_map import BASIS, map_drafts, map_user_texts
from evokd.graph.nodes.train import train
from evokd.messages import PoolText
from evokd.student.process.client import StudentError
from evokd.tracing.view_rows import MAP, MapRecord
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import CountingStudent, ToyContext, accepted, make_state
from tests.graph.toy import LABELS
from tests.tracing.rows import sample


class _Counting(CountingStudent):
    """Remembers the texts that it embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []

    async def embed(self, base: str, texts: Sequence[str]) -> list[list[float]]:
        self.embedded += texts
        return await super().embed(base, texts)


class _Unable(CountingStudent):
    async def embed(self, base: str, texts: Sequence[str]) -> list[list[float]]:
        raise StudentError("memory runs short")


def with_pool(toy: ToyContext, student: CountingStudent | None = None, texts: int = 30) -> ToyContext:
    pool = tuple(PoolText(f"pool.jsonl:{number}", f"line {number} about a parcel") for number in range(1, texts + 1))
    toy.student = student or toy.student
    toy.context = replace(toy.context, domain=replace(toy.context.domain, pool=pool), student=toy.student)
    return toy


def read(toy: ToyContext, cycle: int) -> MapRecord:
    record = toy.context.ledger.cycle_record(cycle, MAP)
    assert record is not None
    assert len(record["ids"]) == len(record["points"])
    assert all(len(point) == 2 for point in record["points"])
    assert all(round(x, 4) == x for point in record["points"] for x in point)
    return record


async def test_drafts_are_mapped_when_they_are_curated_and_the_users_texts_with_the_first(make_toy: MakeToy) -> None:
    toy = with_pool(make_toy())
    await train(make_state(cycle=0, champion=None), toy.context)
    assert toy.context.ledger.cycle_record(0, MAP) is None, "training does not wait for it"
    domain = toy.context.domain
    drafts = [sample("c001-l01-d01", text=domain.seeds[0].text), sample("c001-l01-d02", text=domain.validation[0].text)]
    toy.add_lesson("c001-l01", [replace(draft, candidates=[LABELS[0]], label=None) for draft in drafts])
    toy.context.ledger.close_lesson("c001-l01", drafts=2, labelled=2, faults=[])
    await curate(make_state(), toy.context)
    own = read(toy, 0)
    seeds = [f"seed:s{number}" for number in range(1, len(domain.seeds) + 1)]
    rows = [f"validation:v{number}" for number in range(1, len(domain.validation) + 1)]
    assert own["ids"] == [*seeds, *rows, *(f"pool:{item.source}" for item in domain.pool)]
    texts = [item.text[:200] for item in (*domain.seeds, *domain.validation, *domain.pool)]
    assert own["texts"] == texts
    assert len({tuple(point) for point in own["points"]}) > 10
    assert {draft.state for draft in toy.context.ledger.samples()} == {"rejected"}
    record = read(toy, 1)
    assert record["ids"] == [draft.id for draft in drafts], "whatever became of them"
    assert record["points"] == [own["points"][0], own["points"][len(seeds)]]


async def test_texts_are_embedded_once_and_the_projection_is_fitted_once(make_toy: MakeToy) -> None:
    student = _Counting()
    toy = with_pool(make_toy(), student)
    await map_user_texts(toy.context)
    first, basis = read(toy, 0), toy.context.ledger.recall(BASIS)
    toy.add_lesson("c001-l01", [accepted("c001-l01-d01", text=toy.context.domain.pool[3].text)])
    await map_drafts(toy.context, 1)
    await map_drafts(toy.context, 1)
    assert len(student.embedded) == len(set(student.embedded))
    toy.context = replace(toy.context, domain=replace(toy.context.domain, pool=toy.context.domain.pool[:5]))
    await map_user_texts(toy.context)
    assert toy.context.ledger.recall(BASIS) == basis
    assert read(toy, 0)["points"] == first["points"][: len(read(toy, 0)["points"])]


async def test_a_run_of_an_earlier_version_gets_its_map_with_the_next_drafts(make_toy: MakeToy) -> None:
    toy = with_pool(make_toy())
    toy.add_lesson("c002-l01", [accepted("c002-l01-d01")])
    await map_drafts(toy.context, 2)
    assert read(toy, 2)["ids"] == ["c002-l01-d01"]
    assert read(toy, 0)["ids"]


async def test_a_student_that_cannot_embed_leaves_the_map_out(make_toy: MakeToy) -> None:
    toy = with_pool(make_toy(), _Unable())
    assert await train(make_state(cycle=0, champion=None), toy.context) == {"challenger": "c000"}
    toy.add_lesson("c001-l01", [accepted("c001-l01-d01")])
    await map_drafts(toy.context, 1)
    assert [toy.context.ledger.cycle_record(cycle, MAP) for cycle in (0, 1)] == [None, None]


async def test_of_many_texts_some_at_equal_distances_are_mapped(
    make_toy: MakeToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy = with_pool(make_toy(), texts=100)
    monkeypatch.setattr(text_map, "MOST_TEXTS", 40)
    await map_user_texts(toy.context)
    pool = [name for name in read(toy, 0)["ids"] if name.startswith("pool:")]
    assert pool == [f"pool:pool.jsonl:{number}" for number in range(1, 101, 3)]
