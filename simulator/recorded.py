"""A recorded language model as a teacher: hands out what it wrote by what a request asks for, labels as it labelled.

The Generator and the Labeler are the recorded model's. Nobody recorded an Analyst: the rehearsal teacher's answers.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from evokd.messages import NO_ENTITY
from evokd.simulator.analyst import answer_analyst
from evokd.simulator.recording import How, RecordedVerdict, Recording, WrittenText
from evokd.simulator.requests import BatchIn, DraftIn, PlanIn, QuotaIn, RequestError, read_message
from evokd.simulator.seeded_rng import hash_key
from evokd.simulator.words import fold_text

TONED = 8
"""Real lines in a request from which on its texts are those that were written after real lines."""
SURE = 0.95
"""Confidence in the label of a text that the model wrote itself."""

History = Callable[[str], Sequence[Mapping[str, Any]]]
"""Lesson id -> the lesson plans that were sent before it, in order."""


class RecordedTeacher:
    """Answers the three roles from a recording.

    A language model that is asked for more texts of a label does not begin its list again. So which texts a lesson gets
    depends on the lessons before it: all of them are dealt again, in order, from one shuffled deck per way of asking.
    Nothing is kept between requests, and order and concurrency of the requests change nothing.

    Args:
        recording: what was recorded.
        seed: of the order of the texts.
        history: the lesson plans that were sent before a lesson.
    """

    def __init__(self, recording: Recording, seed: int, history: History) -> None:
        self._recording, self._history = recording, history
        self._decks: dict[str, list[WrittenText]] = {
            how: sorted(rows, key=lambda row: hash_key("deck", seed, row.text))
            for how, rows in recording.written.items()
        }
        self._written = {fold_text(row.text): row for rows in recording.written.values() for row in rows}

    def answer(self, kind: str, message: dict[str, Any], seed: int) -> dict[str, Any]:
        """Answer a message as the role that it is sent to; the seed of the request changes nothing.

        Raises:
            RequestError: the kind is unknown, the message lacks a field, or nothing was recorded for it.
        """
        match kind:
            case "feedback_packet":
                return answer_analyst(message)
            case "lesson_plan":
                return self._write(read_message(PlanIn, message))
            case "draft_batch":
                return self._label(read_message(BatchIn, message))
            case _:
                raise RequestError(f"unknown message kind {kind!r}; a recorded model answers lessons and drafts")

    def _write(self, plan: PlanIn) -> dict[str, Any]:
        dealt: set[str] = set()
        for earlier in self._history(plan.id):
            self._deal(PlanIn.model_validate(earlier), dealt)
        drafts = self._deal(plan, dealt)
        if not drafts:
            raise RequestError("the recording holds no text of these labels")
        return {"drafts": drafts}

    def _deal(self, plan: PlanIn, dealt: set[str]) -> list[dict[str, Any]]:
        """Deal the texts of a plan and note them; a deck that is used up is dealt again, as a model repeats itself."""
        drafts: list[dict[str, Any]] = []
        for quota in plan.quotas:
            for difficulty, wanted in (("hard", quota.hard), ("easy", quota.easy)):
                deck = self._decks.get(name_deck(plan, difficulty == "hard")) or self._decks.get("plain", [])
                rows = _choose(deck, quota, wanted, dealt)
                dealt.update(row.text for row in rows)
                drafts += [_draft(row, difficulty) for row in rows]
        return drafts

    def _label(self, batch: BatchIn) -> dict[str, Any]:
        verdicts = [self._judge(draft) for draft in batch.drafts]
        known = [verdict for verdict in verdicts if verdict is not None]
        if not known:
            raise RequestError("the recording holds no answer to any of these texts")
        return {"verdicts": known}

    def _judge(self, draft: DraftIn) -> dict[str, Any] | None:
        """Give the recorded answer to a real text, the writer's to a written one; None to a text that is neither."""
        key = fold_text(draft.text)
        verdict, written = self._recording.verdicts.get(key), self._written.get(key)
        if verdict is not None:
            return {"id": draft.id, **_tell(verdict), "confidence": verdict.confidence}
        if written is None:
            return None
        given = written.label
        answer = {"labels": [given]} if given is not None else {"entities": _dump(written.entities or [])}
        return {"id": draft.id, **answer, "confidence": SURE}


def name_deck(plan: PlanIn, hard: bool) -> How:
    """Say how texts are asked for: real lines to sound like, attributes, hard texts, or nothing of the kind."""
    if len(plan.tone) >= TONED:
        return "toned"
    if plan.variety:
        return "varied"
    return "hard" if hard else "plain"


def _choose(deck: Sequence[WrittenText], quota: QuotaIn, wanted: int, dealt: set[str]) -> list[WrittenText]:
    """Take texts of a label from a deck, those that were not dealt first; with entities, then any that were not."""
    fitting = [row for row in deck if (quota.label in row.labels or (quota.label == NO_ENTITY and not row.labels))]
    fresh = [row for row in fitting if row.text not in dealt]
    others = [row for row in deck if row.label is None and row.text not in dealt and row not in fitting]
    again = [row for row in fitting if row.text in dealt]
    return [*fresh, *others, *again][:wanted]


def _draft(row: WrittenText, difficulty: str) -> dict[str, Any]:
    intended = row.label if row.label is not None else _dump(row.entities or [])
    return {"text": row.text, "difficulty": difficulty, "intended": intended}


def _tell(verdict: RecordedVerdict) -> dict[str, Any]:
    return {"labels": verdict.labels} if verdict.labels is not None else {"entities": _dump(verdict.entities or [])}


def _dump(entities: Iterable[Any]) -> list[dict[str, Any]]:
    return [entity.model_dump() for entity in entities]
