"""The rows of the ledger: what the nodes of the graph write, and what later nodes and the pages of the terminal read.

Every row is a JSON object with known keys. A key that is `NotRequired` is missing in ledgers of earlier versions.
Scores, shares and confidences run from 0 to 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NotRequired, TypeVar, cast

from pydantic import AfterValidator
from typing_extensions import TypedDict

from evokd.messages import LabelPlan, LessonMode, LessonPlan, MasteryState

_ENTITY = {"start": int, "end": int, "label": str}


def _check_entity(entity: dict[str, Any]) -> dict[str, Any]:
    for key, kind in _ENTITY.items():
        if type(entity.get(key)) is not kind:
            raise ValueError(f"{key!r} of an entity is missing or not of type {kind.__name__}")
    return entity


Answer = str | list[str] | list[Annotated[dict[str, Any], AfterValidator(_check_entity)]]
"""An answer as JSON: a label for classification, a list of labels for multilabel, a list of {"start", "end", "label"}
for NER."""


def check_answer(value: Any) -> Any:
    """Return a value if it is an `Answer` or None.

    Raises:
        ValueError: it is neither.
    """
    if value is not None and not isinstance(value, str | list):
        raise ValueError("an answer is a label, a list of labels or a list of entities")
    if isinstance(value, list) and value and all(isinstance(label, str) for label in value):
        return value
    for entity in value if isinstance(value, list) else ():
        _check_entity(entity if isinstance(entity, dict) else {})
    return value


class ExamAnswer(TypedDict):
    """A student's answer to a text."""

    answer: Answer
    confidence: float
    """0 to 1."""


# -------------------------------------------------------------------------------------------------------- weaknesses


class ProbeRecord(TypedDict):
    """The direction in the embedding that finds texts of a weakness' kind; see `graph.curriculum.probes`."""

    towards: Sequence[float]
    """(features,)"""
    border: float
    """Position on the direction from which a text is of the kind."""


class MasteryRecord(TypedDict):
    """How many texts of a weakness' kind the student answers right; see `graph.curriculum.mastery`."""

    probe: ProbeRecord | None
    """None: the weakness cannot be followed."""
    first: float | None
    """Mastery when the weakness was named; None where no text of its kind was examined."""
    now: float | None
    counts: Sequence[Sequence[int]]
    """Per cycle in which such texts were examined: the cycle, texts answered right, texts."""


class StatementTest(TypedDict):
    """The test of what the Analyst said about a weakness; see `graph.curriculum.probes.ProbeRuling`."""

    verdict: str
    """`holds`, `refined`, `fails` or `untested`."""
    inside: float | None
    """Share of the evidence on which the student errs or doubts; None: untested."""
    near: NotRequired[float | None]
    """Share of other examined texts of this kind on which it errs."""
    outside: float | None
    """Share of all other examined texts on which it errs."""
    evidence: NotRequired[int]
    """Cases of the evidence that stay."""


class WeaknessRow(TypedDict):
    """A weakness that the Analyst named. `analyze` writes it, `examine` measures it, `gate` may roll it back."""

    id: str
    """Such as `c002-w1`."""
    cycle: int
    """Cycle in which it was named, from 1."""
    name: str
    pattern: str
    """What the failed texts have in common."""
    labels: list[str]
    """The labels concerned, the right one first."""
    evidence: list[str]
    """Ids of cases in the cycle's feedback packet."""
    advice: str
    state: MasteryState
    effect: float | None
    """Change of the mastery since the weakness was named, -1 to 1; None: unknown."""
    mastery: MasteryRecord | None
    tested: StatementTest | None


def without_probe(row: WeaknessRow) -> dict[str, Any]:
    """A weakness without the direction in the embedding, which nobody can read."""
    mastery = row["mastery"]
    return {**row, "mastery": mastery and {key: value for key, value in mastery.items() if key != "probe"}}


# ----------------------------------------------------------------------------------------------------------- lessons


class TopicRecord(TypedDict):
    """What a lesson is about: `messages.LessonTopic` as JSON."""

    name: str
    pattern: str
    labels: list[str]
    advice: str


class QuotaRecord(TypedDict):
    """How many texts of a label a lesson wants: `messages.Quota` as JSON."""

    label: str
    hard: int
    easy: int


class PlanRecord(TypedDict):
    """The plan of a lesson: `messages.LessonPlan` or `messages.LabelPlan` as JSON, without its empty fields."""

    kind: str
    """`lesson_plan` or `label_plan`."""
    id: str
    weakness: TopicRecord
    labels: dict[str, str]
    """Label -> meaning."""
    quotas: list[QuotaRecord]
    mode: NotRequired[LessonMode]
    """How the texts come about; real texts have no mode."""
    variety: NotRequired[list[str]]
    """Attributes per text, in the order of the quotas."""
    texts: NotRequired[list[list[str]]]
    """Real texts to label: source and text."""


class LessonOutline(TypedDict):
    """A lesson without its plan."""

    id: str
    """Such as `c002-l01`."""
    cycle: int
    """Cycle of the lesson, from 1."""
    weakness: str | None
    """Id of the weakness behind it; None: none."""
    kind: str
    """Kind of its texts (`graph.curriculum.kinds`); empty in runs of earlier versions."""


class LessonRow(LessonOutline):
    """A lesson. `analyze` writes it; `generate` and `label` note what became of it."""

    plan: PlanRecord
    drafts: int
    """Texts that were written, or taken from the pool."""
    labelled: int
    """Texts with a usable label."""
    faults: list[str]
    """Why drafts or labels could not be used."""


