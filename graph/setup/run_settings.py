"""The configuration tree: one closed model, composed of the sections that each room owns."""

from typing import Literal

from pydantic import Field, field_validator

from evokd.agents.llm.teacher_settings import RolesSettings, TeacherSettings
from evokd.graph.curriculum.curriculum_settings import CurriculumSettings
from evokd.messages import ClosedModel
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.student.student_settings import CurationSettings, StudentSettings


class RowsSettings(ClosedModel):
    """Which labelled rows of the domain a run may see; all of them if not set. For experiments."""

    shots: int | None = Field(
        default=None,
        ge=1,
        description="labelled examples per label to start from, drawn by the seed from the rehearsal corpus, which then"
        " never serves them; null = the domain's own seeds",
    )
    validation: int | None = Field(
        default=None, ge=0, description="validation rows, drawn by the seed, labels in proportion; null = all, 0 = none"
    )
    set_aside: int | None = Field(
        default=None,
        ge=0,
        description="validation rows used for training and as examples from the start, instead of for steering; null ="
        " two fifths of them, at most 40, if there are 60 or more",
    )
    pool: int | None = Field(
        default=None, ge=0, description="unlabelled lines of the pool, drawn by the seed; null = all, 0 = none"
    )


class GateSettings(ClosedModel):
    """When a newly trained student replaces the champion."""

    metric: str | None = Field(default=None, description="metric that decides; none = the domain's")
    rule: Literal["roll_back", "keep_best", "off"] = Field(
        default="roll_back",
        description="after a drop in the metric: discard the new student and its samples (roll_back), only the new"
        " student (keep_best), or nothing (off)",
    )
    tolerance: float = Field(default=0.05, ge=0, le=1, description="drop in the metric that is still accepted")
    holdout: float = Field(
        default=0.15, ge=0, lt=1, description="share of accepted samples set aside if there is no validation data"
    )
    holdout_from: int = Field(
        default=300,
        ge=0,
        description="up to this many accepted samples, none is set aside: so few are all needed for training",
    )
    minimum: int = Field(default=20, ge=1, description="with fewer set-aside samples, every student is accepted")

    @field_validator("rule", mode="before")
    @classmethod
    def _read_off(cls, value: object) -> object:
        return "off" if value is False else value  # what YAML makes of a bare off


class CycleBudget(ClosedModel):
    """What each cycle may use; when a budget is spent, the cycle continues with what it has."""

    samples: int | None = Field(default=None, ge=1, description="accepted samples per cycle")
    tokens: int | None = Field(default=None, ge=1, description="tokens read and written by the teacher per cycle")
    usd: float | None = Field(default=None, gt=0, description="US dollars per cycle; needs a known price")


class BudgetSettings(ClosedModel):
    """What a run may use; it ends normally once one is spent. Checked before every call, including calls in flight."""

    samples: int | None = Field(default=240, ge=1, description="accepted samples; counts as spent at 99 %")
    tokens: int | None = Field(default=None, ge=1, description="tokens read and written by the teacher")
    usd: float | None = Field(default=None, gt=0, description="US dollars; needs a known price")
    cycle: CycleBudget = Field(default=CycleBudget(), description="what each cycle may use")

    def caps_calls(self) -> bool:
        """Whether tokens or money are capped, of the run or of a cycle."""
        return any((self.tokens, self.usd, self.cycle.tokens, self.cycle.usd))


class PublishSettings(ClosedModel):
    """What is done with the champion at the end."""

    refit: bool = Field(
        default=True,
        description="train once more at the end with the validation rows added; the reported validation score is the"
        " one from before",
    )


class ReviewSettings(ClosedModel):
    """Which texts people decide on before a training; the run waits for them. See docs/review.md."""

    mode: Literal["off", "disputes", "sample", "all"] = Field(
        default="off",
        description="none (off), those on whose labels Labeler, Generator and student disagree (disputes), some"
        " drawn at random (sample), or all",
    )
    sample: int = Field(default=20, ge=1, description="texts per cycle that are drawn, for mode sample")

    @field_validator("mode", mode="before")
    @classmethod
    def _read_off(cls, value: object) -> object:
        return "off" if value is False else value  # what YAML makes of a bare off


class StopSettings(ClosedModel):
    """When a run ends before its budget is spent."""

    cycles: int = Field(default=20, ge=0, description="maximum number of evolution cycles")
    target: float | None = Field(default=None, ge=0, le=1, description="stop at this gate metric")
    patience: int | None = Field(
        default=None, ge=1, description="stop after so many cycles without a better gate metric"
    )
    gain: float | None = Field(
        default=None,
        ge=0,
        description="stop if the last three cycles raise the gate metric by less than this per 1,000 tokens",
    )


class Settings(ClosedModel):
    """The whole tree."""

    teacher: TeacherSettings = Field(default=TeacherSettings(), description="the language model")
    student: StudentSettings = Field(default=StudentSettings(), description="the small model and its training")
    curriculum: CurriculumSettings = Field(default=CurriculumSettings(), description="feedback and lessons")
    curation: CurationSettings = Field(default=CurationSettings(), description="which drafts become samples")
    gate: GateSettings = Field(default=GateSettings(), description="which student becomes champion")
    budget: BudgetSettings = Field(default=BudgetSettings(), description="what may be spent")
    publish: PublishSettings = Field(default=PublishSettings(), description="what becomes of the champion at the end")
    review: ReviewSettings = Field(default=ReviewSettings(), description="which texts people decide on")
    stop: StopSettings = Field(default=StopSettings(), description="when to stop")
    rehearsal: RehearsalSettings = Field(default=RehearsalSettings(), description="the embedded teacher")
    rows: RowsSettings = Field(default=RowsSettings(), description="which labelled rows are used")
    seed: int = Field(default=0, ge=0, lt=2**31, description="seed of every random choice")


RESUMABLE = (
    "teacher.base_url",
    "teacher.api_key_env",
    "teacher.prices",
    "teacher.concurrency",
    "teacher.timeout",
    "teacher.retries",
    "teacher.limits",
    "teacher.batch",
    "teacher.batch_discount",
    "teacher.batch_tries",
    "teacher.batch_poll",
    "student.allow_unreadable",
    *(
        f"teacher.roles.{role}.{key}"
        for role in RolesSettings.model_fields
        for key in ("base_url", "api_key_env", "prices", "batch")
    ),
    "budget",
    "stop",
    "review",
    "student.device",
    "student.threads",
)
"""Settings that may differ when a run is resumed, a section with all its keys: where the teacher is and how heavily it
is used, what may be spent, when to stop, what people look at, where the student computes. They change no sample that
the teacher makes."""


def is_free(key: str) -> bool:
    """Whether a setting (dotted) may be changed when a run is resumed."""
    return any(key == free or key.startswith(f"{free}.") for free in RESUMABLE)
