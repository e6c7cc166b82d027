"""What the rehearsal teacher reads from a request: the fenced message, and the seed.

The models here are not those of `messages`: they take less for granted and pass over keys they do not know,
so that the server also answers clients of another version.
"""

import json
import re
from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evokd.messages import NO_ENTITY, Entity, EvokdError
from evokd.messages.spans import Span, surfaces

_OPENING = re.compile(r'<message kind="([^"<>]*)">')
_CLOSING = "</message>"


class RequestError(EvokdError):
    """A request that cannot be answered; `param` names the field of the request."""

    def __init__(self, message: str, param: str | None = "messages", status: int = 400) -> None:
        """Keep what the client is told; status: HTTP status code."""
        super().__init__(message)
        self.param = param
        self.status = status


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class EntityIn(_Wire):
    """An entity of a text."""

    text: str = Field(description="the entity as it is written")
    label: str = Field(description="its type")


AnswerIn = str | list[str] | list[EntityIn]


def labels_in(answer: AnswerIn) -> list[str]:
    """The labels of an answer, each once; mentions that are no entity do not count."""
    if isinstance(answer, str):
        return [answer]
    labels = (item if isinstance(item, str) else item.label for item in answer)
    return list(dict.fromkeys(label for label in labels if label != NO_ENTITY))


def entities_of(answer: AnswerIn) -> list[Entity]:
    """The entities of an answer as `messages.spans` takes them; labels have none."""
    entities = [] if isinstance(answer, str) else [item for item in answer if not isinstance(item, str)]
    return [Entity(text=entity.text, label=entity.label) for entity in entities]


def write_entities(text: str, spans: Iterable[Span], labels: Collection[str]) -> list[dict[str, Any]]:
    """Write the spans of these types as an answer is written on the wire."""
    return [entity.model_dump() for entity in surfaces(text, [span for span in spans if span.label in labels])]


class ErrorIn(_Wire):
    """One mistake inside a text with entities."""

    kind: str = Field(description="boundary, type, missed or invented")
    gold: EntityIn | None = Field(default=None, description="the right entity")
    predicted: EntityIn | None = Field(default=None, description="the student's entity")


class CaseIn(_Wire):
    """A case of a feedback packet."""

    id: str = Field(description="case id")
    text: str = Field(description="the text")
    gold: AnswerIn = Field(description="the right label or entities")
    predicted: AnswerIn = Field(description="the student's label or entities")
    confidence: float = Field(default=0.5, description="the student's confidence, 0 to 1")
    verdict: str = Field(description="right, wrong or confident_wrong")
    errors: list[ErrorIn] = Field(default=[], description="the mistakes, one by one")

    @property
    def is_tagged(self) -> bool:
        """Whether the answer is a list of entities; an empty list is taken for one unless labels were predicted."""
        items = [item for answer in (self.gold, self.predicted) if not isinstance(answer, str) for item in answer]
        return not isinstance(self.gold, str) and not any(isinstance(item, str) for item in items)

    @property
    def is_set(self) -> bool:
        """Whether the answer is a set of labels."""
        return not isinstance(self.gold, str) and not self.is_tagged


class ScoreIn(_Wire):
    """A line of the per-label report."""

    label: str = Field(description="the label")
    f1: float = Field(default=0.0, description="0 to 1")
    support: int = Field(default=0, description="examined texts with this label")


class OpenIn(_Wire):
    """A weakness named earlier."""

    name: str = Field(description="its name")
    state: str = Field(default="open", description="where it stands")


class PacketIn(_Wire):
    """A feedback packet."""

    labels: dict[str, str] = Field(description="label -> meaning")
    report: list[ScoreIn] = Field(default=[], description="score per label")
    weaknesses: list[OpenIn] = Field(default=[], description="weaknesses named earlier")
    cases: list[CaseIn] = Field(default=[], description="examined texts")


class TopicIn(_Wire):
    """The weakness that a lesson is about."""

    pattern: str = Field(default="", description="what the failed texts have in common")
    labels: list[str] = Field(default=[], description="labels concerned")
    advice: str = Field(default="", description="what kind of new texts would teach it")


