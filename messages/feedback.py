"""What the student got right and wrong, what the Analyst makes of it, and what a training did."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from evokd.messages.base import VOCABULARY_KEY, CaseVerdict, Entity, Example, Gold, Message, Origin

ErrorKind = Literal["boundary", "type", "missed", "invented"]
MasteryState = Literal["open", "improving", "fixed", "regressed", "rolled_back", "given_up", "dropped"]
"""What has become of a weakness."""

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
    """One mistake inside a text; see `student.tasks.ner.errors` for what belongs to which kind."""

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
    origin: Origin = Field(default="written", description="real: the user's own text; written: by the Generator")
    marked: str | None = Field(default=None, description="the text with the right entities marked: [entity](type)")
    answered: str | None = Field(default=None, description="the text with the student's entities marked")
    errors: list[CaseError] = Field(default=[], description="the mistakes, one by one")


class OpenWeakness(Message):
    """A weakness named in an earlier cycle and what the lessons on it did."""

    id: str = Field(description="weakness id")
    name: str = Field(description="short name")
    state: MasteryState = Field(
        description="where it stands; dropped: its evidence did not bear it out, so nothing was written on it"
    )
    effect: float | None = Field(description="change of its mastery since it was named, -1 to 1")
    mastery: float | None = Field(default=None, description="share of texts of its kind answered right, 0 to 1")


class FeedbackPacket(Message):
    """What the student got right and wrong, for the Analyst."""

    omit_empty: ClassVar[frozenset[str]] = frozenset({"errors", "examples", "notices"})

    kind: Literal["feedback_packet"] = "feedback_packet"
    cycle: int = Field(description="evolution cycle, from 1")
    task: str = Field(description="the task's name")
    labels: dict[str, str] = Field(description="label -> meaning")
    report: list[LabelScore] = Field(description="score per label")
    confusions: list[Confusion] = Field(description="most frequent confusions first")
    errors: list[ErrorCount] = Field(default=[], description="mistakes by kind and type, most frequent first")
    weaknesses: list[OpenWeakness] = Field(description="weaknesses worked on in earlier cycles")
    cases: list[Case] = Field(description="examined texts chosen for the Analyst")
    examined: int = Field(default=0, description="texts behind report, confusions and mistakes")
    origin: Origin = Field(default="written", description="what these texts are: real ones, or written ones")
    examples: list[Example] = Field(default=[], description="real texts with their right answers")
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
    texts: int = Field(default=0, ge=0, description="how many new texts it deserves; 0: no view")


class SetWeakness(Weakness):
    """A weakness of a student that gives sets of labels, where none of the labels concerned need be the right one."""

    labels: list[str] = Field(
        description="labels concerned, the one missed or wrongly given first",
        json_schema_extra={VOCABULARY_KEY: "labels"},
    )


class AnalystReply(Message):
    """The reply asked of the Analyst."""

    weaknesses: Sequence[Weakness] = Field(description="the student's weaknesses, gravest first")


class SetAnalystReply(AnalystReply):
    """The reply asked of the Analyst where answers are sets of labels."""

    weaknesses: Sequence[SetWeakness] = Field(description="the student's weaknesses, gravest first")


class Analysis(Message):
    """The Analyst's accepted findings of a cycle."""

    kind: Literal["analysis"] = "analysis"
    cycle: int = Field(description="evolution cycle, from 1")
    weaknesses: list[Weakness] = Field(description="accepted weaknesses, gravest first")


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
