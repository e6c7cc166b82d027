"""Settings of the curriculum: what is shown to the Analyst, what is asked of the Generator, what is learned."""

from typing import Literal

from pydantic import Field, field_validator

from evokd.graph.curriculum.kinds import check_shares
from evokd.messages import ClosedModel, ErrorKind, LessonMode
from evokd.messages.suggest import suggest


class PacketSettings(ClosedModel):
    """What the Analyst is shown."""

    wrong: int = Field(default=6, ge=0, description="cases that the student got wrong")
    confident_wrong: int = Field(default=6, ge=0, description="cases that it got wrong with high confidence")
    right: int = Field(default=4, ge=0, description="cases that it got right")
    confident: float = Field(
        default=0.8, ge=0, le=1, description="from this confidence on, an answer counts as confident"
    )
    report: bool = Field(default=True, description="show scores per label, confusions and kinds of mistakes")
    history: bool = Field(
        default=True, description="show the weaknesses of earlier cycles, what became of them, and notices"
    )
    source: Literal["exam", "validation", "both", "seeds"] = Field(
        default="both",
        description="where cases come from: the texts of the last cycle, answered before they were learned (real ones"
        " before written ones), validation data, both, or the seeds",
    )


class QuotaSettings(ClosedModel):
    """How many texts a cycle asks for, and for what."""

    drafts: int = Field(default=80, ge=1, description="texts per cycle, written and real ones together")
    lesson: int = Field(default=40, ge=1, description="texts per request; up to a quarter more if that saves a request")
    least: int = Field(
        default=24,
        ge=1,
        description="minimum texts of a lesson on a weakness; if there is less room, fewer weaknesses are taught",
    )
    mixed: bool = Field(
        default=True,
        description="all labels in each request, so that no label is tied to the topic or tone of a request",
    )
    hard: float = Field(default=0.0, ge=0, le=1, description="share of hard texts in a lesson on a weakness")
    hard_coverage: float = Field(default=0.0, ge=0, le=1, description="share of hard texts about no weakness")
    pairs: bool = Field(
        default=True,
        description="write texts on a weakness in pairs that differ only in their label, if each text has one label",
    )
    coverage: Literal["poorest", "chance"] = Field(
        default="poorest",
        description="labels of texts about no weakness: fill up those with the fewest samples, or draw each at random",
    )
    no_label: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="share of texts without any label among those about no weakness, if a task has such texts, until"
        " real ones tell how many there are",
    )
    weaknesses: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="share of the written texts for weaknesses in a cycle that asks the Analyst",
    )
    fill: bool = Field(
        default=True, description="fill up with texts about no weakness if weaknesses and errors need fewer"
    )


class AnalystSettings(ClosedModel):
    """When the Analyst is asked: feedback costs tokens and is of no use while the student guesses."""

    first: int = Field(default=2, ge=1, description="first cycle that asks the Analyst")
    every: int = Field(
        default=2, ge=1, description="ask in every n-th cycle, whose written texts are about what the Analyst finds"
    )
    above_chance: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="how far the student must be on the way from guessing to faultless (1) in the packet's report;"
        " 0 = ask in any case",
    )
    real: bool = Field(default=True, description="ask only if cases are real texts: of the pool, or validation data")