class QuotaIn(_Wire):
    """How many texts of a label, or of a set of labels, are wanted."""

    label: str = Field(description="the label, or the name of the set")
    labels: list[str] = Field(default=[], description="labels that each text has together")
    hard: int = Field(default=0, ge=0, description="hard texts")
    easy: int = Field(default=0, ge=0, description="easy texts")


class ExampleIn(_Wire):
    """A text with its right answer."""

    text: str = Field(description="the text")
    gold: AnswerIn = Field(description="the right label or entities")


class PlanIn(_Wire):
    """A lesson plan."""

    id: str = Field(default="", description="lesson id")
    mode: str = Field(default="write", description="how the texts come about")
    strategies: dict[str, str] = Field(default={}, description="name -> instruction")
    variety: list[str] = Field(default=[], description="attributes, a set per text, in the order of the quotas")
    profile: dict[str, dict[str, int]] = Field(default={}, description="axis -> value -> texts that have it")
    tone: list[str] = Field(default=[], description="real texts of the domain")
    weakness: TopicIn = Field(default=TopicIn(), description="what the lesson is about")
    labels: dict[str, str] = Field(description="label -> meaning")
    quotas: list[QuotaIn] = Field(description="texts wanted per label")
    examples: list[ExampleIn] = Field(default=[], description="examples with their right answers")
    avoid: list[str] = Field(default=[], description="texts or openings that must not be repeated")


class DraftIn(_Wire):
    """A text to label."""

    id: str = Field(description="draft id")
    text: str = Field(description="the text")


class BatchIn(_Wire):
    """A batch of texts to label."""

    labels: dict[str, str] = Field(min_length=1, description="label -> meaning")
    drafts: list[DraftIn] = Field(description="the texts")


class SampleIn(_Wire):
    """A request to say on which axes texts differ."""

    texts: list[str] = Field(description="real texts, unlabelled")


WireT = TypeVar("WireT", bound=_Wire)


def read_message(model: type[WireT], message: dict[str, Any]) -> WireT:
    """Check a message against what its role needs.

    Raises:
        RequestError: a field is missing or of the wrong type; names it.
    """
    try:
        return model.model_validate(message)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the message"
        raise RequestError(f"the message block cannot be used: {field}: {first['msg']}") from exc


def find_message(turns: object) -> tuple[str, dict[str, Any]]:
    """Find the last message block of the last user turn.

    Args:
        turns: the request's `messages`.

    Returns:
        The block's kind and its JSON object.

    Raises:
        RequestError: there is no such block, or what it holds is not a JSON object.
    """
    text = _last_user_text(turns)
    openings = [match for match in _OPENING.finditer(text) if text.find(_CLOSING, match.end()) >= 0]
    if not openings:
        raise RequestError('no <message kind="...">{JSON}</message> block in the last user turn')
    opening = openings[-1]
    body = text[opening.end() : text.index(_CLOSING, opening.end())]
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise RequestError(f"the message block {opening[1]!r} does not hold JSON: {exc}") from exc
    if not isinstance(message, dict):
        raise RequestError(f"the message block {opening[1]!r} does not hold a JSON object")
    return opening[1], message


def read_turns(turns: object) -> list[tuple[str, str]]:
    """Read the turns of a conversation as (role, text); parts that are not text are passed over.

    Raises:
        RequestError: `turns` is not a list of turns.
    """
    if not isinstance(turns, list) or not turns:
        raise RequestError("messages: expected a list of turns that is not empty")
    read: list[tuple[str, str]] = []
    for at, turn in enumerate(turns):
        if not isinstance(turn, dict) or not isinstance(turn.get("role"), str):
            raise RequestError(f"messages.{at}: expected an object with role and content")
        content = turn.get("content")
        parts = content if isinstance(content, list) else [{"text": content}]
        texts = [part.get("text") for part in parts if isinstance(part, dict)]
        read.append((turn["role"], "\n".join(text for text in texts if isinstance(text, str))))
    return read


def _last_user_text(turns: object) -> str:
    users = [text for role, text in read_turns(turns) if role == "user"]
    if not users:
        raise RequestError("messages: there is no user turn")
    return users[-1]
