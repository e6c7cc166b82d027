"""What the Generator is asked for, what it writes, what the Labeler is asked and answers."""

from typing import ClassVar, Generic, Literal, NamedTuple, TypeVar

from pydantic import Field

from evokd.messages.base import VOCABULARY_KEY, Difficulty, Entity, Example, Message

LessonMode = Literal[
    "write", "paraphrase", "extrapolate", "rewrite_context", "swap_entities", "rewrite_and_swap", "misspell"
]
PLAIN_MODES: tuple[LessonMode, ...] = ("write", "paraphrase", "extrapolate")
ENTITY_MODES: tuple[LessonMode, ...] = ("rewrite_context", "swap_entities", "rewrite_and_swap", "misspell")
NEAR_COPY_MODES = frozenset({"swap_entities", "misspell"})
"""Modes whose texts are meant to be nearly those that they were made from."""

# --------------------------------------------------------------------------------------------- Analyst -> Generator


class Quota(Message):
    """How many texts of a label, or of a set of labels, are wanted."""

    omit_empty: ClassVar[frozenset[str]] = frozenset({"labels"})

    label: str = Field(description="the label; of a set its labels, parted by semicolons, or `(none)`")
    labels: list[str] = Field(default=[], description="labels that each of the texts has together")
    hard: int = Field(description="texts that the student would likely miss")
    easy: int = Field(description="texts that the student would likely get right")


class LessonTopic(Message):
    """The part of a weakness that the Generator needs (no evidence ids)."""

    name: str = Field(description="short name of the weakness")
    pattern: str = Field(description="what the failed texts have in common")
    labels: list[str] = Field(description="labels concerned")
    advice: str = Field(description="what kind of new texts would teach it")


class LessonPlan(Message):
    """What the Generator shall write for one weakness."""

    omit_empty: ClassVar[frozenset[str]] = frozenset(
        {"strategies", "variety", "profile", "tone", "examples", "avoid", "guide", "pairs"}
    )

    kind: Literal["lesson_plan"] = "lesson_plan"
    id: str = Field(description="lesson id")
    mode: LessonMode = Field(description="how the texts come about")
    strategies: dict[str, str] = Field(default={}, description="name -> instruction, to be shared out over the texts")
    variety: list[str] = Field(
        default=[], description="attributes of the texts, one set per text, in the order of the quotas"
    )
    profile: dict[str, dict[str, int]] = Field(
        default={}, description="axis -> value -> how many of the texts have it, as in the domain's real texts"
    )
    tone: list[str] = Field(default=[], description="real texts of the domain, unlabelled, for their tone alone")
    pairs: bool = Field(default=False, description="write the texts in pairs that differ in their label alone")
    guide: dict[str, str] = Field(default={}, description="label -> what it takes in and leaves out")
    weakness: LessonTopic = Field(description="what the lesson is about")
    labels: dict[str, str] = Field(description="label -> meaning")
    quotas: list[Quota] = Field(description="texts wanted per label")
    examples: list[Example] = Field(default=[], description="real texts with their right answers")
    avoid: list[str] = Field(default=[], description="texts or openings that are there and must not be repeated")


class PoolText(NamedTuple):
    """An unlabelled text of the domain."""

    source: str
    """File and line, such as pool.jsonl:12."""
    text: str


class LabelPlan(Message):
    """Which real texts the Labeler shall label; no Generator is asked."""

    kind: Literal["label_plan"] = "label_plan"
    id: str = Field(description="lesson id")
    weakness: LessonTopic = Field(description="what the texts were chosen for")
    labels: dict[str, str] = Field(description="label -> meaning")
    quotas: list[Quota] = Field(default=[], description="none: nothing is written")
    texts: list[PoolText] = Field(description="the texts with file and line")


# ---------------------------------------------------------------------------------------------- Generator -> Labeler


class Draft(Message):
    """One text as the Generator writes it."""

    text: str = Field(description="the new text")
    difficulty: Difficulty = Field(description="hard: the student would likely miss it; easy: it would get it")
    intended: str = Field(
        description="the answer the text was written for", json_schema_extra={VOCABULARY_KEY: "labels"}
    )
    pair: str = Field(default="", description="in a lesson of pairs: the same short name for both partners")


class EntityDraft(Message):
    """One text with entities, which come before it, so that a model that writes in order plans them first."""

    intended: list[Entity] = Field(description="the entities planned, in the order in which the text names them")
    text: str = Field(description="the new text around them")
    difficulty: Difficulty = Field(description="hard: the student would likely miss it; easy: it would get it")


class SetDraft(Message):
    """One text with all the labels that apply to it."""

    text: str = Field(description="the new text")
    difficulty: Difficulty = Field(description="hard: the student would likely miss it; easy: it would get it")
    intended: list[str] = Field(
        description="all labels that apply to the text, [] if none does", json_schema_extra={VOCABULARY_KEY: "labels"}
    )


DraftT = TypeVar("DraftT", Draft, EntityDraft, SetDraft)
PAIR = "pair"
"""Key of a draft that only lessons of pairs ask for."""


class GeneratorReply(Message, Generic[DraftT]):
    """The reply asked of the Generator."""

    drafts: list[DraftT] = Field(description="the new texts, as many as the quotas ask for")


class DraftText(Message):
    """A draft as the Labeler sees it: blind to what was intended."""

    id: str = Field(description="draft id, to be repeated in the verdict")
    text: str = Field(description="the text to label")


class DraftBatch(Message):
    """Texts to label."""

    omit_empty: ClassVar[frozenset[str]] = frozenset({"examples", "guide"})

    kind: Literal["draft_batch"] = "draft_batch"
    labels: dict[str, str] = Field(description="label -> meaning")
    guide: dict[str, str] = Field(default={}, description="label -> what it takes in and leaves out")
    examples: list[Example] = Field(default=[], description="real texts with their right answers")
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


class SetVerdict(Message):
    """The Labeler's answer to one text of a multilabel task."""

    id: str = Field(description="the draft's id")
    labels: list[str] = Field(
        description="all labels that apply, [] if none does", json_schema_extra={VOCABULARY_KEY: "labels"}
    )
    confidence: float = Field(description="confidence in the list as a whole, 0 to 1")

    def answer(self) -> list[str]:
        """The labels."""
        return self.labels


VerdictT = TypeVar("VerdictT", LabelVerdict, EntityVerdict, SetVerdict)


class LabelReply(Message, Generic[VerdictT]):
    """The reply asked of the Labeler."""

    verdicts: list[VerdictT] = Field(description="one verdict per draft")


class LabelBatch(Message, Generic[VerdictT]):
    """The Labeler's accepted verdicts."""

    kind: Literal["label_batch"] = "label_batch"
    verdicts: list[VerdictT] = Field(description="accepted verdicts")
