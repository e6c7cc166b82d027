"""The messages that the student, the agents and the graph exchange, and the replies asked of a language model."""

from typing import ClassVar, Generic, Literal, TypeVar

from pydantic import Field

from agents.messages.base import VOCABULARY_KEY, CaseVerdict, Difficulty, Entity, Gold, Message

LessonMode = Literal[
    "write", "paraphrase", "extrapolate", "rewrite_context", "swap_entities", "rewrite_and_swap", "misspell"
]
PLAIN_MODES: tuple[LessonMode, ...] = ("write", "paraphrase", "extrapolate")
ENTITY_MODES: tuple[LessonMode, ...] = ("rewrite_context", "swap_entities", "rewrite_and_swap", "misspell")
LIKE_THEIR_SOURCE = frozenset({"swap_entities", "misspell"})
"""Modes whose texts are meant to be nearly those that they were made from."""
ErrorKind = Literal["boundary", "type", "missed", "invented"]

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


class CaseError(Message):
    """One mistake inside a text; see `student.entity_errors` for what belongs to which kind."""

    kind: ErrorKind = Field(description="boundary: right type, wrong ends; type: wrong type; missed; invented")
    gold: Entity | None = Field(description="the right entity, null for an invented one")
    predicted: Entity | None = Field(description="the student's entity, null for a missed one")


class ErrorCount(Message):
    """How often one kind of mistake was made."""

    kind: ErrorKind = Field(description="boundary, type, missed or invented")
    label: str = Field(description="type of the right entity; of the student's where it invented one")
    count: int = Field(description="mistakes in all examined texts")


class Case(Message):
    """One examined text and the student's answer to it."""

    omit_empty: ClassVar[frozenset[str]] = frozenset({"marked", "answered", "errors"})

    id: str = Field(description="case id, to be cited as evidence")
    text: str = Field(description="the text")
    gold: Gold = Field(description="the right answer")
    predicted: Gold = Field(description="the student's answer")
    confidence: float = Field(description="the student's confidence in its answer, 0 to 1")
    verdict: CaseVerdict = Field(description="right, wrong, or wrong with high confidence")
    marked: str | None = Field(default=None, description="the text with the right entities marked: [entity](type)")
    answered: str | None = Field(default=None, description="the text with the student's entities marked")
    errors: list[CaseError] = Field(default=[], description="the mistakes, one by one")


class OpenWeakness(Message):
    """A weakness named in an earlier cycle and what the lessons on it did."""

    id: str = Field(description="weakness id")
    name: str = Field(description="short name")
    state: Literal["open", "improving", "fixed", "regressed", "rolled_back", "given_up", "dropped"] = Field(
        description="where it stands; dropped: its evidence did not bear it out, so nothing was written on it"
    )
    effect: float | None = Field(description="change of its mastery since it was named, -1 to 1")
    mastery: float | None = Field(default=None, description="share of texts of its kind answered right, 0 to 1")


class FeedbackPacket(Message):
    """What the student got right and wrong, for the Analyst."""

    omit_empty: ClassVar[frozenset[str]] = frozenset({"errors"})

    kind: Literal["feedback_packet"] = "feedback_packet"
    cycle: int = Field(description="evolution cycle, from 1")
    task: str = Field(description="the task's name")
    labels: dict[str, str] = Field(description="label -> meaning")
    report: list[LabelScore] = Field(description="score per label")
    confusions: list[Confusion] = Field(description="most frequent confusions first")
    errors: list[ErrorCount] = Field(default=[], description="mistakes by kind and type, most frequent first")
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

    omit_empty: ClassVar[frozenset[str]] = frozenset({"strategies", "variety", "tone"})

    kind: Literal["lesson_plan"] = "lesson_plan"
    id: str = Field(description="lesson id")
    mode: LessonMode = Field(description="how the texts come about")
    strategies: dict[str, str] = Field(default={}, description="name -> instruction, to be shared out over the texts")
    variety: list[str] = Field(
        default=[],
        description="attributes (topic, if any; length; register; phrasing; situation), one set per text, in the order"
        " of the quotas",
    )
    tone: list[str] = Field(default=[], description="real texts of the domain, for their tone alone")
    weakness: LessonTopic = Field(description="what the lesson is about")
    labels: dict[str, str] = Field(description="label -> meaning")
    quotas: list[Quota] = Field(description="texts wanted per label")
    examples: list[Example] = Field(description="examples with their right answers")
    avoid: list[str] = Field(description="texts or openings that are already there and must not be repeated")


# ---------------------------------------------------------------------------------------------- Generator -> Labeler


class Draft(Message):
    """One text as the Generator writes it."""

    text: str = Field(description="the new text")
    difficulty: Difficulty = Field(description="hard: the student would likely miss it; easy: it would get it")
    intended: str = Field(
        description="the answer the text was written for", json_schema_extra={VOCABULARY_KEY: "labels"}
    )


class EntityDraft(Message):
    """One text with entities, which come before it, so that a model that writes in order plans them first."""

    intended: list[Entity] = Field(description="the entities planned, in the order in which the text names them")
    text: str = Field(description="the new text around them")
    difficulty: Difficulty = Field(description="hard: the student would likely miss it; easy: it would get it")


DraftT = TypeVar("DraftT", Draft, EntityDraft)


class GeneratorReply(Message, Generic[DraftT]):
    """The reply asked of the Generator."""

    drafts: list[DraftT] = Field(description="the new texts, as many as the quotas ask for")


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
