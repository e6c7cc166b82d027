"""What is chosen from a large pool: from all of its lines, the same again, and nothing that must not be learned."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from evokd.graph.nodes import large_pool, pool_options
from evokd.graph.nodes.pool_selection import count_unlabelled, select_texts
from evokd.graph.pool import vectors
from evokd.graph.setup import unlabeled_pool
from evokd.graph.setup.domain import Domain, load_domain
from evokd.messages import InputError, PoolText
from evokd.student.protocol import VectorKind
from tests.graph.nodes.conftest import MakeToy
from tests.graph.nodes.toy_context import CountingStudent, ToyContext
from tests.graph.toy import write_rows, write_yaml
from tests.tracing.rows import sample

KEPT = 40
LINES = [f"{word} item {number} about {number % 7}" for number in range(100) for word in ("parcel", "refund", "login")]
RARE = [f"the zebra number {number} ate my homework" for number in range(3)]


class EmbeddingStudent(CountingStudent):
    """Remembers the sizes of the files of vectors that it wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[int] = []

    async def embed_file(self, base: str, texts: Sequence[str], kind: VectorKind, out: Path) -> None:
        self.written.append(len(texts))
        await super().embed_file(base, texts, kind, out)


MakePooled = Callable[..., tuple[ToyContext, EmbeddingStudent]]


@pytest.fixture
def pooled(make_toy: MakeToy, monkeypatch: pytest.MonkeyPatch) -> MakePooled:
    """Make a context whose pool has 300 lines and three of a rare kind, of which 40 are kept in memory."""
    monkeypatch.setattr(unlabeled_pool, "MOST", KEPT)
    monkeypatch.setattr(vectors, "SHARD", 128)
    for name, number in (("REPRESENTATIVE", 30), ("FRESH", 30), ("DOUBTFUL", 4), ("NEIGHBOURS", 3)):
        monkeypatch.setattr(pool_options, name, number)

    def make(with_held: bool = False, **pool: object) -> tuple[ToyContext, EmbeddingStudent]:
        toy = make_toy(curriculum={"pool": {"lines": None, **pool}})
        folder = toy.context.domain.folder
        lines = [*LINES, *RARE, *(_hold(toy.context.domain) if with_held else [])]
        random.Random(0).shuffle(lines)
        write_rows(folder / "pool.jsonl", [{"text": line} for line in lines])
        tree = yaml.safe_load((folder / "domain.yaml").read_text(encoding="utf-8"))
        write_yaml(folder / "domain.yaml", {**tree, "data": {**tree["data"], "pool": "pool.jsonl"}})
        student = EmbeddingStudent()
        domain = unlabeled_pool.add_pool(load_domain(folder), toy.context.settings)
        toy.context = replace(toy.context, domain=domain, student=student)
        return toy, student

    return make


def _hold(domain: Domain) -> list[str]:
    """Texts that must not be learned: a seed, a test text, nearly a validation text."""
    return [domain.seeds[0].text.upper(), domain.test[0].text, f"{domain.validation[1].text} ok"]


def reopened(toy: ToyContext, student: EmbeddingStudent) -> ToyContext:
    """The same run in another process: nothing is in memory."""
    context = replace(toy.context, large_pools=[], vectors={}, student=student)
    return replace(toy, context=context)


async def label(toy: ToyContext, texts: Sequence[PoolText], cycle: int) -> None:
    lesson = f"c{cycle:03d}-l01"
    drafts = [
        sample(f"{lesson}-d{number:02d}", cycle=cycle, lesson=lesson, text=item.text, source=item.source)
        for number, item in enumerate(texts, start=1)
    ]
    toy.add_lesson(lesson, drafts)


async def test_texts_are_chosen_from_all_lines_and_the_same_again(pooled: MakePooled) -> None:
    toy, student = pooled()
    assert count_unlabelled(toy.context, 1) == 303
    chosen = await select_texts(toy.context, 1, None, 12)
    assert len({item.source for item in chosen}) == 12
    assert {item.text for item in chosen} <= {*LINES, *RARE}
    assert {item.source for item in chosen} - {item.source for item in toy.context.domain.pool}
    assert student.written == [], "no neighbour is looked for yet"
    assert await select_texts(toy.context, 1, None, 12) == chosen


async def test_vectors_are_computed_once_the_student_has_doubts_and_never_again(pooled: MakePooled) -> None:
    toy, student = pooled()
    toy.teach("c000")
    chosen = await select_texts(toy.context, 2, "c000", 12)
    assert student.written == [128, 128, 47]
    assert toy.event("pool_embedded")["texts"] == 303
    again = EmbeddingStudent()
    assert await select_texts(reopened(toy, again).context, 2, "c000", 12) == chosen
    assert again.written == []


