"""Shorthands of the tests of the door and of the agents: a briefing, messages, settings, questions."""

from collections.abc import Callable
from typing import Any

from evokd.agents.llm.client import LLMRequest
from evokd.agents.llm.teacher_settings import TeacherSettings
from evokd.agents.prompt_context import PromptContext, make_prompt_context
from evokd.messages import (
    AnalystReply,
    Case,
    Draft,
    FeedbackPacket,
    GeneratorReply,
    LessonPlan,
    LessonTopic,
    Quota,
)

LABELS = {"bug": "the program misbehaves", "bill": "money was taken wrongly", "how": "a question how to do something"}
URL = "http://teacher.test/v1"


def brief(max_weaknesses: int = 3) -> PromptContext:
    return make_prompt_context("classification", "letters to a help desk", "English", LABELS, None, max_weaknesses)


def make_settings(**changes: Any) -> TeacherSettings:
    return TeacherSettings.model_validate(
        {"model": "m-1", "base_url": URL, "max_reprompts": 2, "retries": 2, **changes}
    )


def make_packet(verdicts: str = "wr", cycle: int = 1, **changes: Any) -> FeedbackPacket:
    """A packet with one case per letter: w wrong, c confidently wrong, r right; ids k1, k2, ..."""
    names = {"w": "wrong", "c": "confident_wrong", "r": "right"}
    cases = [
        Case.model_validate(
            {
                "id": f"k{i}",
                "text": f"letter {i}",
                "gold": "bug",
                "predicted": "bug" if letter == "r" else "how",
                "confidence": 0.6,
                "verdict": names[letter],
            }
        )
        for i, letter in enumerate(verdicts, start=1)
    ]
    packet = FeedbackPacket(
        cycle=cycle, task="classification", labels=LABELS, report=[], confusions=[], weaknesses=[], cases=cases
    )
    return packet.model_copy(update=changes)


def make_plan(hard: int = 1, easy: int = 1) -> LessonPlan:
    return LessonPlan(
        id="c1-l1",
        mode="write",
        weakness=LessonTopic(name="n", pattern="p", labels=["bug"], advice="a"),
        labels=LABELS,
        quotas=[Quota(label="bug", hard=hard, easy=easy)],
        examples=[],
        avoid=[],
    )


def make_ask(
    check: Callable[[Any], list[str]] = lambda _: [], span: str = "c1-l1", seed: int = 7, **changes: Any
) -> LLMRequest[Any]:
    fields = {
        "role": "generator",
        "cycle": 1,
        "system": "You are the Generator.",
        "prompts": "hash",
        "message": make_plan(),
        "reply": GeneratorReply[Draft],
        "name": "drafts",
        "vocabularies": {"labels": list(LABELS)},
    }

    def count(reply: Any) -> int:
        return len(reply.drafts) - len(check(reply))

    return LLMRequest(check=check, count=count, span=span, seed=seed, **{**fields, **changes})


def make_drafts(*texts: str, intended: str = "bug") -> dict[str, Any]:
    return {"drafts": [{"text": text, "difficulty": "hard", "intended": intended} for text in texts]}


def make_weakness(**changes: Any) -> dict[str, Any]:
    return {"name": "w", "pattern": "p", "labels": ["bug"], "evidence": ["k1"], "advice": "a", **changes}


ANALYST = {"role": "analyst", "reply": AnalystReply, "name": "analysis"}
