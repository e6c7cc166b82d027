"""Messages between the agents, the student and the graph: the bottom of the house, imports nothing of ours.

Every message is a frozen pydantic model that forbids unknown keys. The `*Reply` classes are what a language model is
asked to answer (their JSON Schema is made from the class, see `reply_schema`); the others travel between nodes.

Errors of the whole project derive from the two classes here::

    EvokdError            something the user can be told in one line
    +-- InputError        the user's input is wrong (exit code 2)
"""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Difficulty = Literal["hard", "easy"]
CaseVerdict = Literal["right", "wrong", "confident_wrong"]
LESSON_MODES = ("write", "paraphrase", "extrapolate")
LessonMode = Literal["write", "paraphrase", "extrapolate"]

VOCABULARY_KEY = "x-vocabulary"


class EvokdError(Exception):
    """An error with a message meant for the user; `exit_code` is what the command line ends with."""

    exit_code: ClassVar[int] = 1


class InputError(EvokdError):
    """The user's input is wrong: says what, where and how to mend it."""

    exit_code: ClassVar[int] = 2


class Message(BaseModel):
    """Base of every message: frozen, closed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Entity(Message):
    """A named entity as it is written in a text."""

    text: str = Field(description="the entity exactly as it occurs in the text")
    label: str = Field(description="the entity's type", json_schema_extra={VOCABULARY_KEY: "labels"})


Gold = str | list[Entity]
"""An answer: a label for classification, a list of entities for NER."""
GoldT = TypeVar("GoldT", str, list[Entity])


# ------------------------------------------------------------------------------------------------ student -> Analyst


class LabelScore(Message):
    """One line of the per-label report."""

    label: str = Field(description="the label")
    precision: float = Field(description="share of predictions of this label that are right, 0 to 1")
    recall: float = Field(description="share of texts with this label that are found, 0 to 1")
    f1: float = Field(description="harmonic mean of precision and recall, 0 to 1")
    support: int = Field(description="examined texts with this label")


class Confusion(Message):
    """How often one label was taken for another."""

    gold: str = Field(description="the right label")
    predicted: str = Field(description="what the student answered")
    count: int = Field(description="examined texts")


class Case(Message):
    """One examined text and the student's answer to it."""

    id: str = Field(description="case id, to be cited as evidence")
    text: str = Field(description="the text")
    gold: Gold = Field(description="the right answer")
    predicted: Gold = Field(description="the student's answer")
    confidence: float = Field(description="the student's confidence in its answer, 0 to 1")
    verdict: CaseVerdict = Field(description="right, wrong, or wrong with high confidence")


class OpenWeakness(Message):
    """A weakness named in an earlier cycle and what the lessons on it did."""

    id: str = Field(description="weakness id")
    name: str = Field(description="short name")
    state: Literal["open", "improving", "fixed", "regressed", "rolled_back"] = Field(description="where it stands")
    effect: float | None = Field(description="change of the score on its labels since it was named, -1 to 1")


class FeedbackPacket(Message):
    """What the student got right and wrong, for the Analyst."""

    kind: Literal["feedback_packet"] = "feedback_packet"
    cycle: int = Field(description="evolution cycle, from 1")
    task: str = Field(description="the task's name")
    labels: dict[str, str] = Field(description="label -> meaning")
    report: list[LabelScore] = Field(description="score per label")
    confusions: list[Confusion] = Field(description="most frequent confusions first")
    weaknesses: list[OpenWeakness] = Field(description="weaknesses worked on in earlier cycles")
    cases: list[Case] = Field(description="examined texts chosen for the Analyst")
    notices: list[str] = Field(default=[], description="what else the Analyst should know, such as a roll-back")


# --------------------------------------------------------------------------------------------- Analyst -> Generator


class Weakness(Message):
    """One weakness of the student, with its evidence."""

    name: str = Field(description="short name of the weakness")
    pattern: str = Field(description="what the failed texts have in common")
    labels: list[str] = Field(
        description="labels concerned, the right one first", json_schema_extra={VOCABULARY_KEY: "labels"}
    )
    evidence: list[str] = Field(
        description="ids of the cases that show it", json_schema_extra={VOCABULARY_KEY: "cases"}
    )
    advice: str = Field(description="what kind of new texts would teach it")