async def test_sources_name_the_line_of_the_file(pooled: MakePooled) -> None:
    toy, _ = pooled()
    lines = (toy.context.domain.folder / "pool.jsonl").read_text(encoding="utf-8").splitlines()
    for item in await select_texts(toy.context, 1, None, 5):
        name, _, number = item.source.partition(":")
        assert name == "pool.jsonl"
        assert item.text in lines[int(number) - 1]


async def test_no_text_is_labelled_twice_and_the_pool_can_be_used_up(pooled: MakePooled) -> None:
    toy, _ = pooled()
    toy.teach("c000")
    seen: set[str] = set()
    for cycle in range(1, 10):
        chosen = await select_texts(toy.context, cycle, "c000", 45)
        assert seen.isdisjoint(item.text for item in chosen)
        seen |= {item.text for item in chosen}
        await label(toy, chosen, cycle)
    assert seen == {*LINES, *RARE}
    assert await select_texts(toy.context, 11, "c000", 45) == []
    assert count_unlabelled(toy.context, 11) == 0


async def test_the_neighbours_of_doubtful_texts_are_found_among_all_lines(pooled: MakePooled) -> None:
    toy, _ = pooled(select="doubt")

    async def weigh(texts: Sequence[str]) -> np.ndarray:
        return np.array([1.0 if "zebra" in text else 0.0 for text in texts])

    found = await pool_options.find_options(toy.context, 2, set(), weigh)
    assert found is not None
    assert {item.text for item in found.items} >= set(RARE)
    assert found.worth is not None
    assert len(found.items) == len(found.vectors) == len(found.worth) > 60
    assert len({item.source for item in found.items}) == len(found.items)


@pytest.mark.parametrize("select", ["auto", "random"])
async def test_seeds_and_held_texts_and_their_near_copies_are_never_chosen(pooled: MakePooled, select: str) -> None:
    toy, _ = pooled(with_held=True, select=select)
    chosen = {item.text for cycle in (1, 2) for item in await select_texts(toy.context, cycle, None, 303)}
    assert len(chosen) > 50
    assert chosen <= {*LINES, *RARE}


async def test_random_texts_need_no_vectors(pooled: MakePooled) -> None:
    toy, student = pooled(select="random")
    chosen = await select_texts(toy.context, 1, None, 20)
    assert len({item.source for item in chosen}) == 20
    assert await select_texts(toy.context, 1, None, 20) == chosen != await select_texts(toy.context, 2, None, 20)
    assert student.written == []


async def test_a_limit_and_the_encoder_are_used(pooled: MakePooled) -> None:
    toy, student = pooled(lines=200, vectors="encoder")
    toy.teach("c000")
    assert len(await select_texts(toy.context, 2, "c000", 20)) == 20
    assert student.written == [128, 72]
    assert toy.event("pool_embedded")["vectors"] == "encoder"
    assert count_unlabelled(toy.context, 1) == 200


async def test_a_deleted_shard_is_computed_again_alone(pooled: MakePooled) -> None:
    toy, _ = pooled()
    toy.teach("c000")
    chosen = await select_texts(toy.context, 2, "c000", 12)
    next((toy.context.domain.folder / large_pool.CACHE).glob("*/words-*/00001.npy")).unlink()
    again = EmbeddingStudent()
    assert await select_texts(reopened(toy, again).context, 2, "c000", 12) == chosen
    assert again.written == [128]


async def test_where_nothing_can_be_written_beside_the_file_the_run_keeps_it(pooled: MakePooled) -> None:
    toy, _ = pooled()
    (toy.context.domain.folder / large_pool.CACHE).write_text("a file is in the way", encoding="utf-8")
    await select_texts(toy.context, 1, None, 12)
    assert (toy.context.folder.path / large_pool.CACHE / ".gitignore").read_text(encoding="utf-8") == "*\n"
    assert str(toy.context.folder.path) in toy.event("pool_opened")["folder"]


async def test_a_file_that_changed_after_the_check_is_refused(pooled: MakePooled) -> None:
    toy, _ = pooled()
    with (toy.context.domain.folder / "pool.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"text": "one line more"}\n')
    with pytest.raises(InputError, match=r"pool\.jsonl: has changed"):
        await select_texts(toy.context, 1, None, 12)
    assert not list((toy.context.domain.folder / large_pool.CACHE).glob("*/*"))


async def test_a_disk_without_room_is_told_before_anything_is_embedded(
    pooled: MakePooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy, student = pooled()
    monkeypatch.setattr(large_pool, "_count_features", lambda context: 2**50)
    with pytest.raises(InputError, match=r"GB are free; free some, or set a smaller curriculum\.pool\.lines"):
        await select_texts(toy.context, 1, None, 12)
    assert student.written == []
