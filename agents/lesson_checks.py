"""Whether a draft with entities came about as its lesson's mode asks."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from evokd.messages import Entity, LessonMode, LessonPlan
from evokd.messages.spans import AlignmentError, align, split_words

ALIKE = 80.0
"""Likeness (rapidfuzz ratio, 0 to 100) from which a text counts as a misspelt copy of another."""


@dataclass(frozen=True)
class _Parts:
    """A text taken apart: its entities in order, and the words before, between and behind them, case folded."""

    text: str
    surfaces: tuple[str, ...]
    labels: tuple[str, ...]
    context: tuple[tuple[str, ...], ...]

    @property
    def entities(self) -> tuple[tuple[str, str], ...]:
        return tuple(zip(self.surfaces, self.labels, strict=True))


_Holds = Callable[[_Parts, _Parts], bool]
_NEW_CONTEXT: tuple[_Holds, str] = (
    lambda draft, example: draft.context != example.context,
    "the words around the entities are still those of the example; write another sentence around them",
)
_NEW_ENTITY: tuple[_Holds, str] = (
    lambda draft, example: sorted(draft.surfaces) != sorted(example.surfaces),
    "the entities are still those of the example; put another name of the same type in at least one place",
)
_CHECKS: dict[LessonMode, tuple[tuple[_Holds, str], ...]] = {
    "rewrite_context": (
        (
            # a text in two sentences may name an entity twice
            lambda draft, example: set(draft.entities) == set(example.entities),
            "the entities are not those of one example; keep all of its entities as they are written, and add none",
        ),
        _NEW_CONTEXT,
    ),
    "swap_entities": (
        (
            lambda draft, example: draft.context == example.context,
            "the words around the entities are not those of an example; keep them and replace entities alone",
        ),
        (
            lambda draft, example: draft.labels == example.labels,
            "the types are not those of the example in the same order; replace an entity by one of its own type",
        ),
        (
            lambda draft, example: draft.surfaces != example.surfaces,
            "no entity differs from the example; replace at least one by another name of its type",
        ),
    ),
    "rewrite_and_swap": (
        (
            # a text in two sentences may name an entity twice
            lambda draft, example: _types(draft) == _types(example),
            "the types are not those of one example; use as many entities of each type as it has",
        ),
        _NEW_ENTITY,
        _NEW_CONTEXT,
    ),
    "misspell": (
        (
            lambda draft, example: draft.entities == example.entities,
            "the entities are not those of one example in its order; misspell the words around them alone",
        ),
        (
            lambda draft, example: fuzz.ratio(draft.text, example.text, score_cutoff=ALIKE) > 0,
            "the text is too far from the example; misspell one to three of its words and keep the rest",
        ),
        (
            lambda draft, example: draft.text != example.text,
            "the text is the example itself; misspell one to three words outside the entities",
        ),
    ),
}


def _types(parts: _Parts) -> list[str]:
    """Types of the different entities."""
    return sorted(label for _, label in set(parts.entities))


def mode_fault(plan: LessonPlan, text: str, answer: Sequence[Entity]) -> str | None:
    """What keeps a draft from being what the plan's mode asks for, None if nothing.

    The draft is held against every example that has entities; it is sound when it passes for one of them, and else the
    fault is told from the one for which it got furthest. Punctuation and case of the context do not count. Where no
    example has entities nothing can be checked.

    Args:
        plan: the lesson.
        text: the draft's text.
        answer: its entities, which `align` finds in it.
    """
    checks = _CHECKS.get(plan.mode, ())
    examples = list(_read_examples(plan)) if checks else []
    if not examples:
        return None
    draft = _take_apart(text, answer)
    passed = max(_count_passed(checks, draft, example) for example in examples)
    return None if passed == len(checks) else f"mode {plan.mode}: {checks[passed][1]}"


def _count_passed(checks: Sequence[tuple[_Holds, str]], draft: _Parts, example: _Parts) -> int:
    return next((at for at, (holds, _) in enumerate(checks) if not holds(draft, example)), len(checks))


def _read_examples(plan: LessonPlan) -> Iterable[_Parts]:
    for example in plan.examples:
        entities = [item for item in example.gold if isinstance(item, Entity)]
        if not entities:
            continue
        try:
            parts = _take_apart(example.text, entities)
        except AlignmentError:
            continue
        if parts.surfaces:
            yield parts


def _take_apart(text: str, entities: Iterable[Entity]) -> _Parts:
    spans = align(text, entities)
    context: list[list[str]] = [[] for _ in range(len(spans) + 1)]
    behind = 0  # spans that end before the word
    for start, end in split_words(text):
        while behind < len(spans) and spans[behind].end <= start:
            behind += 1
        is_outside = behind == len(spans) or end <= spans[behind].start
        if is_outside and any(map(str.isalnum, text[start:end])):
            context[behind].append(text[start:end].casefold())
    surfaces = tuple(text[span.start : span.end] for span in spans)
    return _Parts(text, surfaces, tuple(span.label for span in spans), tuple(map(tuple, context)))
