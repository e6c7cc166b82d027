"""Named instructions for the Generator: ways to rewrite the context of entities, and answers to kinds of mistakes."""

import random
from itertools import chain, zip_longest
from typing import Literal

from evokd.messages import PLAIN_MODES, ErrorKind, LessonMode

StrategyAxis = Literal["length", "vocabulary", "clauses", "style"]

CONTEXT_STRATEGIES: dict[str, tuple[StrategyAxis, str]] = {
    "shorter": ("length", "Say it in fewer words than the example; drop what is not needed."),
    "longer": ("length", "Say more than the example does: add a circumstance, a reason or a detail."),
    "split_in_two": ("length", "Spread what the example says over two sentences."),
    "plain_words": ("vocabulary", "Use everyday words that a child would know."),
    "expert_terms": ("vocabulary", "Use the technical terms that people of the trade use among themselves."),
    "rare_synonyms": ("vocabulary", "Replace common words by less common ones of the same meaning."),
    "relative_clause": ("clauses", "Add a relative clause that says more about one of the entities."),
    "adverbial_clause": ("clauses", "Add a subordinate clause of time, place, cause or condition."),
    "content_clause": ("clauses", "Put the statement into a clause that somebody says, thinks, hopes or doubts."),
    "news_report": ("style", "Write it as a sentence of a news report: sober, facts first."),
    "spoken_remark": ("style", "Write it as somebody would say it aloud in passing, loose grammar included."),
    "official_letter": ("style", "Write it as a sentence of an official letter: formal and exact."),
    "narrative": ("style", "Write it as a sentence out of a story, in the past tense."),
    "hurried_note": ("style", "Write it as a hurried note: clipped, without needless words, the names written out."),
}
"""Name -> axis and instruction: what may happen to the words around entities that stay as they are.

Source: LLM-DA (Ye et al. 2024, arXiv 2402.14568), context-level augmentation: fourteen strategies on the axes sentence
length, vocabulary, subordinate clauses and style. The wording is ours, and so are the names.
"""

_FREE = PLAIN_MODES
_REWRITING: tuple[LessonMode, ...] = ("rewrite_context", "rewrite_and_swap")

ERROR_STRATEGIES: dict[ErrorKind, tuple[str, str, frozenset[LessonMode]]] = {
    "type": (
        "telling_context",
        "Let the words around the entity tell its type, so that a reader who never met the name gets it right.",
        frozenset({*_FREE, *_REWRITING}),
    ),
    "boundary": (
        "long_names",
        "Use names of several words, also names that hold another name or a common word at one end.",
        frozenset({*_FREE, "swap_entities", "rewrite_and_swap"}),
    ),
    "missed": (
        "unmarked_place",
        "Put the entity where no title, preposition or word for its kind gives it away.",
        frozenset({*_FREE, *_REWRITING}),
    ),
    "invented": (
        "same_words_no_entity",
        "Use words that are an entity elsewhere in a sentence where they are none.",
        frozenset({*_FREE, *_REWRITING}),
    ),
}
"""Kind of mistake -> name and instruction of the strategy that answers it, and the modes in which it can be followed:
one that asks for other words around the entities cannot where these are kept, nor one for other names."""


def choose_strategies(mode: LessonMode, kind: ErrorKind | None, count: int, rng: random.Random) -> dict[str, str]:
    """Choose the strategies of a lesson.

    Args:
        mode: how the texts come about; only the rewriting ones get context strategies.
        kind: the kind of mistake that the lesson is about, if any.
        count: context strategies wanted, at most the fourteen; the axes take turns, so that four are on four axes.
        rng: decides which axis comes first and which strategy of an axis.

    Returns:
        Name -> instruction; the strategy for the kind of mistake comes last.
    """
    chosen = _choose_contexts(count, rng) if mode in _REWRITING else {}
    if kind is not None:
        name, instruction, modes = ERROR_STRATEGIES[kind]
        if mode in modes:
            chosen[name] = instruction
    return chosen


def _choose_contexts(count: int, rng: random.Random) -> dict[str, str]:
    by_axis: dict[StrategyAxis, list[str]] = {}
    for name, (axis, _) in CONTEXT_STRATEGIES.items():
        by_axis.setdefault(axis, []).append(name)
    queues = list(by_axis.values())
    rng.shuffle(queues)
    for queue in queues:
        rng.shuffle(queue)
    in_turn = [name for name in chain.from_iterable(zip_longest(*queues)) if name is not None]
    return {name: CONTEXT_STRATEGIES[name][1] for name in in_turn[: max(count, 0)]}
