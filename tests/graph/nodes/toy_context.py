"""A run's context for the tests of single nodes: three labels, a student that counts words, a scripted teacher."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evokd.agents.llm.budget import BudgetLimit
from evokd.agents.llm.client import Teacher
from evokd.agents.prompt_context import make_prompt_context
from evokd.graph.context import RunContext
from evokd.graph.setup.domain import load_domain
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.run_settings import Settings
from evokd.graph.state import State
from evokd.student.protocol import Prediction
from evokd.student.tasks.base import LabeledExample
from evokd.tracing.ledger import Ledger, Sample
from tests.agents.asks import make_settings
from tests.graph.toy import LABELS, WordStudent, write_domain
from tests.scripted import ScriptedTeacher, message_of
from tests.tracing.rows import sample

CURRICULUM = {
    "quotas": {"drafts": 6, "lesson": 24, "least": 1},
    "analyst": {"first": 1, "every": 1, "above_chance": 0},
    "profile": "off",
    "labels": "labeler",
    "test_statements": False,
    "measure_rows": 0,
    "compete": False,
}


class CountingStudent(WordStudent):
    """Remembers what it was asked: student version and number of texts of every call."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.calls: list[tuple[str, int]] = []

    async def predict(
        self, folder: Path, texts: Sequence[str], *, fast: bool = False, int8: bool = False
    ) -> list[Prediction]:
        self.calls.append((folder.name, len(texts)))
        return await super().predict(folder, texts)


@dataclass
class ToyContext:
    """A context and what the tests look at."""

    context: RunContext
    student: CountingStudent
    script: ScriptedTeacher
    events: list[dict[str, Any]] = field(default_factory=list)

    def event(self, name: str) -> dict[str, Any]:
        """The fields of the one event of this name."""
        (event,) = [event for event in self.events if event["event"] == name]
        return event

    def teach(self, version: str, examples: Sequence[LabeledExample] | None = None) -> None:
        """Make a student version that has learned seeds and validation rows, or other examples."""
        counts: dict[str, dict[str, int]] = {label: {} for label in LABELS}
        domain = self.context.domain
        for example in (*domain.seeds, *domain.validation) if examples is None else examples:
            for word in example.text.lower().split():
                counts[str(example.gold)][word] = counts[str(example.gold)].get(word, 0) + 1
        folder = self.context.folder.version(version)
        folder.mkdir(parents=True)
        (folder / "words.json").write_text(json.dumps(counts), encoding="utf-8")
        (folder / "README.md").write_text("# Words\n", encoding="utf-8")

    def teach_nonsense(self, version: str) -> None:
        """Make a student version that answers the first label whatever the text."""
        words = " ".join(example.text for example in (*self.context.domain.validation, *self.context.domain.test))
        self.teach(version, [LabeledExample(text=words, gold=LABELS[0])])

    def add_lesson(self, lesson: str, samples: Sequence[Sample], plan: dict[str, Any] | None = None) -> None:
        """Store a lesson of written texts and its drafts, instead of other lessons of its cycle."""
        cycle = int(lesson[1:4])
        row = {"id": lesson, "cycle": cycle, "weakness": None, "kind": "plain", "plan": plan or make_plan(lesson)}
        self.context.ledger.put_lessons(cycle, [row])
        self.context.ledger.put_drafts(lesson, samples)


def make_plan(lesson: str, *labels: str) -> dict[str, Any]:
    """A plan for two easy texts per label, of the first label unless others are named."""
    return {
        "kind": "lesson_plan",
        "id": lesson,
        "mode": "write",
        "weakness": {"name": "breadth", "pattern": "", "labels": [], "advice": ""},
        "labels": dict.fromkeys(LABELS, "meaning"),
        "quotas": [{"label": label, "hard": 0, "easy": 2} for label in labels or LABELS[:1]],
        "examples": [],
        "avoid": [],
    }


def accepted(name: str, label: str = LABELS[0], **changes: Any) -> Sample:
    """An accepted sample for training."""
    fields = {"state": "accepted", "purpose": "train", "label": label, "intended": label, "candidates": [label]}
    return sample(name, cycle=int(name[1:4]), **{**fields, "kind": "plain", **changes})


def give_label(request: dict[str, Any], label: str = LABELS[0], confidence: float = 0.9) -> dict[str, Any]:
    """A Labeler's reply that gives all texts the same label."""
    _, message = message_of(request)
    return {
        "verdicts": [{"id": draft["id"], "labels": [label], "confidence": confidence} for draft in message["drafts"]]
    }


def make_state(**changes: Any) -> State:
    """The state in the middle of cycle 1."""
    fields = {
        "cycle": 1,
        "champion": "c000",
        "challenger": "c001",
        "score": None,
        "best": None,
        "stale": 0,
        "barren": 0,
        "accepted": 0,
        "lessons": [],
    }
    state: State = {**fields, **changes}  # type: ignore[typeddict-item]
    return state


def make_context(
    folder: Path, ledger: Ledger, script: ScriptedTeacher, tokens: int | None = None, **settings: Any
) -> ToyContext:
    """Make the context of a run.

    Args:
        folder: empty folder for domain and run.
        ledger: the run's ledger.
        script: plays the language model.
        tokens: budget of the teacher.
        settings: sections of the settings; `curriculum` on top of what makes cycles small.
    """
    domain = load_domain(write_domain(folder / "toy"))
    events: list[dict[str, Any]] = []
    student = CountingStudent()
    curriculum = {**CURRICULUM, **settings.pop("curriculum", {})}
    context = RunContext(
        settings=Settings.model_validate({"curriculum": curriculum, "teacher": {"model": "m-1"}, **settings}),
        domain=domain,
        preset="toy",
        folder=RunFolder(folder / "run"),
        ledger=ledger,
        emit=lambda event, **fields: events.append({"event": event, **fields}),
        student=student,
        teacher=Teacher(make_settings(), ledger, transport=script, run=BudgetLimit(tokens)),
        briefing=make_prompt_context("classification", "d", "English", domain.file.labels, None, 2),
    )
    context.folder.work.mkdir(parents=True)
    return ToyContext(context, student, script, events)


def without_validation(toy: ToyContext) -> ToyContext:
    """The same run of a domain without validation data."""
    toy.context = replace(toy.context, domain=replace(toy.context.domain, validation=()))
    return toy
