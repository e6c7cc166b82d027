import random
from collections import Counter
from typing import get_args

import pytest

from evokd.agents.strategies import CONTEXT_STRATEGIES, ERROR_STRATEGIES, choose_strategies
from evokd.messages import ENTITY_MODES, PLAIN_MODES, ErrorKind, LessonMode

REWRITING: tuple[LessonMode, ...] = ("rewrite_context", "rewrite_and_swap")
NAMES = {
    "type": "telling_context",
    "boundary": "long_names",
    "missed": "unmarked_place",
    "invented": "same_words_no_entity",
}


def test_fourteen_strategies_lie_on_four_axes() -> None:
    assert Counter(axis for axis, _ in CONTEXT_STRATEGIES.values()) == {
        "length": 3,
        "vocabulary": 3,
        "clauses": 3,
        "style": 5,
    }


def test_an_instruction_is_one_sentence_and_no_two_are_alike() -> None:
    instructions = [told for _, told in CONTEXT_STRATEGIES.values()] + [
        told for _, told, _ in ERROR_STRATEGIES.values()
    ]
    assert len(set(instructions)) == len(instructions) == 18
    for told in instructions:
        assert told.endswith(".")
        assert told.count(".") == 1
    assert not set(CONTEXT_STRATEGIES) & {name for name, _, _ in ERROR_STRATEGIES.values()}


@pytest.mark.parametrize("mode", REWRITING)
@pytest.mark.parametrize("count", range(16))
def test_the_axes_take_turns(mode: LessonMode, count: int) -> None:
    chosen = choose_strategies(mode, None, count, random.Random(count))
    assert len(chosen) == min(count, 14)
    axes = [CONTEXT_STRATEGIES[name][0] for name in chosen]
    for start in range(0, min(count, 12), 4):
        turn = axes[start : start + 4]
        assert len(set(turn)) == len(turn), "no axis twice before every other had its turn"
    assert all(CONTEXT_STRATEGIES[name][1] == told for name, told in chosen.items())


def test_the_choice_follows_the_seed_and_reaches_every_strategy() -> None:
    drawn = [tuple(choose_strategies("rewrite_context", None, 4, random.Random(seed))) for seed in range(200)]
    again = [tuple(choose_strategies("rewrite_context", None, 4, random.Random(seed))) for seed in range(200)]
    assert drawn == again
    assert {name for names in drawn for name in names} == set(CONTEXT_STRATEGIES)
    assert {CONTEXT_STRATEGIES[names[0]][0] for names in drawn} == {"length", "vocabulary", "clauses", "style"}


@pytest.mark.parametrize("kind", get_args(ErrorKind))
@pytest.mark.parametrize("mode", PLAIN_MODES)
def test_a_plain_mode_gets_the_strategy_of_the_mistake_alone(mode: LessonMode, kind: ErrorKind) -> None:
    assert choose_strategies(mode, None, 4, random.Random(1)) == {}
    assert list(choose_strategies(mode, kind, 4, random.Random(1))) == [NAMES[kind]]


@pytest.mark.parametrize("kind", get_args(ErrorKind))
def test_with_other_entities_and_another_context_every_mistake_has_its_strategy(kind: ErrorKind) -> None:
    chosen = list(choose_strategies("rewrite_and_swap", kind, 2, random.Random(1)))
    assert len(chosen) == 3
    assert chosen[-1] == NAMES[kind]


def test_no_strategy_asks_for_what_the_mode_forbids() -> None:
    given = {
        mode: {
            kind for kind in get_args(ErrorKind) if NAMES[kind] in choose_strategies(mode, kind, 0, random.Random(1))
        }
        for mode in get_args(LessonMode)
        if mode in ENTITY_MODES
    }
    assert given == {
        "rewrite_context": {"type", "missed", "invented"},
        "swap_entities": {"boundary"},
        "rewrite_and_swap": {"type", "boundary", "missed", "invented"},
        "misspell": set(),
    }