class AnalystReply(Message):
    """The reply asked of the Analyst."""

    weaknesses: list[Weakness] = Field(description="the student's weaknesses, gravest first")


class Analysis(Message):
    """The Analyst's accepted findings of a cycle."""

    kind: Literal["analysis"] = "analysis"
    cycle: int = Field(description="evolution cycle, from 1")
    weaknesses: list[Weakness] = Field(description="accepted weaknesses, gravest first")


class Quota(Message):
    """How many texts of a label are wanted."""

    label: str = Field(description="the label")
    hard: int = Field(description="texts that the student would likely miss")
    easy: int = Field(description="texts that the student would likely get right")


class Example(Message):
    """A text with its right answer."""

    text: str = Field(description="the text")
    gold: Gold = Field(description="the right answer")


class LessonTopic(Message):
    """The part of a weakness that the Generator needs (no evidence ids)."""

    name: str = Field(description="short name of the weakness")
    pattern: str = Field(description="what the failed texts have in common")
    labels: list[str] = Field(description="labels concerned")
    advice: str = Field(description="what kind of new texts would teach it")


class LessonPlan(Message):
    """What the Generator shall write for one weakness."""

    kind: Literal["lesson_plan"] = "lesson_plan"
    id: str = Field(description="lesson id")
    mode: LessonMode = Field(description="how the texts come about")
    weakness: LessonTopic = Field(description="what the lesson is about")
    labels: dict[str, str] = Field(description="label -> meaning")
    quotas: list[Quota] = Field(description="texts wanted per label")
    examples: list[Example] = Field(description="examples with their right answers")
    avoid: list[str] = Field(description="texts or openings that are already there and must not be repeated")


# ---------------------------------------------------------------------------------------------- Generator -> Labeler


class Draft(Message, Generic[GoldT]):
    """One text as the Generator writes it."""

    text: str = Field(description="the new text")
    difficulty: Difficulty = Field(description="hard: the student would likely miss it; easy: it would get it")
    intended: GoldT = Field(
        description="the answer the text was written for", json_schema_extra={VOCABULARY_KEY: "labels"}
    )


class GeneratorReply(Message, Generic[GoldT]):
    """The reply asked of the Generator."""

    drafts: list[Draft[GoldT]] = Field(description="the new texts, as many as the quotas ask for")


class DraftText(Message):
    """A draft as the Labeler sees it: blind to what was intended."""

    id: str = Field(description="draft id, to be repeated in the verdict")
    text: str = Field(description="the text to label")


class DraftBatch(Message):
    """Drafts to label."""

    kind: Literal["draft_batch"] = "draft_batch"
    labels: dict[str, str] = Field(description="label -> meaning")
    drafts: list[DraftText] = Field(description="the texts")


# ----------------------------------------------------------------------------------------------- Labeler -> student


class LabelVerdict(Message):
    """The Labeler's answer to one text of a classification task."""

    id: str = Field(description="the draft's id")
    labels: list[str] = Field(
        description="all labels that could be meant, best first", json_schema_extra={VOCABULARY_KEY: "labels"}
    )
    confidence: float = Field(description="confidence in the first label, 0 to 1")

    def answer(self) -> str:
        """The best label."""
        return self.labels[0]


class EntityVerdict(Message):
    """The Labeler's answer to one text of a NER task."""

    id: str = Field(description="the draft's id")
    entities: list[Entity] = Field(description="the entities in order of occurrence")
    confidence: float = Field(description="confidence in the list as a whole, 0 to 1")

    def answer(self) -> list[Entity]:
        """The entities."""
        return self.entities


VerdictT = TypeVar("VerdictT", LabelVerdict, EntityVerdict)


class LabelReply(Message, Generic[VerdictT]):
    """The reply asked of the Labeler."""

    verdicts: list[VerdictT] = Field(description="one verdict per draft")


class LabelBatch(Message, Generic[VerdictT]):
    """The Labeler's accepted verdicts."""

    kind: Literal["label_batch"] = "label_batch"
    verdicts: list[VerdictT] = Field(description="accepted verdicts")


