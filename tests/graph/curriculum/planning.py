"""What the tests of lessons plan with: three labels, and short names for references, cases and weaknesses."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from evokd.agents.output_schemas import output_schema
from evokd.graph.curriculum.curriculum_settings import CurriculumSettings
from evokd.graph.curriculum.kinds import Kind
from evokd.graph.curriculum.lessons import plan_lessons
from evokd.graph.curriculum.planning_input import PlannedLesson, PlanningInput, ReferenceText
from evokd.graph.curriculum.reference_texts import Grounding
from evokd.messages import Case, Weakness

LABELS = {"a": "first", "b": "second", "c": "third"}


def case(name: str, verdict: str, gold: str = "a", predicted: str = "b", confidence: float = 0.5) -> Case:
    fields = {"id": name, "text": name, "gold": gold, "predicted": predicted, "confidence": confidence}
    return Case.model_validate({**fields, "verdict": verdict})


def weakness(*labels: str, texts: int = 0) -> Weakness:
    more = {"texts": texts} if texts else {}
    return Weakness(name="w", pattern="p", labels=list(labels), evidence=["v1"], advice="x", **more)


def written(count: int, label: str) -> list[ReferenceText]:
    texts = (f"{label} text number {number} says this and that" for number in range(count))
    return [ReferenceText(text=text, gold=label, labels=(label,)) for text in texts]


def seeds(*labels: str) -> list[ReferenceText]:
    return [ReferenceText(f"seed {label}", label, (label,), seed=True, real=True) for label in labels]


def plan(
    wanted: int | Mapping[Kind, int] = 12, items: Sequence[ReferenceText] = (), **changes: Any
) -> list[PlannedLesson]:
    """Plan lessons, of plain texts where only their number is given.

    Args:
        wanted: texts, or kind -> texts.
        items: what is there already.
        changes: fields of `PlanningInput` (`task` for its form), else curriculum settings.
    """
    fields = {name: changes.pop(name) for name in PlanningInput.__dataclass_fields__ if name in changes}
    task = changes.pop("task", "classification")
    if task == "ner":
        items = [replace(item, gold=[]) if isinstance(item.gold, str) else item for item in items]
    counts = Counter(label for item in items for label in item.labels)
    given = PlanningInput(
        **{
            "cycle": 1,
            "span": "c001",
            "labels": LABELS,
            "form": output_schema(task),
            "known": items,
            "counts": counts,
            "wanted": {"plain": wanted} if isinstance(wanted, int) else wanted,
            **fields,
        }
    )
    return plan_lessons(given, CurriculumSettings.model_validate(changes), 5)


def quotas(lesson: PlannedLesson) -> dict[str, int]:
    return {part.label: part.hard + part.easy for part in lesson.plan.quotas}


def drafts(lessons: Sequence[PlannedLesson]) -> int:
    return sum(sum(quotas(lesson).values()) for lesson in lessons)


def asked(lessons: Sequence[PlannedLesson]) -> Counter[str]:
    return Counter({label: count for label in [*LABELS, *_others(lessons)] if (count := _count(lessons, label))})


def _others(lessons: Sequence[PlannedLesson]) -> set[str]:
    return {label for lesson in lessons for label in quotas(lesson)} - set(LABELS)


def _count(lessons: Sequence[PlannedLesson], label: str) -> int:
    return sum(quotas(lesson).get(label, 0) for lesson in lessons)


def grounding(count: int = 40, **fields: Any) -> Grounding:
    return Grounding(lines=tuple(f"real line {number}" for number in range(count)), **fields)
