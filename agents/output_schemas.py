"""What differs between tasks on the wire: reply classes, lesson modes, and what is wrong with an answer or a draft."""

import random
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from pydantic import BaseModel
from rapidfuzz import fuzz, process

from evokd.agents.lesson_checks import mode_fault
from evokd.agents.strategies import choose_strategies
from evokd.messages import (
    ENTITY_MODES,
    NO_ENTITY,
    NO_LABEL,
    PLAIN_MODES,
    AnalystReply,
    Draft,
    Entity,
    EntityDraft,
    EntityVerdict,
    ErrorKind,
    GeneratorReply,
    Gold,
    InputError,
    LabelBatch,
    LabelReply,
    LabelVerdict,
    LessonMode,
    LessonPlan,
    Message,
    SetAnalystReply,
    SetDraft,
    SetVerdict,
)
from evokd.messages.spans import AlignmentError, align

MAX_QUOTED = 200
"""Characters of a word that are quoted in a fault."""


class OutputSchema(Protocol):
    """How answers of one task look on the wire."""

    analyst_reply: type[AnalystReply]
    generator_reply: type[BaseModel]
    labeler_reply: type[BaseModel]
    modes: tuple[LessonMode, ...]
    """Modes that lessons of the task may have."""
    blank: str | None
    """What a quota calls texts without any label; None where every text has one."""
    by_example: bool
    """Whether examples show what label meanings cannot say, such as where an entity ends."""
    marks_text: bool
    """Whether an answer marks parts of the text; otherwise it is about the whole."""
    has_sets: bool
    """Whether an answer is a set of labels, so that quotas name sets; see `messages.name_set`."""

    def label_batch(self, verdicts: list[Any]) -> Message:
        """The message that carries accepted verdicts."""

    def labels_in(self, answer: Any) -> list[str]:
        """Labels of an answer in the order of the text; what is marked as no entity does not count."""

    def names_in(self, answer: Any) -> set[str]:
        """Parts of the text that an answer marks; none where it is a label of the whole."""

    def answer_fault(self, text: str, answer: Any, labels: Collection[str]) -> str | None:
        """What is wrong with an answer to a text, None if nothing."""

    def mode_fault(self, plan: LessonPlan, text: str, answer: Any) -> str | None:
        """What keeps a draft with a sound answer from being what the plan's mode asks for, None if nothing."""

    def left_out(self, plan: LessonPlan, answers: Sequence[Any]) -> list[str]:
        """Labels of the plan's quotas that a batch with these answers must serve and does not."""

    def verdict_fault(self, text: str, verdict: Any, labels: Collection[str]) -> str | None:
        """What is wrong with a Labeler's verdict on a text, None if nothing."""

    def candidates(self, verdict: Any) -> list[Gold]:
        """The possible answers of a verdict, best first."""

    def strategies(self, mode: LessonMode, kind: ErrorKind | None, count: int, rng: random.Random) -> dict[str, str]:
        """Strategies of a lesson, name -> instruction; see `agents.strategies.choose_strategies`."""


