from typing import get_args

import pytest

from evokd.agents.lesson_checks import mode_fault
from evokd.messages import Entity, Example, LessonMode
from tests.agents.entity_asks import entities, example, plan_entities

LOG = example(
    "On Friday Robin Vale counted two robins at Low Moss before the rain came.",
    "Robin Vale/person",
    "robins/species",
    "Low Moss/site",
)
NOTE = example("Kim fed the otter.", "Kim/person", "otter/species")
EMPTY = example("It rained all day.")
ALL: list[LessonMode] = list(get_args(LessonMode))

SOUND: dict[str, tuple[LessonMode, str, list[Entity]]] = {
    "rewritten": (
        "rewrite_context",
        "Low Moss had only two robins, says Robin Vale.",
        entities("Low Moss/site", "robins/species", "Robin Vale/person"),
    ),
    "rewritten-in-two": (
        "rewrite_context",
        "Kim came late. Still, Kim had something for the otter.",
        entities("Kim/person", "Kim/person", "otter/species"),
    ),
    "rewritten-with-a-decoy": (
        "rewrite_context",
        "The otter pen was shut, so Kim let the otter be.",
        entities("otter/O", "Kim/person", "otter/species"),
    ),
    "one-swapped": ("swap_entities", "Kim fed the grey seal.", entities("Kim/person", "grey seal/species")),
    "all-swapped": (
        "swap_entities",
        "On Friday Ash counted two wrens at Harrow End Flats before the rain came.",
        entities("Ash/person", "wrens/species", "Harrow End Flats/site"),
    ),
    "rewritten-and-swapped": (
        "rewrite_and_swap",
        "Was that badger ever seen by Kim?",
        entities("badger/species", "Kim/person"),
    ),
    "misspelt": (
        "misspell",
        "On Firday Robin Vale countd two robins at Low Moss before the rain came.",
        LOG.gold,  # type: ignore[dict-item]
    ),
}


@pytest.mark.parametrize(("mode", "text", "answer"), SOUND.values(), ids=SOUND.keys())
def test_a_draft_that_keeps_to_its_mode_is_sound(mode: LessonMode, text: str, answer: list[Entity]) -> None:
    assert mode_fault(plan_entities(LOG, EMPTY, NOTE, mode=mode), text, answer) is None
    assert mode_fault(plan_entities(NOTE, LOG, mode=mode), text, answer) is None, "the order of the examples is nothing"


STRAY: dict[str, tuple[LessonMode, str, list[Entity], str]] = {
    "one-entity-lost": (
        "rewrite_context",
        "Only two robins, says Robin Vale.",
        entities("robins/species", "Robin Vale/person"),
        "the entities are not those of one example",
    ),
    "one-entity-too-many": (
        "rewrite_context",
        "Kim and Ash saw the otter again.",
        entities("Kim/person", "Ash/person", "otter/species"),
        "the entities are not those of one example",
    ),
    "another-type": (
        "rewrite_context",
        "Down at Kim the otter was seen.",
        entities("Kim/site", "otter/species"),
        "the entities are not those of one example",
    ),
    "entities-of-two-examples": (
        "rewrite_context",
        "Kim counted robins.",
        entities("Kim/person", "robins/species"),
        "the entities are not those of one example",
    ),
    "context-kept-but-for-case-and-dots": (
        "rewrite_context",
        "Kim FED the otter!",
        entities("Kim/person", "otter/species"),
        "the words around the entities are still those",
    ),
    "swapped-in-another-context": (
        "swap_entities",
        "Ash fed this otter.",
        entities("Ash/person", "otter/species"),
        "the words around the entities are not those",
    ),
    "swapped-by-another-type": (
        "swap_entities",
        "Kim fed the Low Moss.",
        entities("Kim/person", "Low Moss/site"),
        "the types are not those of the example in the same order",
    ),
    "nothing-swapped": (
        "swap_entities",
        "Kim fed the otter.",
        entities("Kim/person", "otter/species"),
        "no entity differs",
    ),
    "swapped-and-left-out": (
        "swap_entities",
        "Kim fed the badger.",
        entities("badger/species"),
        "the words around the entities are not those",
    ),
    "both-with-other-types": (
        "rewrite_and_swap",
        "Badgers dug up half of the lawn.",
        entities("Badgers/species"),
        "the types are not those of one example",
    ),
    "both-with-the-same-entities": (
        "rewrite_and_swap",
        "Was that otter ever seen by Kim?",
        entities("otter/species", "Kim/person"),
        "the entities are still those of the example",
    ),
    "both-in-the-same-context": (
        "rewrite_and_swap",
        "Ash fed the otter.",
        entities("Ash/person", "otter/species"),
        "the words around the entities are still those",
    ),
    "entity-misspelt": (
        "misspell",
        "Kim fed the oter.",
        entities("Kim/person", "oter/species"),
        "the entities are not those of one example",
    ),
    "not-misspelt": ("misspell", "Kim fed the otter.", entities("Kim/person", "otter/species"), "the example itself"),
    "rewritten-not-misspelt": (
        "misspell",
        "Kim has never before been so near to an otter.",
        entities("Kim/person", "otter/species"),
        "too far from the example",
    ),
}


@pytest.mark.parametrize(("mode", "text", "answer", "fault"), STRAY.values(), ids=STRAY.keys())
def test_a_draft_that_strays_is_told_how_to_mend_it(
    mode: LessonMode, text: str, answer: list[Entity], fault: str
) -> None:
    told = mode_fault(plan_entities(LOG, EMPTY, NOTE, mode=mode), text, answer)
    assert told is not None
    assert told.startswith(f"mode {mode}: ")
    assert fault in told
    assert "\n" not in told


@pytest.mark.parametrize("mode", ["write", "paraphrase", "extrapolate"])
def test_free_modes_are_not_checked(mode: LessonMode) -> None:
    assert mode_fault(plan_entities(NOTE, mode=mode), "Kim fed the otter.", NOTE.gold) is None  # type: ignore[arg-type]
    assert mode_fault(plan_entities(NOTE, mode=mode), "Rain.", []) is None


@pytest.mark.parametrize("mode", ALL)
@pytest.mark.parametrize(
    "examples",
    [
        [],
        [EMPTY],
        [example("Kim slept.", "Kim/O")],
        [example("Kim slept.", "Ash/person")],
        [Example(text="a", gold="b")],
    ],
    ids=["none", "no-entity", "decoy-alone", "entity-absent", "a-label"],
)
def test_without_an_example_with_entities_nothing_is_checked(mode: LessonMode, examples: list[Example]) -> None:
    assert mode_fault(plan_entities(*examples, mode=mode), "Kim slept.", entities("Kim/person")) is None


def test_a_draft_without_entities_strays_where_an_example_has_some() -> None:
    for mode in ("rewrite_context", "swap_entities", "rewrite_and_swap", "misspell"):
        assert mode_fault(plan_entities(NOTE, mode=mode), "Kim fed the otter.", []) is not None


def test_swapping_holds_in_a_script_without_spaces() -> None:
    plan = plan_entities(example("田中さんは川で鮭を見た。", "田中/person", "鮭/species"), mode="swap_entities")
    assert mode_fault(plan, "山本さんは川で鮭を見た。", entities("山本/person", "鮭/species")) is None
    assert mode_fault(plan, "山本さんは海で鮭を見た。", entities("山本/person", "鮭/species")) is not None
