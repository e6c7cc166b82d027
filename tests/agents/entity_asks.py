"""Shorthands of the tests with entities: a briefing, lists of entities, plans, drafts."""

from typing import Any

from evokd.agents.prompt_context import PromptContext, make_prompt_context
from evokd.messages import Difficulty, Entity, Example, LessonMode, LessonPlan, LessonTopic, Quota

TYPES = {"person": "somebody's name", "species": "an animal or plant", "site": "a named place in the field"}


def brief_entities() -> PromptContext:
    return make_prompt_context("ner", "notes of field naturalists", "English", TYPES, None, 3)


def entities(*pairs: str) -> list[Entity]:
    """Entities from "text/label" pairs."""
    return [Entity(text=text, label=label) for text, _, label in (pair.rpartition("/") for pair in pairs)]


def example(text: str, *pairs: str) -> Example:
    return Example(text=text, gold=entities(*pairs))


def plan_entities(
    *examples: Example, mode: LessonMode = "write", quotas: dict[str, tuple[int, int]] | None = None
) -> LessonPlan:
    """A plan with examples; quotas: type -> hard and easy texts wanted."""
    return LessonPlan(
        id="c1-l1",
        mode=mode,
        weakness=LessonTopic(name="n", pattern="p", labels=["person"], advice="a"),
        labels=TYPES,
        quotas=[
            Quota(label=label, hard=hard, easy=easy) for label, (hard, easy) in (quotas or {"person": (1, 1)}).items()
        ],
        examples=list(examples),
        avoid=[],
    )


def draft(text: str, *pairs: str, difficulty: Difficulty = "hard") -> dict[str, Any]:
    """A draft as the Generator answers it."""
    return {"intended": [found.model_dump() for found in entities(*pairs)], "text": text, "difficulty": difficulty}