def make_lesson(cycle: int, weakness: str | None, kind: str, plan: LessonPlan | LabelPlan) -> LessonRow:
    """Make the row of a lesson that nothing has become of yet; arguments as in `LessonRow`."""
    return LessonRow(
        id=plan.id,
        cycle=cycle,
        weakness=weakness,
        kind=kind,
        plan=cast(PlanRecord, plan.model_dump(mode="json")),
        drafts=0,
        labelled=0,
        faults=[],
    )


# ------------------------------------------------------------------------------------------------------------- calls


class Usage(TypedDict):
    """What calls have used."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    """None as soon as the price of one call is unknown, and where there was no call."""
    estimated: bool
    """Whether some of the token counts are estimates."""


# ----------------------------------------------------------------------------------------------------- cycle records

RecordT = TypeVar("RecordT", bound=Mapping[str, object])


@dataclass(frozen=True)
class RecordKind(Generic[RecordT]):
    """A kind of cycle record, with the type of what is stored under its name."""

    name: str
    shape: Any
    """The same type, to check what is read."""


class TrainingRecord(TypedDict):
    """What a training did: `student.protocol.TrainResult` as JSON. `train` and `publish` write it."""

    tune: str
    """What was trained: `head` or `full`."""
    steps: int
    samples: int
    """Different samples trained on."""
    seconds: float
    """Wall-clock seconds."""
    loss: float
    """Mean training loss of the last tenth of the steps."""
    unlabelled: NotRequired[int]
    """Texts besides that the student answered itself and then learned from."""
    doubted: NotRequired[int]
    device: NotRequired[str]
    precision: NotRequired[str]
    rate: NotRequired[float | None]
    at_once: NotRequired[int | None]
    faults: NotRequired[list[str]]
    """What went wrong and was mended, in order."""


class GateRecord(TypedDict):
    """Whether the challenger of a cycle took the champion's place. `gate` writes it."""

    before: float | None
    """Gate metric of the champion; None where there was no champion or no gate data."""
    after: float | None
    """Gate metric of the challenger; None where there was no challenger or no gate data."""
    promoted: bool


class ReviewRecord(TypedDict):
    """Which older samples may come back into a cycle's training. `review` writes it."""

    samples: list[str]
    """Ids."""


class KindsRecord(TypedDict):
    """Which kinds of text a cycle is made of, and why. `analyze` writes it."""

    shares: dict[str, float]
    """Kind -> its share of the texts."""
    texts: dict[str, int]
    """Kind -> texts planned."""
    effects: NotRequired[dict[str, list[float]]]
    """Kind -> effect and its standard error, in thousandths of a nat per 1,000 tokens."""
    verdict: NotRequired[str]
    """The effects in words."""


class CurationRecord(TypedDict):
    """What became of a cycle's drafts. `curate` writes it."""

    drafts: int
    accepted: int
    disputed: NotRequired[int]
    """Drafts about which Generator and Labeler disagree."""


class DecisionRecord(TypedDict):
    """What follows a cycle. `decide` writes it."""

    next: str
    """`analyze` or `publish`."""
    reason: str


class ProfileRecord(TypedDict):
    """The domain's profile as the Analyst wrote it, in the record of cycle 0. `analyze` writes it."""

    axes: dict[str, list[tuple[str, float]]]
    """Axis -> values with their shares; empty: the Analyst gave nothing that can be used."""


class GuideTrial(TypedDict):
    """A label guide, and how the Labeler did with it."""

    agreement: float | None
    used: bool
    text: dict[str, str]
    """Label -> what it takes in and leaves out."""


class AgreementRecord(TypedDict):
    """How the Labeler did on labelled rows, in the record of cycle 0. `analyze` writes it."""

    rows: int
    """Labelled rows that it answered."""
    agreement: float | None
    """Share of them that it labels as the user did; None: it answered none."""
    guide: GuideTrial | None


class AnswersRecord(TypedDict):
    """What a student version answers to a split, in the record of cycle 0. Whoever asks it first writes it."""

    answers: list[tuple[Answer, float]]
    """Answer and confidence per example."""


TRAINING = RecordKind[TrainingRecord]("training", TrainingRecord)
REFITTING = RecordKind[TrainingRecord]("refit", TrainingRecord)
GATE = RecordKind[GateRecord]("gate", GateRecord)
REVIEW = RecordKind[ReviewRecord]("review", ReviewRecord)
KINDS = RecordKind[KindsRecord]("kinds", KindsRecord)
LABEL_COUNTS = RecordKind[dict[str, int]]("labels", dict[str, int])
"""Label -> accepted samples of the cycles before that have it. `analyze` writes it."""
CURATION = RecordKind[CurationRecord]("curation", CurationRecord)
DECISION = RecordKind[DecisionRecord]("decision", DecisionRecord)
PROFILE = RecordKind[ProfileRecord]("profile", ProfileRecord)
AGREEMENT = RecordKind[AgreementRecord]("labels measured", AgreementRecord)


def answers_of(split: str, version: str) -> RecordKind[AnswersRecord]:
    """Name the answers of a student version, such as `c002`, to a split (`validation` or `test`)."""
    return RecordKind(f"{split}:{version}", AnswersRecord)


def scores_of(split: str, version: str) -> RecordKind[dict[str, Any]]:
    """Name the scores (`student.tasks.scores.Scores` as JSON) of a version on a split, in the record of cycle 0."""
    return RecordKind(f"scores:{split}:{version}", dict[str, Any])
