"""The exam of a cycle that asks the Analyst: its real texts are labelled first, then answered by the student in force.

So the Analyst sees what the current student gets wrong, on texts that it has not learned, and not what the previous
student got wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from evokd.graph.context import RunContext
from evokd.graph.nodes.evaluation import LEAST_REAL, CycleEvaluation, evaluate_fresh, evaluate_validation
from evokd.graph.nodes.feedback_packet import build_packet
from evokd.graph.nodes.labeling import Labelled, ask_labeler, take_texts
from evokd.graph.nodes.weaknesses import show_weaknesses
from evokd.messages import FeedbackPacket
from evokd.tracing.ledger import Sample
from evokd.tracing.rows import LessonRow


@dataclass(frozen=True)
class FreshLesson:
    """A lesson of real texts that is labelled before the cycle's lessons start."""

    row: LessonRow
    """The lesson as stored in the ledger."""
    samples: Sequence[Sample]
    labelled: Labelled

    def store(self, context: RunContext) -> None:
        """Store samples, messages and faults; the ledger must already hold the lesson."""
        name, cycle = self.row["id"], self.row["cycle"]
        context.ledger.put_drafts(name, self.samples)
        self.labelled.store_messages(context, cycle, name)
        context.ledger.close_lesson(name, len(self.samples), 0, self.labelled.faults)


@dataclass(frozen=True)
class FreshEvaluation:
    """Lessons that are already labelled, and the student's answers to their texts."""

    lessons: Sequence[FreshLesson]
    evaluation: CycleEvaluation | None
    """None if too few texts got a label."""
    packet: FeedbackPacket | None
    """Made from this evaluation; it replaces the packet that `examine` made."""


async def examine_fresh(context: RunContext, cycle: int, champion: str, rows: Sequence[LessonRow]) -> FreshEvaluation:
    """Have the real texts of a cycle labelled, and make the feedback packet from the student's answers.

    Args:
        context: what the run works with.
        cycle: evolution cycle, from 1.
        champion: student version in force.
        rows: the cycle's lessons of real texts as stored in the ledger.
    """
    lessons = []
    for row in rows:
        samples = take_texts(row)
        labelled = await ask_labeler(context, row, samples)
        lessons.append(FreshLesson(row, labelled.apply(samples), labelled))
    with_label = [sample for lesson in lessons for sample in lesson.samples if sample.candidates]
    texts = await evaluate_fresh(context, champion, with_label)
    if len(texts) < LEAST_REAL:
        return FreshEvaluation(lessons, None, None)
    evaluation = CycleEvaluation(texts, await evaluate_validation(context, champion))
    packet = await build_packet(context, cycle - 1, champion, evaluation, show_weaknesses(context, before=cycle))
    return FreshEvaluation(lessons, evaluation, packet)