class ClassificationSchema:
    """One label per text."""

    analyst_reply: type[AnalystReply] = AnalystReply
    generator_reply: type[BaseModel] = GeneratorReply[Draft]
    labeler_reply: type[BaseModel] = LabelReply[LabelVerdict]
    modes: tuple[LessonMode, ...] = PLAIN_MODES
    blank: str | None = None
    by_example: bool = False
    marks_text: bool = False
    has_sets: bool = False

    def label_batch(self, verdicts: list[LabelVerdict]) -> Message:
        """The message that carries accepted verdicts."""
        return LabelBatch[LabelVerdict](verdicts=verdicts)

    def labels_in(self, answer: str) -> list[str]:
        """The one label."""
        return [answer]

    def names_in(self, answer: str) -> set[str]:
        """Nothing: the label is one of the whole text."""
        return set()

    def answer_fault(self, text: str, answer: str, labels: Collection[str]) -> str | None:
        """Refuse a label that is not in the set."""
        return None if answer in labels else f"unknown label {_quote(answer)}{_nearest(answer, labels)}"

    def mode_fault(self, plan: LessonPlan, text: str, answer: str) -> str | None:
        """Nothing can be checked."""
        return None

    def left_out(self, plan: LessonPlan, answers: Sequence[str]) -> list[str]:
        """Nothing: the number of drafts is all that is asked for; later quotas make up for a label that fell short."""
        return []

    def verdict_fault(self, text: str, verdict: LabelVerdict, labels: Collection[str]) -> str | None:
        """Refuse a verdict without labels, with an unknown one, or without a confidence from 0 to 1."""
        if not verdict.labels:
            return "no label given"
        for label in verdict.labels:
            if label not in labels:
                return f"unknown label {_quote(label)}{_nearest(label, labels)}"
        return _confidence_fault(verdict.confidence)

    def candidates(self, verdict: LabelVerdict) -> list[Gold]:
        """The labels of the verdict, each once."""
        return list(dict.fromkeys(verdict.labels))

    def strategies(self, mode: LessonMode, kind: ErrorKind | None, count: int, rng: random.Random) -> dict[str, str]:
        """None: there are no entities whose context could be rewritten."""
        return {}


class EntitySchema:
    """A list of entities per text, each as it is written there; see `messages.spans`."""

    analyst_reply: type[AnalystReply] = AnalystReply
    generator_reply: type[BaseModel] = GeneratorReply[EntityDraft]
    labeler_reply: type[BaseModel] = LabelReply[EntityVerdict]
    modes: tuple[LessonMode, ...] = (*PLAIN_MODES, *ENTITY_MODES)
    blank: str | None = NO_ENTITY
    by_example: bool = True
    marks_text: bool = True
    has_sets: bool = False

    def label_batch(self, verdicts: list[EntityVerdict]) -> Message:
        """The message that carries accepted verdicts."""
        return LabelBatch[EntityVerdict](verdicts=verdicts)

    def labels_in(self, answer: list[Entity]) -> list[str]:
        """Types of the entities, one per entity."""
        return [entity.label for entity in answer if entity.label != NO_ENTITY]

    def names_in(self, answer: list[Entity]) -> set[str]:
        """The words of every entity."""
        return {entity.text for entity in answer if entity.label != NO_ENTITY}

    def answer_fault(self, text: str, answer: list[Entity], labels: Collection[str]) -> str | None:
        """Refuse an entity without words, one of an unknown type, and one that is not found in the text."""
        for entity in answer:
            if not entity.text.strip():
                return f"an entity of type {_quote(entity.label)} has no text; copy its words from the text"
            if entity.label != NO_ENTITY and entity.label not in labels:
                unknown = f"unknown label {_quote(entity.label)}{_nearest(entity.label, labels)}"
                return f"entity {_quote(entity.text)}: {unknown}"
        try:
            align(text, answer)
        except AlignmentError as exc:
            return f"{exc}; copy entities letter by letter, list each mention once, and none inside another"
        return None

    def mode_fault(self, plan: LessonPlan, text: str, answer: list[Entity]) -> str | None:
        """Hold the draft against the plan's examples; see `agents.lesson_checks`.

        A text without entities, where such texts are asked for, cannot come from an example with some.
        """
        wanted = any(quota.label == NO_ENTITY for quota in plan.quotas)
        if wanted and all(entity.label == NO_ENTITY for entity in answer):
            return None
        return mode_fault(plan, text, answer)

    def left_out(self, plan: LessonPlan, answers: Sequence[list[Entity]]) -> list[str]:
        """Types of which no text names an entity; texts without any are not asked for again."""
        given = {entity.label for answer in answers for entity in answer}
        wanted = [quota.label for quota in plan.quotas if quota.hard + quota.easy]
        return [label for label in wanted if label not in given and label != NO_ENTITY]

    def verdict_fault(self, text: str, verdict: EntityVerdict, labels: Collection[str]) -> str | None:
        """Refuse what `answer_fault` refuses, and a verdict without a confidence from 0 to 1."""
        return self.answer_fault(text, verdict.entities, labels) or _confidence_fault(verdict.confidence)

    def candidates(self, verdict: EntityVerdict) -> list[Gold]:
        """The one list of entities, which may be empty."""
        return [verdict.entities]

    def strategies(self, mode: LessonMode, kind: ErrorKind | None, count: int, rng: random.Random) -> dict[str, str]:
        """Ways to rewrite the context, and the one that answers the kind of mistake."""
        return choose_strategies(mode, kind, count, rng)


