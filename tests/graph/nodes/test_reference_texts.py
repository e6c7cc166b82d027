"""What the Labeler is shown beside the texts: the user's own rows that are most like them."""

from types import SimpleNamespace
from typing import Any

import pytest

from evokd.agents.output_schemas import output_schema
from evokd.graph.nodes.reference_texts import guide_labeler, real_lines, show_examples, take_blank
from evokd.graph.setup.domain_files import GUIDE
from evokd.graph.setup.run_settings import Settings
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.registry import codec

NUMBERS = {"cold": 0.0, "warm": 1.0, "hot": 2.0, "ice": 0.1, "sun": 1.9}


class Thermometer:
    """Reads a text as a direction by its first word."""

    async def embed(self, base: str, texts: list[str]) -> list[list[float]]:
        import math

        angles = [NUMBERS[text.split()[0]] for text in texts]
        return [[math.cos(angle), math.sin(angle)] for angle in angles]


@pytest.fixture
def context(tmp_path: Any) -> Any:
    seeds = tuple(LabeledExample(f"{word} {number}", "a") for word in ("cold", "warm", "hot") for number in range(4))
    return SimpleNamespace(
        settings=Settings(),
        briefing=SimpleNamespace(form=output_schema("classification")),
        student=Thermometer(),
        vectors={},
        domain=SimpleNamespace(seeds=seeds, pool=(), codec=codec("classification", ["a", "b"])),
        folder=SimpleNamespace(guide=tmp_path / GUIDE),
        ledger=SimpleNamespace(vouched_rows=list),
    )


def show(context: Any, count: int, tokens: int = 600) -> None:
    curriculum = context.settings.curriculum.model_copy(update={"label_examples": count, "example_tokens": tokens})
    context.settings = context.settings.model_copy(update={"curriculum": curriculum})


async def test_the_rows_most_like_the_texts_are_shown(context: Any) -> None:
    show(context, 4)
    for text, word in (("ice age", "cold"), ("sun down", "hot")):
        found = await guide_labeler(context, [text], 1)
        assert {row.text.split()[0] for row in found.examples} == {word}
        assert len(found.examples) == 4


async def test_few_rows_are_all_shown_as_far_as_they_fit(context: Any) -> None:
    show(context, 20)
    assert len((await guide_labeler(context, ["ice age"], 1)).examples) == 12
    show(context, 20, tokens=6)
    assert len((await guide_labeler(context, ["ice age"], 1)).examples) == 4, "six characters each, four to a token"
    show(context, 0)
    assert (await guide_labeler(context, ["ice age"], 1)).examples == []


async def test_the_guide_of_the_run_is_shown(context: Any) -> None:
    assert (await guide_labeler(context, ["ice age"], 1)).guide == {}
    context.folder.guide.write_text("a: takes in the cold\n", encoding="utf-8")
    assert (await guide_labeler(context, ["ice age"], 1)).guide == {"a": "takes in the cold"}


def test_seeds_set_the_tone_only_where_they_are_many(context: Any) -> None:
    assert real_lines(context) == []
    context.domain.seeds = context.domain.seeds * 2
    assert len(real_lines(context)) == 24
    context.domain.pool = (SimpleNamespace(text="a line"),)
    assert real_lines(context) == ["a line"]


async def test_where_answers_are_sets_a_row_without_labels_is_among_the_rows_shown(context: Any) -> None:
    rows = [*(LabeledExample(f"ice {number}", ["a"]) for number in range(9)), LabeledExample("hot day", [])]
    context.domain = SimpleNamespace(seeds=rows, pool=(), codec=codec("multilabel", ["a", "b"]))
    context.briefing = SimpleNamespace(form=output_schema("multilabel"))
    show(context, 4)
    found = (await guide_labeler(context, ["cold age"], 1)).examples
    assert [row.gold for row in found] == [["a"], ["a"], ["a"], []]
    assert [] in [row.gold for row in show_examples(context, 2, 600, 1)]


def test_the_nearest_row_without_labels_takes_the_last_place() -> None:
    assert take_blank([3, 0, 2, 1], [False, True, True, False], 2) == [3, 2]
    assert take_blank([3, 0, 2, 1], [False, True, True, False], 1) == [3, 0, 2, 1]
    assert take_blank([3, 0, 2, 1], [True, False, False, False], 2) == [3, 0, 2, 1]
    assert take_blank([3, 0, 2, 1], [False] * 4, 2) == [3, 0, 2, 1]
