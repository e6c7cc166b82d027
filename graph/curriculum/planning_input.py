"""What the lessons of a cycle are planned from, and a lesson before and after it is written out."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from evokd.agents.output_schemas import OutputSchema
from evokd.graph.curriculum.kinds import Kind
from evokd.graph.curriculum.reference_texts import Grounding
from evokd.messages import (
    SET_SEPARATOR,
    Case,
    ErrorKind,
    Example,
    Gold,
    LessonMode,
    LessonPlan,
    LessonTopic,
    Quota,
    Weakness,
)


@dataclass(frozen=True)
class ReferenceText:
    """An existing text: a seed or an accepted sample."""

    text: str
    gold: Gold
    labels: tuple[str, ...]
    """Labels that occur in the answer."""
    whole: bool = True
    """The answer is complete, so the text may serve as an example."""
    seed: bool = False
    real: bool = False
    """Not written by the Generator."""


@dataclass(frozen=True)
class PlanningInput:
    """What the lessons of a cycle are planned from."""

    cycle: int
    """Evolution cycle, from 1."""
    span: str
    """Prefix of lesson ids."""
    labels: Mapping[str, str]
    """Label -> meaning."""
    form: OutputSchema
    """The task's answer format, for its strategies and its texts without a label."""
    known: Sequence[ReferenceText]
    """Seeds and accepted samples, oldest first; only the newest if there are many."""
    counts: Mapping[str, int]
    """Label -> how many of all seeds and accepted samples have it."""
    wanted: Mapping[Kind, int]
    """Kind of breadth -> texts to write."""
    weaknesses: Mapping[str, Weakness] = field(default_factory=dict)
    """Id -> weakness, most serious first."""
    mistakes: Mapping[str, ErrorKind | None] = field(default_factory=dict)
    """Id of a weakness -> kind of mistake that its evidence shows most, if any."""
    invented: Set[str] = frozenset()
    """Ids of the weaknesses that are a label given too often; used where answers are sets of labels."""
    evidence: Mapping[str, Sequence[Example]] = field(default_factory=dict)
    """Id of a weakness -> the cases behind it that may be shown: never validation texts."""
    wrong: Sequence[Case] = ()
    """Cases that the student got wrong and that may be shown, most serious first."""
    topics: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Label -> topics of its texts, as the domain names them; only for some labels."""
    grounding: Grounding = field(default_factory=Grounding)
    """What is known of real texts."""
    blank: float | None = None
    """Share of real texts without any label, if known; None: `quotas.no_label`."""
    before: int = 0
    """Lessons of the cycle that already have numbers."""

    def parts(self, name: str) -> list[str]:
        """The labels that a quota of this name asks for; texts without any are asked for by `form.blank`."""
        return name.split(SET_SEPARATOR) if self.form.has_sets else [name]


@dataclass(frozen=True)
class PlannedLesson:
    """A lesson plan and the id of the weakness behind it (None: breadth)."""

    weakness: str | None
    kind: Kind
    plan: LessonPlan


@dataclass(frozen=True)
class LessonSpec:
    """One lesson before it is written out."""

    topic: LessonTopic
    quotas: list[Quota]
    kind: Kind
    weakness: str | None = None
    mistake: ErrorKind | None = None
    mode: LessonMode | None = None
    examples: tuple[Example, ...] = ()
    pairs: bool = False

    @property
    def size(self) -> int:
        """How many texts it asks for."""
        return sum(item.hard + item.easy for item in self.quotas)
