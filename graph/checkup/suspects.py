"""Labels that look wrong: each labelled row is judged by a layer that was fitted without it, in the student process."""

import time
from dataclasses import dataclass
from typing import Any

from evokd.graph.checkup.statistics import SPLITS, Places
from evokd.graph.setup.plan import Plan
from evokd.messages.finding import Finding
from evokd.student.process.client import StudentClient
from evokd.student.protocol import DoubtJob, LabelDoubt, TrainExample
from evokd.student.tasks.base import LabeledExample

MOST_JUDGED = 5_000
"""Rows that are judged, from the first split on."""
LIKELY = 0.5
"""From this probability on, another label contradicts the given one clearly,"""
UNLIKELY = 0.1
"""if the given one is not likelier than this."""


@dataclass(frozen=True)
class Suspects:
    """Rows whose labels the other rows contradict."""

    judged: int
    """Rows that were judged."""
    doubts: tuple[tuple[LabeledExample, LabelDoubt], ...]
    """The most doubtful first."""
    seconds: float
    unjudged: str = ""
    """Why none was judged."""

    def to_json(self, most: int, places: Places) -> dict[str, Any]:
        """The first suspects as JSON, with file and line."""
        first = []
        for row, doubt in self.doubts[:most]:
            words = row.text[doubt.start : doubt.end] if doubt.start is not None else None
            found = doubt.model_dump(mode="json", exclude={"id"})
            first.append({"place": places.name(row), "text": row.text, "words": words, **found})
        return {
            "judged": self.judged,
            "clear": self.clear,
            "seconds": round(self.seconds, 1),
            "unjudged": self.unjudged or None,
            "first": first,
        }

    @property
    def clear(self) -> int:
        """Texts for which another label is likely and the given one is not; words of entities are judged too badly."""
        return sum(
            doubt.start is None and doubt.probability >= LIKELY and doubt.given_probability <= UNLIKELY
            for _, doubt in self.doubts
        )

    def find(self, places: Places) -> list[Finding]:
        """The finding about them, if some of the labels are clearly contradicted."""
        if not self.clear:
            return []
        text = f"the other rows clearly contradict the labels of {self.clear:,} of {self.judged:,} rows"
        mend = "read the suspects and mend the labels that are wrong; some are right, and only hard"
        return [Finding("warning", "suspect_labels", places.name(self.doubts[0][0]), text, mend)]


async def find_suspects(plan: Plan, student: StudentClient) -> Suspects:
    """Judge all labelled rows of a plan.

    Raises:
        StudentError: memory runs short, or the process died twice.
    """
    rows = [row for split in SPLITS for row in getattr(plan.domain, split)][:MOST_JUDGED]
    examples = [TrainExample(id=str(number), text=row.text, gold=row.gold) for number, row in enumerate(rows)]
    job = DoubtJob(
        task=plan.domain.codec.name,
        labels=list(plan.domain.codec.labels),
        meanings=dict(plan.domain.file.labels),
        examples=examples,
        settings=plan.settings.student,
    )
    began = time.monotonic()
    report = await student.doubt(job)
    doubts = tuple((rows[int(doubt.id)], doubt) for doubt in report.doubts)
    return Suspects(report.judged, doubts, time.monotonic() - began, report.unjudged)