# -------------------------------------------------------------------------------------------------- student -> all


class TrainingReport(Message):
    """What one training did."""

    kind: Literal["training_report"] = "training_report"
    cycle: int = Field(description="evolution cycle, 0 for the start on the seeds")
    samples: int = Field(description="samples trained on")
    steps: int = Field(description="optimizer steps")
    seconds: float = Field(description="wall-clock seconds")
    loss: float = Field(description="mean training loss of the last tenth of the steps")
    before: float | None = Field(description="gate metric of the champion, null when there was none")
    after: float | None = Field(description="gate metric of the challenger, null when there was no gate data")
    promoted: bool = Field(description="whether the challenger became the champion")


# ------------------------------------------------------------------------------------------------------- the wire


def fence(message: FeedbackPacket | LessonPlan | DraftBatch) -> str:
    """Write a message as the block that ends every user turn; no text inside can close it.

    Returns:
        `<message kind="...">{JSON}</message>` with every `<` of the JSON written as a unicode escape.
    """
    body = message.model_dump(mode="json", exclude={"kind"})
    text = json.dumps(body, ensure_ascii=False).replace("<", "\\u003c")
    return f'<message kind="{message.kind}">{text}</message>'


def reply_schema(model: type[BaseModel], vocabularies: dict[str, Sequence[str]]) -> dict[str, Any]:
    """Make the JSON Schema of a reply class, closed word lists put in as enums.

    Args:
        model: a reply class.
        vocabularies: allowed values by vocabulary name (`labels`, `cases`); a missing name leaves a free string.
    """
    schema = model.model_json_schema()
    _close(schema, vocabularies)
    return schema


def _close(node: Any, vocabularies: dict[str, Sequence[str]]) -> None:
    if isinstance(node, list):
        for item in node:
            _close(item, vocabularies)
        return
    if not isinstance(node, dict):
        return
    name = node.pop(VOCABULARY_KEY, None)
    node.pop("title", None)
    for value in node.values():
        _close(value, vocabularies)
    if vocabularies.get(name):  # servers refuse an empty enum
        target = node.get("items") if node.get("type") == "array" else node
        if isinstance(target, dict) and target.get("type") == "string":
            target["enum"] = list(vocabularies[name])


# --------------------------------------------------------------------------------------------- the record of a call


class CallRecord(Message):
    """One attempt at a call of the teacher, as the ledger keeps it."""

    id: str = Field(description="cycle, role, lesson and attempt, such as c2-generator-l3-a1")
    key: str = Field(description="canonical hash of endpoint, model, messages, schema and parameters")
    cycle: int = Field(description="evolution cycle, from 1")
    role: str = Field(description="analyst, generator or labeler")
    span: str = Field(description="lesson id, or the cycle's own name")
    attempt: int = Field(description="from 1; a re-ask counts on")
    endpoint: str = Field(description="address asked, or 'rehearsal'")
    model: str = Field(description="model name asked for")
    ability: str = Field(description="response format used: json_schema, json_object_schema, json_object or plain")
    request: dict[str, Any] = Field(description="what was sent: messages and parameters")
    prompts: str = Field(description="hash of the rendered prompt set")
    status: Literal["ok", "fault", "error", "spent"] = Field(
        description="ok: used; fault: a reply came and could not be used as it is; error: no reply; "
        "spent: a fault that a resumed run asks anew"
    )
    raw: str = Field(description="the reply as it came, or the server's error text")
    flags: list[str] = Field(description="what had to be mended: reasoning, fence, prose, repaired, extra_keys, ...")
    faults: list[str] = Field(description="why the reply could not be used as it is")
    input_tokens: int = Field(description="tokens read by the model")
    output_tokens: int = Field(description="tokens written by the model")
    estimated: bool = Field(description="whether the token counts are estimates (the server reported none)")
    cost_usd: float | None = Field(description="US dollars, null where the price is unknown")
    price_source: str | None = Field(description="where the price came from")
    seconds: float = Field(description="wall-clock seconds until the reply")
