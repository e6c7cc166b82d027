"""The exam of a cycle that asks the Analyst: its real texts are labelled first, and answered by the student in force.

So the Analyst sees what the student of now gets wrong, on texts that it has not learned, and not what the one before
it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evokd.graph.context import Bench
from evokd.graph.nodes.evaluation import LEAST_REAL, Examined, build_packet, fresh_cases, validation_cases
from evokd.graph.nodes.labeling import Labelled, ask_labeler, take_texts
from evokd.graph.nodes.weaknesses import show_weaknesses
from evokd.messages import FeedbackPacket
from evokd.tracing.ledger import Sample


@dataclass(frozen=True)
class FreshLesson:
    """A lesson of real texts that is labelled before the cycle's lessons are given."""

    row: dict[str, Any]
    """As it goes into the ledger."""
    samples: Sequence[Sample]
    found: Labelled

    def keep(self, bench: Bench) -> None:
        """Put what was found on record; the lesson itself must be there."""
        name, cycle = self.row["id"], self.row["cycle"]
        bench.ledger.put_drafts(name, self.samples)
        self.found.keep_messages(bench, cycle, name)
        bench.ledger.close_lesson(name, len(self.samples), 0, self.found.faults)


@dataclass(frozen=True)
class FreshExam:
    """What it brought."""

    lessons: Sequence[FreshLesson]
    examined: Examined | None
    """None where too few texts got a label."""
    packet: FeedbackPacket | None
    """Made of these cases, in the place of the one that `examine` made."""


async def examine_fresh(bench: Bench, cycle: int, champion: str, rows: Sequence[dict[str, Any]]) -> FreshExam:
    """Have the real texts of a cycle labelled, and make the feedback packet of what the student answers to them.

    Args:
        bench: the workbench.
        cycle: evolution cycle, from 1.
        champion: student version in force.
        rows: the cycle's lessons of real texts as they go into the ledger.
    """
    lessons = []
    for row in rows:
        samples = take_texts(row)
        found = await ask_labeler(bench, row, samples)
        lessons.append(FreshLesson(row, found.apply(samples), found))
    labelled = [sample for lesson in lessons for sample in lesson.samples if sample.candidates]
    cases = await fresh_cases(bench, champion, labelled)
    if len(cases) < LEAST_REAL:
        return FreshExam(lessons, None, None)
    examined = Examined(cases, await validation_cases(bench, champion))
    packet = build_packet(bench, cycle - 1, examined, show_weaknesses(bench, before=cycle))
    return FreshExam(lessons, examined, packet)
