"""How good the teacher's labels are, and a guide for them that has to prove itself on labelled rows.

Both need labelled rows from which no text was written: validation rows, which the Labeler answers blindly.
"""

import random
from collections.abc import Mapping, Sequence

from evokd.agents import domain_expert, labeler
from evokd.agents.labeler import Guidance
from evokd.agents.llm.budget import BudgetSpent
from evokd.graph.context import RunContext, cycle_name
from evokd.graph.curriculum.reference_texts import fit_tokens
from evokd.graph.nodes.reference_texts import guide_labeler, labelled_rows
from evokd.graph.setup.domain_files import write_guide_file
from evokd.messages import Dispute, LabelEvidence
from evokd.student.tasks.base import LabeledExample
from evokd.tracing.rows import AGREEMENT, AgreementRecord, GuideTrial

LEAST_ROWS = 20
"""With fewer validation rows than this, nothing is measured."""
LEAST_EVIDENCE = 12
"""Minimum number of labelled rows that a guide is written from."""
EVIDENCE_TOKENS = 2_000
"""Maximum tokens of the rows that a guide is written from."""
MOST_DISPUTES = 12


async def measure_labeler(context: RunContext, cycle: int) -> None:
    """Let the Labeler answer validation rows blindly, once per run, and try a guide if the settings ask for one.

    Only the Labeler sees the words of these rows, as texts to label. An embedded teacher is not measured: it knows only
    the texts that it was given.
    """
    curriculum = context.settings.curriculum
    rows = context.domain.validation
    wanted = min(curriculum.measure_rows, len(rows))
    if context.settings.teacher.is_embedded() or wanted < LEAST_ROWS:
        return
    stored = context.ledger.cycle_record(0, AGREEMENT)
    if stored is not None:
        _write_guide(context, stored)
        return
    chosen = random.Random(context.seed("measure")).sample(rows, wanted)
    try:
        before = await _agree(context, cycle, chosen, "measure", None)
        record = AgreementRecord(rows=before[1], agreement=before[0], guide=None)
        if curriculum.guide == "auto" and before[1] and not context.folder.guide.is_file():
            record["guide"] = await _try_guide(context, cycle, chosen, before[0])
    except BudgetSpent as exc:
        context.emit("budget_spent", cycle=cycle, role="labeler", reason=str(exc))
        return
    context.ledger.put_cycle_record(0, AGREEMENT, record)
    _write_guide(context, record)  # after the record: a guide in force changes the requests
    context.emit("labels_measured", cycle=cycle, **record)


async def _agree(
    context: RunContext, cycle: int, rows: Sequence[LabeledExample], span: str, guide: Mapping[str, str] | None
) -> tuple[float | None, int]:
    """Share of rows that the Labeler labels as the user did, and the number of rows; None if it answered none."""
    texts = {f"r{number:03d}": row.text for number, row in enumerate(rows)}
    seed = context.seed(span)
    guidance = await guide_labeler(context, list(texts.values()), seed)
    if guide is not None:
        guidance = Guidance(guidance.examples, guide)
    name = f"{cycle_name(cycle)}-{span}"
    labelling = await labeler.label(context.teacher, context.briefing, texts, cycle, name, seed, guidance)
    codec = context.domain.codec
    right = [
        codec.key(codec.from_wire(texts[name], labelling.labels[name].candidates[0])) == codec.key(row.gold)
        for name, row in zip(texts, rows, strict=True)
        if name in labelling.labels
    ]
    return (round(sum(right) / len(right), 4), len(right)) if right else (None, 0)


async def _try_guide(
    context: RunContext, cycle: int, rows: Sequence[LabeledExample], before: float | None
) -> GuideTrial | None:
    """Have a guide written from other rows, and keep it only if it does not lower the agreement."""
    shown = labelled_rows(context)
    if len(shown) < LEAST_EVIDENCE or before is None:
        return None
    seed = context.seed("guide")
    fitting = set(fit_tokens([row.text for row in random.Random(seed).sample(shown, len(shown))], EVIDENCE_TOKENS))
    evidence = LabelEvidence(
        labels=dict(context.domain.file.labels),
        rows=[row for row in shown if row.text in fitting],
        disputes=_find_disputes(context),
    )
    span = cycle_name(cycle)
    guide = await domain_expert.write_guide(context.teacher, context.briefing, evidence, cycle, span, seed)
    context.ledger.put_message(cycle, span, "curriculum", "analyst", evidence)
    if guide is None:
        return None
    after, _ = await _agree(context, cycle, rows, "guided", guide)
    return GuideTrial(agreement=after, used=after is not None and after >= before, text=guide)


def _write_guide(context: RunContext, record: AgreementRecord) -> None:
    """Put a guide that has proved itself into the run's folder, unless there is one."""
    guide = record["guide"]
    if guide is not None and guide["used"] and not context.folder.guide.is_file():
        write_guide_file(context.folder.guide, guide["text"])


def _find_disputes(context: RunContext) -> list[Dispute]:
    codec = context.domain.codec
    samples = context.ledger.samples()
    disputed = [(sample, sample.candidates[0]) for sample in samples if sample.disputed and sample.candidates]
    return [
        Dispute(
            text=sample.text,
            answers=[codec.to_wire(sample.text, answer) for answer in (sample.intended, label)],
        )
        for sample, label in disputed[-MOST_DISPUTES:]
    ]
