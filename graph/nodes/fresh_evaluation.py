"""The exam of a cycle that asks the Analyst: its real texts are labelled first, and answered by the student in force.

So the Analyst sees what the student of now gets wrong, on texts that it has not learned, and not what the one before
it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from evokd.graph.context import RunContext
from evokd.graph.nodes.evaluation import LEAST_REAL, EvaluatedCases, build_packet, fresh_cases, validation_cases
from evokd.graph.nodes.labeling import Labelled, ask_labeler, take_texts
from evokd.graph.nodes.weaknesses import show_weaknesses
from evokd.messages import FeedbackPacket
from evokd.tracing.ledger import Sample
from evokd.tracing.rows import LessonRow


@dataclass(frozen=True)
class FreshLesson:
    """A lesson of real texts that is labelled before the cycle's lessons are given."""

    row: LessonRow
    """As it goes into the ledger."""
    samples: Sequence[Sample]
    found: Labelled

    def keep(self, context: RunContext) -> None:
        """Put what was found on record; the lesson itself must be there."""
        name, cycle = self.row["id"], self.row["cycle"]
        context.ledger.put_drafts(name, self.samples)
        self.found.keep_messages(context, cycle, name)
        context.ledger.close_lesson(name, len(self.samples), 0, self.found.faults)


@dataclass(frozen=True)
class FreshEvaluation:
    """What it brought."""

    lessons: Sequence[FreshLesson]
    examined: EvaluatedCases | None
    """None where too few texts got a label."""
    packet: FeedbackPacket | None
    """Made of these cases, in the place of the one that `examine` made."""


async def examine_fresh(context: RunContext, cycle: int, champion: str, rows: Sequence[LessonRow]) -> FreshEvaluation:
    """Have the real texts of a cycle labelled, and make the feedback packet of what the student answers to them.

    Args:
        context: what the run works with.
        cycle: evolution cycle, from 1.
        champion: student version in force.
        rows: the cycle's lessons of real texts as they go into the ledger.
    """
    lessons = []
    for row in rows:
        samples = take_texts(row)
        found = await ask_labeler(context, row, samples)
        lessons.append(FreshLesson(row, found.apply(samples), found))
    labelled = [sample for lesson in lessons for sample in lesson.samples if sample.candidates]
    cases = await fresh_cases(context, champion, labelled)
    if len(cases) < LEAST_REAL:
        return FreshEvaluation(lessons, None, None)
    examined = EvaluatedCases(cases, await validation_cases(context, champion))
    packet = build_packet(context, cycle - 1, examined, show_weaknesses(context, before=cycle))
    return FreshEvaluation(lessons, examined, packet)
