"""What requests of a run are grounded in: real lines, labelled real rows, the domain's profile and guide."""

import random
from collections.abc import Sequence

import numpy as np

from evokd.agents.labeler import Guidance
from evokd.graph.context import RunContext
from evokd.graph.curriculum.reference_texts import Grounding, fit_tokens, pick_by_label
from evokd.graph.nodes.domain_profile import read_guide, read_profile
from evokd.graph.nodes.embeddings import embed
from evokd.messages import Example

LEAST_LINES = 20
"""From this many seeds on, they are shown for their tone when there is no pool."""


def real_lines(context: RunContext) -> list[str]:
    """Real texts that the Generator may see: the pool, or without one the seeds if there are enough.

    Validation and test texts are never among them.
    """
    lines = [item.text for item in context.domain.pool]
    seeds = [example.text for example in context.domain.seeds]
    return lines or (seeds if len(seeds) >= LEAST_LINES else [])


def ground_lessons(context: RunContext) -> Grounding:
    """What lesson plans are grounded in."""
    return Grounding(lines=real_lines(context), axes=read_profile(context), guide=read_guide(context))


def labelled_rows(context: RunContext) -> list[Example]:
    """Labelled rows on the training side, as they are shown to agents: the user's, and texts that people reviewed."""
    codec = context.domain.codec
    rows = [(row.text, row.gold) for row in context.domain.seeds]
    rows += context.ledger.vouched_rows()
    return [Example(text=text, gold=codec.to_wire(text, gold)) for text, gold in rows]


async def guide_labeler(context: RunContext, texts: Sequence[str], seed: int) -> Guidance:
    """Choose the labelled rows that are most similar to the texts to label, and add the guide.

    Source: demonstrations chosen by similarity (Liu et al. 2022, arXiv 2101.06804); for entities, the most effective
    help known for an annotator (arXiv 2504.15022).
    """
    rows = labelled_rows(context)
    curriculum = context.settings.curriculum
    chosen = await _choose_nearest(context, rows, texts, curriculum.label_examples) if rows else []
    fitting = set(fit_tokens([row.text for row in chosen], curriculum.example_tokens))
    return Guidance(examples=[row for row in chosen if row.text in fitting], guide=read_guide(context))


async def _choose_nearest(
    context: RunContext, rows: Sequence[Example], texts: Sequence[str], count: int
) -> Sequence[Example]:
    """Choose rows in turn: for each text, the nearest row that was not chosen yet."""
    if len(rows) <= count:
        return rows
    vectors = await embed(context, [*(row.text for row in rows), *texts])
    likeness = vectors[len(rows) :] @ vectors[: len(rows)].T
    votes = np.sort(likeness, axis=0)[-max(1, len(texts) // 8) :].mean(axis=0)
    order = np.argsort(-votes, kind="stable").tolist()
    if context.briefing.form.has_sets:
        order = take_blank(order, [not row.gold for row in rows], count)
    return [rows[index] for index in sorted(order[:count])]


def take_blank(order: list[int], blank: Sequence[bool], count: int) -> list[int]:
    """Put the first row without any label among the first `count`, last of them, if none is there.

    Rows that have a label resemble most texts more, and where no label applies is a border like any other.
    """
    first = next((index for index in order if blank[index]), None)
    if first is None or count < 2 or first in order[:count]:
        return order
    return [*order[: count - 1], first]


def show_examples(context: RunContext, count: int, tokens: int, seed: int) -> list[Example]:
    """Labelled rows for the Analyst, some of every label; where answers are sets, also some without any."""
    form = context.briefing.form
    blank = [form.blank] if form.has_sets else []
    rows = [(row, form.labels_in(row.gold) or blank) for row in labelled_rows(context)]
    labels = [*context.domain.codec.labels, *(name for name in blank if name is not None)]
    return pick_by_label(rows, labels, count, tokens, random.Random(seed))