class SetSchema:
    """Any number of labels per text."""

    analyst_reply: type[AnalystReply] = SetAnalystReply
    generator_reply: type[BaseModel] = GeneratorReply[SetDraft]
    labeler_reply: type[BaseModel] = LabelReply[SetVerdict]
    modes: tuple[LessonMode, ...] = PLAIN_MODES
    blank: str | None = NO_LABEL
    by_example: bool = False
    marks_text: bool = False
    has_sets: bool = True

    def label_batch(self, verdicts: list[SetVerdict]) -> Message:
        """The message that carries accepted verdicts."""
        return LabelBatch[SetVerdict](verdicts=verdicts)

    def labels_in(self, answer: list[str]) -> list[str]:
        """The labels, each once."""
        return list(dict.fromkeys(answer))

    def names_in(self, answer: list[str]) -> set[str]:
        """Nothing: the labels are those of the whole text."""
        return set()

    def answer_fault(self, text: str, answer: list[str], labels: Collection[str]) -> str | None:
        """Refuse a label that is not in the domain's, and one that is given twice."""
        for label in answer:
            if label == NO_LABEL:
                return f"{NO_LABEL} is no label; give an empty list where no label applies"
            if label not in labels:
                return f"unknown label {_quote(label)}{_nearest(label, labels)}"
        return "a label is given twice" if len(set(answer)) < len(answer) else None

    def mode_fault(self, plan: LessonPlan, text: str, answer: list[str]) -> str | None:
        """Nothing can be checked."""
        return None

    def left_out(self, plan: LessonPlan, answers: Sequence[list[str]]) -> list[str]:
        """Nothing: the number of drafts is all that is asked for; later quotas make up for a label that fell short."""
        return []

    def verdict_fault(self, text: str, verdict: SetVerdict, labels: Collection[str]) -> str | None:
        """Refuse what `answer_fault` refuses, and a verdict without a confidence from 0 to 1."""
        return self.answer_fault(text, verdict.labels, labels) or _confidence_fault(verdict.confidence)

    def candidates(self, verdict: SetVerdict) -> list[Gold]:
        """The one set, which may be empty."""
        return [list(verdict.labels)]

    def strategies(self, mode: LessonMode, kind: ErrorKind | None, count: int, rng: random.Random) -> dict[str, str]:
        """None: there are no entities whose context could be rewritten."""
        return {}


_FORMS: dict[str, OutputSchema] = {
    "classification": ClassificationSchema(),
    "ner": EntitySchema(),
    "multilabel": SetSchema(),
}


def output_schema(task: str) -> OutputSchema:
    """The wire form of a task.

    Raises:
        InputError: no such task.
    """
    if task not in _FORMS:
        raise InputError(f"unknown task {task!r}; known tasks: {', '.join(sorted(_FORMS))}")
    return _FORMS[task]


def _confidence_fault(confidence: float) -> str | None:
    return None if 0 <= confidence <= 1 else f"confidence {confidence} is not between 0 and 1"


def _quote(word: str) -> str:
    """Quote a word of a reply; broken replies hold words as long as themselves."""
    return repr(word if len(word) <= MAX_QUOTED else f"{word[:MAX_QUOTED]}...")


def _nearest(word: str, words: Collection[str]) -> str:
    # not difflib: on a broken reply of thousands of unknown words it takes seconds
    close = process.extractOne(word[: 2 * MAX_QUOTED], list(words), scorer=fuzz.ratio, score_cutoff=60)
    return f" (did you mean {close[0]!r}?)" if close else f" (one of: {', '.join(sorted(words))})"
