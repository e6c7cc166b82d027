"""What differs between tasks on the wire: the reply classes and what is wrong with an answer."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any, Protocol

from pydantic import BaseModel

from agents.messages import GeneratorReply, Gold, InputError, LabelBatch, LabelReply, LabelVerdict, Message


class AnswerForm(Protocol):
    """How answers of one task look on the wire."""

    generator_reply: type[BaseModel]
    labeler_reply: type[BaseModel]

    def label_batch(self, verdicts: list[Any]) -> Message:
        """The message that carries accepted verdicts."""

    def answer_fault(self, text: str, answer: Any, labels: Collection[str]) -> str | None:
        """What is wrong with an answer to a text, None if nothing."""

    def verdict_fault(self, text: str, verdict: Any, labels: Collection[str]) -> str | None:
        """What is wrong with a Labeler's verdict on a text, None if nothing."""

    def candidates(self, verdict: Any) -> list[Gold]:
        """The possible answers of a verdict, best first."""


class ClassificationForm:
    """One label per text."""

    generator_reply: type[BaseModel] = GeneratorReply[str]
    labeler_reply: type[BaseModel] = LabelReply[LabelVerdict]

    def label_batch(self, verdicts: list[LabelVerdict]) -> Message:
        """The message that carries accepted verdicts."""
        return LabelBatch[LabelVerdict](verdicts=verdicts)

    def answer_fault(self, text: str, answer: str, labels: Collection[str]) -> str | None:
        """Refuse a label that is not in the set."""
        return None if answer in labels else f"unknown label {answer!r}{_nearest(answer, labels)}"

    def verdict_fault(self, text: str, verdict: LabelVerdict, labels: Collection[str]) -> str | None:
        """Refuse a verdict without labels, with an unknown one, or without a confidence from 0 to 1."""
        if not verdict.labels:
            return "no label given"
        for label in verdict.labels:
            if label not in labels:
                return f"unknown label {label!r}{_nearest(label, labels)}"
        return None if 0 <= verdict.confidence <= 1 else f"confidence {verdict.confidence} is not between 0 and 1"

    def candidates(self, verdict: LabelVerdict) -> list[Gold]:
        """The labels of the verdict, each once."""
        return list(dict.fromkeys(verdict.labels))


_FORMS: dict[str, AnswerForm] = {"classification": ClassificationForm()}


def answer_form(task: str) -> AnswerForm:
    """The wire form of a task.

    Raises:
        InputError: no such task.
    """
    if task not in _FORMS:
        raise InputError(f"unknown task {task!r}; known tasks: {', '.join(sorted(_FORMS))}")
    return _FORMS[task]


def _nearest(word: str, words: Collection[str]) -> str:
    close = get_close_matches(word, list(words), n=1)
    return f" (did you mean {close[0]!r}?)" if close else f" (one of: {', '.join(sorted(words))})"
