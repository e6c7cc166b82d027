"""Attributes of the texts of a lesson, planned so that they differ: one set per text."""

import random

AXES: dict[str, tuple[str, ...]] = {
    "length": ("a few words", "one short sentence", "one long sentence", "two or three sentences"),
    "register": ("casual", "plain", "formal", "like a note"),
    "phrasing": ("statement", "question or request", "name or number", "reason or condition", "no obvious words"),
    "situation": ("common case", "rare case", "told by a third person", "unusual detail"),
}
"""Axis -> values, short, since every text is told one of each; none says anything about a label.

Source: AttrPrompt (Yu et al. 2023, arXiv 2306.15895): random attributes in the request bring the quality of a data set
with a fraction of the texts. Axes and values are ours and hold for any domain.
"""


def plan_variety(count: int, rng: random.Random) -> list[str]:
    """Plan the attributes of some texts, a value of each axis: on every axis each value comes once before any again.

    Args:
        count: texts.
        rng: decides which values meet.
    """
    columns: list[list[str]] = []
    for values in AXES.values():
        drawn: list[str] = []
        while len(drawn) < count:
            drawn += rng.sample(values, len(values))
        columns.append(drawn[:count])
    return ["; ".join(column[at] for column in columns) for at in range(count)]
