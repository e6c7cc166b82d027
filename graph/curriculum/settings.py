"""Settings of the curriculum: what is shown to the Analyst, what is asked of the Generator, what is learned."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from agents.messages import ErrorKind, LessonMode


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PacketSettings(_Section):
    """What the Analyst is shown."""

    wrong: int = Field(default=12, ge=0, description="cases that the student got wrong")
    confident_wrong: int = Field(default=12, ge=0, description="cases that it got wrong with high confidence")
    right: int = Field(default=8, ge=0, description="cases that it got right")
    confident: float = Field(default=0.8, ge=0, le=1, description="confidence from which an answer counts as confident")
    report: bool = Field(default=True, description="show scores per label, confusions and kinds of mistakes")
    history: bool = Field(
        default=True, description="show the weaknesses of earlier cycles, what became of them, notices"
    )


class QuotaSettings(_Section):
    """How many texts a cycle asks for, and for what."""

    drafts: int = Field(default=48, ge=1, description="drafts per cycle")
    lesson: int = Field(
        default=24, ge=1, description="drafts per lesson: at most on a weakness, about so many in breadth"
    )
    least: int = Field(
        default=12,
        ge=1,
        description="drafts of a lesson on a weakness at least; with less room fewer are taught",
    )
    hard: float = Field(default=0.5, ge=0, le=1, description="share of hard texts in a lesson on a weakness")
    hard_breadth: float = Field(default=0.0, ge=0, le=1, description="share of hard texts in breadth")
    breadth: Literal["poorest", "chance"] = Field(
        default="poorest",
        description="labels of the texts for breadth: fill up those with the fewest samples, or draw each by chance",
    )
    blank: float = Field(
        default=0.1, ge=0, le=1, description="share of texts without any label in breadth, where a task has such texts"
    )
    coverage_until: float = Field(
        default=8.0, ge=0, description="samples per label below which breadth comes before weaknesses"
    )
    coverage_below: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="mean F1 of the labels in the packet's report below which breadth comes first as well, 0 to 1",
    )
    coverage_early: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="share of drafts for breadth up to that point; 1 asks no Analyst before it",
    )
    coverage_late: float = Field(default=0.7, ge=0, le=1, description="share of drafts for breadth afterwards")
    pool: float = Field(
        default=6.0,
        ge=1,
        le=50,
        description="texts to choose from in breadth, per text that is kept: the chosen ones have together the mean of"
        " all in the student's embedding, the others are left over for later cycles and not labelled; 1 keeps all (as"
        " it is where entities are named)",
    )
    refill: float = Field(
        default=2.0,
        ge=1,
        le=50,
        description="texts left over of a label, per text that is to be kept, below which its pool is filled up again",
    )
    pool_lesson: int = Field(default=48, ge=1, description="drafts per lesson that writes for the pool, about")
    fill: bool = Field(default=True, description="give to breadth what no weakness and no error takes up")


class WarmUpSettings(_Section):
    """First cycles that ask for breadth alone, before any feedback."""

    cycles: int = Field(default=0, ge=0, description="cycles; 0 = none")
    mode: LessonMode = Field(default="write", description="lesson mode of these cycles")
    drafts: int | None = Field(default=None, ge=1, description="drafts per such cycle; none = quotas.drafts")


class ErrorModes(_Section):
    """Lesson modes for a weakness by the kind of mistake that its evidence shows most, taken in turn."""

    type: list[LessonMode] = Field(default=["write", "rewrite_and_swap"], min_length=1, description="type confusions")
    boundary: list[LessonMode] = Field(default=["write"], min_length=1, description="right type, wrong ends")
    missed: list[LessonMode] = Field(default=["write"], min_length=1, description="entities that were not found")
    invented: list[LessonMode] = Field(default=["write"], min_length=1, description="entities where there is none")

    def of(self, kind: ErrorKind) -> list[LessonMode]:
        """Modes for one kind of mistake."""
        modes: list[LessonMode] = getattr(self, kind)
        return modes


class CurriculumSettings(_Section):
    """What is shown to the Analyst and asked of the Generator."""

    packet: PacketSettings = Field(default=PacketSettings(), description="what a feedback packet holds")
    source: Literal["exam", "validation", "both", "seeds"] = Field(
        default="both",
        description="where cases come from: the last accepted batch before it was trained on, validation data, both, or"
        " the seeds",
    )
    warm_up: WarmUpSettings = Field(default=WarmUpSettings(), description="first cycles without feedback")
    weaknesses: int = Field(default=4, ge=0, description="weaknesses per cycle at most; 0 asks no Analyst")
    test_statements: bool = Field(
        default=True,
        description="use a weakness only if its evidence lies apart from right cases in the student's embedding",
    )
    give_up: int = Field(
        default=3, ge=0, description="cycles of lessons on a weakness without success after which it is left; 0 = never"
    )
    errors: int = Field(
        default=0, ge=0, description="wrong cases per cycle that are extrapolated into a text each, asking no Analyst"
    )
    modes: list[LessonMode] = Field(
        default=["write"],
        min_length=1,
        description="lesson modes, taken in turn; for weaknesses with mistakes inside texts see error_modes",
    )
    error_modes: ErrorModes = Field(
        default=ErrorModes(), description="lesson modes for weaknesses whose evidence shows mistakes inside texts"
    )
    strategies: int = Field(default=4, ge=0, description="context strategies shown with a lesson that rewrites")
    quotas: QuotaSettings = Field(default=QuotaSettings(), description="drafts per cycle and their shares")
    examples: int = Field(default=2, ge=0, description="labelled examples shown with a lesson plan")
    tone: int = Field(
        default=2,
        ge=0,
        description="seed texts that a lesson of new texts is shown for their tone, without labels, in the place of"
        " examples (not where entities are named); 0 = examples",
    )
    examples_from: Literal["all", "seeds"] = Field(
        default="all", description="what these examples are: seeds and accepted samples, or seeds alone"
    )
    avoid: int = Field(default=16, ge=0, description="openings of accepted texts shown with a lesson plan")
    phrases: int = Field(
        default=8, ge=0, description="phrases that accepted texts overuse, shown with a lesson plan to be avoided"
    )
    variety: bool = Field(
        default=True,
        description="plan attributes of the texts (length, register, phrasing, situation, and topic where the domain"
        " has `topics`), a set for each",
    )
    labels: Literal["labeler", "doubtful", "generator"] = Field(
        default="doubtful",
        description="whose label counts: a separate, blind one; the same, but it is asked only where the student does"
        " not answer what the text was written for; or what the text was written for",
    )
    confirm: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="confidence from which such an answer of the student spares the Labeler",
    )
    review: int = Field(default=400, ge=0, description="older samples per training that may come back; 0 = none")
