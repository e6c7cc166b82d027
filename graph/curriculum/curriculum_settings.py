"""Settings of the curriculum: what is shown to the Analyst, what is asked of the Generator, what is learned."""

from typing import Literal

from pydantic import Field, field_validator

from evokd.graph.curriculum.kinds import check_shares
from evokd.messages import ClosedModel, ErrorKind, LessonMode


class PacketSettings(ClosedModel):
    """What the Analyst is shown."""

    wrong: int = Field(default=6, ge=0, description="cases that the student got wrong")
    confident_wrong: int = Field(default=6, ge=0, description="cases that it got wrong with high confidence")
    right: int = Field(default=4, ge=0, description="cases that it got right")
    confident: float = Field(default=0.8, ge=0, le=1, description="confidence from which an answer counts as confident")
    report: bool = Field(default=True, description="show scores per label, confusions and kinds of mistakes")
    history: bool = Field(
        default=True, description="show the weaknesses of earlier cycles, what became of them, notices"
    )
    source: Literal["exam", "validation", "both", "seeds"] = Field(
        default="both",
        description="where cases come from: the texts of the last cycle, answered before they were learned (real ones"
        " before written ones), validation data, both, or the seeds",
    )


class QuotaSettings(ClosedModel):
    """How many texts a cycle asks for, and for what."""

    drafts: int = Field(default=80, ge=1, description="texts per cycle, written and real ones together")
    lesson: int = Field(
        default=40, ge=1, description="texts per request; up to a quarter more where that saves a request"
    )
    least: int = Field(
        default=24,
        ge=1,
        description="texts of a lesson on a weakness at least; with less room fewer weaknesses are taught",
    )
    mixed: bool = Field(
        default=True, description="all labels in each request, so that no topic or tone of a request becomes a label's"
    )
    hard: float = Field(default=0.0, ge=0, le=1, description="share of hard texts in a lesson on a weakness")
    hard_coverage: float = Field(default=0.0, ge=0, le=1, description="share of hard texts about no weakness")
    pairs: bool = Field(
        default=True,
        description="write texts on a weakness in pairs that differ in their label alone, where a whole text has one",
    )
    coverage: Literal["poorest", "chance"] = Field(
        default="poorest",
        description="labels of texts about no weakness: fill up those with the fewest samples, or draw each by chance",
    )
    no_label: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="share of texts without any label among those about no weakness, where a task has such texts, until"
        " real ones tell how many there are",
    )
    weaknesses: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="share of the written texts for weaknesses in a cycle that asks the Analyst",
    )
    fill: bool = Field(
        default=True, description="write texts about no weakness where fewer are needed for weaknesses and errors"
    )


class AnalystSettings(ClosedModel):
    """When the Analyst is asked: feedback costs tokens, and tells nothing while the student answers by chance."""

    first: int = Field(default=2, ge=1, description="first cycle that asks it")
    every: int = Field(
        default=2, ge=1, description="asked in every n-th cycle, whose written texts are about what it finds"
    )
    above_chance: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="how far the student must be on the way from guessing to faultless (1) in the packet's report;"
        " 0 = ask whatever it does",
    )
    real: bool = Field(
        default=True, description="asked only where cases are real texts: of the pool, or validation data"
    )


class PoolSettings(ClosedModel):
    """What becomes of the domain's unlabelled texts (`data.pool`)."""

    select: Literal["auto", "random", "coverage", "doubt"] = Field(
        default="auto",
        description="which texts are labelled: any (random), those that stand for the whole pool (coverage), those that"
        " the student is unsure of (doubt), or coverage first and both in turn later (auto)",
    )
    weigh_labels: bool = Field(
        default=True,
        description="learn the label of a real text by the confidence that came with it, so that a doubtful one counts"
        " for little; not for lists of entities, whose one confidence says nothing of each",
    )


class WarmUpSettings(ClosedModel):
    """First cycles that ask only for texts about no weakness, before any feedback."""

    cycles: int = Field(default=0, ge=0, description="cycles; 0 = none")
    mode: LessonMode = Field(default="write", description="lesson mode of these cycles")
    drafts: int | None = Field(default=None, ge=1, description="drafts per such cycle; none = quotas.drafts")


class ErrorModes(ClosedModel):
    """Lesson modes for a weakness by the kind of mistake that its evidence shows most, taken in turn."""

    type: list[LessonMode] = Field(default=["write", "rewrite_and_swap"], min_length=1, description="type confusions")
    boundary: list[LessonMode] = Field(default=["write"], min_length=1, description="right type, wrong ends")
    missed: list[LessonMode] = Field(default=["write"], min_length=1, description="entities that were not found")
    invented: list[LessonMode] = Field(default=["write"], min_length=1, description="entities where there is none")

    def of(self, kind: ErrorKind) -> list[LessonMode]:
        """Modes for one kind of mistake."""
        modes: list[LessonMode] = getattr(self, kind)
        return modes