class PoolSettings(ClosedModel):
    """What becomes of the domain's unlabelled texts (`data.pool`)."""

    select: Literal["auto", "random", "coverage", "doubt"] = Field(
        default="auto",
        description="which texts are labelled: any (random), those that represent the whole pool (coverage), those that"
        " the student is unsure of (doubt), or coverage first and both in turn later (auto)",
    )
    lines: int | None = Field(
        default=10_000,
        ge=1,
        description="lines that texts to label are chosen from; of a larger pool a sample, whatever their order;"
        " all = no limit. Above 10,000 they are prepared on disk once (docs/large-pools.md)",
    )
    vectors: Literal["words", "encoder"] = Field(
        default="words",
        description="above 10,000 lines, what likeness is measured by: the base's vectors of sub-words (words), or its"
        " whole encoder (encoder), which takes ninety times as long without a GPU",
    )
    weigh_labels: bool = Field(
        default=True,
        description="weight the label of a real text by the Labeler's confidence in it, so that a doubtful one counts"
        " for little; not for lists of entities, whose one confidence says nothing about each entity",
    )

    @field_validator("lines", mode="before")
    @classmethod
    def _read_all(cls, value: object) -> object:
        if value == "all":
            return None
        if isinstance(value, str) and not value.isdecimal():
            raise ValueError(f"must be a whole number, or all{suggest(value.lower(), ['all'])}")
        return value


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
        " or both in shares that follow what each kind of text teaches (auto); without a pool, only the Generator",
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
    weaknesses: int = Field(default=2, ge=0, description="maximum weaknesses per cycle; 0 = the Analyst is not asked")
    test_statements: bool = Field(
        default=True, description="use a weakness only if the student errs or is unsure on the texts that it is about"
    )
    give_up: int = Field(
        default=3, ge=0, description="give up a weakness after this many cycles of lessons without success; 0 = never"
    )
    errors: int = Field(
        default=0, ge=0, description="wrong cases per cycle, each extrapolated into one text without asking the Analyst"
    )
    modes: list[LessonMode] = Field(
        default=["write"],
        min_length=1,
        description="lesson modes, taken in turn; for weaknesses with mistakes inside texts, see error_modes",
    )
    error_modes: ErrorModes = Field(
        default=ErrorModes(), description="lesson modes for weaknesses whose evidence shows mistakes inside texts"
    )
    strategies: int = Field(default=4, ge=0, description="context strategies shown with a lesson that rewrites")
    quotas: QuotaSettings = Field(default=QuotaSettings(), description="texts per cycle and their shares")
    style_examples: int = Field(
        default=15,
        ge=0,
        description="real unlabelled lines shown with a lesson for their tone, different ones each time; 0 = none",
    )
    style_example_tokens: int = Field(default=500, ge=0, description="maximum tokens of these lines")
    examples: int = Field(
        default=8, ge=0, description="maximum labelled real examples shown to Analyst and Generator with a request"
    )
    label_examples: int = Field(
        default=8,
        ge=0,
        description="maximum labelled real examples shown to the Labeler, those most similar to the texts to label",
    )
    example_tokens: int = Field(default=600, ge=0, description="maximum tokens of the examples of a request")
    examples_from: Literal["real", "all"] = Field(
        default="real",
        description="what labelled examples are: the user's rows (real), or these and accepted samples (all)",
    )
    avoid: int = Field(default=12, ge=0, description="openings of accepted texts shown with a lesson plan")
    phrases: int = Field(
        default=6,
        ge=0,
        description="phrases overused in accepted texts, shown with a lesson plan so that they are avoided",
    )
    profile: Literal["auto", "off"] = Field(
        default="auto",
        description="auto: the Analyst reads real lines at the start and names the axes on which they differ, and"
        " written texts follow these; a file `profile.yaml` of the domain replaces it",
    )
    guide: Literal["auto", "off"] = Field(
        default="off",
        description="auto: the Analyst writes what each label includes and excludes; it is used only if the Labeler"
        " agrees with labelled rows at least as often with it as without; a file `guide.yaml` of the domain replaces"
        " it",
    )
    measure_rows: int = Field(
        default=24,
        ge=0,
        description="validation rows that the Labeler answers blindly at the start, so that the error rate of its"
        " labels is known; 0 = none, as with fewer than 20 rows",
    )
    labels: Literal["auto", "labeler", "doubtful", "contested", "generator"] = Field(
        default="auto",
        description="whose label of a written text counts: a separate, blind one (labeler); the same, but asked"
        " only where the student is not sure of what the text was written for (doubtful), or where it is sure of"
        " something else (contested); or what the text was written for (generator). auto: contested. Real texts are"
        " always labelled blindly",
    )
    confirm: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="student confidence at which a text skips the Labeler (doubtful), or at which the student"
        " contests one (contested)",
    )
    audit: int = Field(
        default=4,
        ge=0,
        description="randomly drawn texts that are checked with the doubtful ones although the student confirms them",
    )
    check_least: int = Field(
        default=12, ge=1, description="with fewer doubtful texts than this, none is checked: a request has its price"
    )
    trust_after: int = Field(
        default=12,
        ge=0,
        description="after this many checked texts without a disputed label, no more written texts are checked;"
        " 0 = check to the end",
    )
    review: int = Field(default=400, ge=0, description="older samples per training that may be used again; 0 = none")

    @property
    def label_rule(self) -> str:
        """Whose label of a written text counts, with `auto` decided."""
        return "contested" if self.labels == "auto" else self.labels

    @field_validator("source", mode="before")
    @classmethod
    def _tell_moved(cls, value: object) -> object:
        if value in ("exam", "validation", "both", "seeds"):
            raise ValueError(
                f"the source of cases is now set by curriculum.packet.source; write that key for {value!r}"
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