class CurriculumSettings(ClosedModel):
    """What is shown to the Analyst, asked of the Generator, labelled and learned."""

    source: Literal["auto", "pool", "write", "mix"] = Field(
        default="auto",
        description="where samples come from: real texts of the pool (pool), the Generator (write), half of each (mix),"
        " or both in shares that follow what each kind of text teaches (auto); without a pool the Generator alone",
    )
    shares: dict[str, float] = Field(
        default={},
        description="kind of text -> its share of the samples to begin with; empty = what was best on average, see"
        " `evokd presets`",
    )
    compete: bool = Field(
        default=True, description="let the shares follow the effect of each kind on the loss on real texts"
    )
    packet: PacketSettings = Field(default=PacketSettings(), description="what a feedback packet holds")
    analyst: AnalystSettings = Field(default=AnalystSettings(), description="when the Analyst is asked")
    pool: PoolSettings = Field(default=PoolSettings(), description="what becomes of unlabelled texts")
    warm_up: WarmUpSettings = Field(default=WarmUpSettings(), description="first cycles without feedback")
    weaknesses: int = Field(default=2, ge=0, description="weaknesses per cycle at most; 0 asks no Analyst")
    test_statements: bool = Field(
        default=True, description="use a weakness only if the student errs or doubts on the texts that it is about"
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
    quotas: QuotaSettings = Field(default=QuotaSettings(), description="texts per cycle and their shares")
    style_examples: int = Field(
        default=15,
        ge=0,
        description="real unlabelled lines shown with a lesson for their tone, others every time; 0 = none",
    )
    style_example_tokens: int = Field(default=500, ge=0, description="tokens that these lines take at most")
    examples: int = Field(
        default=8, ge=0, description="labelled real examples shown to Analyst and Generator with a request at most"
    )
    label_examples: int = Field(
        default=8,
        ge=0,
        description="labelled real examples shown to the Labeler at most, those most like the texts it is to label",
    )
    example_tokens: int = Field(default=600, ge=0, description="tokens that the examples of a request take at most")
    examples_from: Literal["real", "all"] = Field(
        default="real",
        description="what labelled examples are: the user's own rows (real), or these and accepted samples (all)",
    )
    avoid: int = Field(default=12, ge=0, description="openings of accepted texts shown with a lesson plan")
    phrases: int = Field(
        default=6, ge=0, description="phrases that accepted texts overuse, shown with a lesson plan to be avoided"
    )
    profile: Literal["auto", "off"] = Field(
        default="auto",
        description="auto: the Analyst reads real lines at the start and writes on which axes they differ, and written"
        " texts follow it; a file `profile.yaml` of the domain takes its place",
    )
    guide: Literal["auto", "off"] = Field(
        default="off",
        description="auto: the Analyst writes what each label takes in and leaves out; it is used only if the Labeler"
        " agrees with labelled rows no less with it than without; a file `guide.yaml` of the domain takes its place",
    )
    measure_rows: int = Field(
        default=24,
        ge=0,
        description="validation rows that the Labeler answers blindly at the start, so that the error of its labels is"
        " known; 0 = none, as where there are fewer than 20",
    )
    labels: Literal["auto", "labeler", "doubtful", "contested", "generator"] = Field(
        default="auto",
        description="whose label of a written text counts: a separate, blind one (labeler); the same, but it is asked"
        " only where the student is not sure of what the text was written for (doubtful), or where it is sure of"
        " something else (contested); or what the text was written for (generator). auto: contested. Real texts are"
        " always labelled blindly",
    )
    confirm: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="confidence from which the student's answer spares the Labeler a text (doubtful), or from which it"
        " contests one (contested)",
    )
    audit: int = Field(
        default=4,
        ge=0,
        description="texts that are checked with those in doubt although the student confirms them, drawn by chance",
    )
    check_least: int = Field(
        default=12, ge=1, description="texts in doubt below which none is checked: a request has its price"
    )
    trust_after: int = Field(
        default=12,
        ge=0,
        description="checked texts without a single disputed label after which no more written texts are checked;"
        " 0 = checked to the end",
    )
    review: int = Field(default=400, ge=0, description="older samples per training that may come back; 0 = none")

    @property
    def label_rule(self) -> str:
        """Whose label of a written text counts, with `auto` decided."""
        return "contested" if self.labels == "auto" else self.labels

    @field_validator("source", mode="before")
    @classmethod
    def _tell_moved(cls, value: object) -> object:
        if value in ("exam", "validation", "both", "seeds"):
            raise ValueError(
                f"where cases come from is set by curriculum.packet.source now; write that key for {value!r}"
            )
        return value

    @field_validator("profile", "guide", mode="before")
    @classmethod
    def _read_off(cls, value: object) -> object:
        return "off" if value is False else value  # what YAML makes of a bare off

    @field_validator("shares")
    @classmethod
    def _check_shares(cls, value: dict[str, float]) -> dict[str, float]:
        fault = check_shares(value)
        if fault:
            raise ValueError(fault)
        return value
