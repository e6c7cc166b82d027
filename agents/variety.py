"""Attributes of the texts of a lesson, planned so that they differ: one set per text."""

import random

AXES: dict[str, tuple[str, ...]] = {
    "length": ("a few words", "one short sentence", "one long sentence", "two or three sentences"),
    "register": ("casual", "plain", "formal", "clipped, as in a note"),
    "phrasing": (
        "a statement",
        "a question or a request",
        "with a name, a number or a place",
        "with a reason or a condition",
        "without the words that one would expect",
    ),
    "situation": ("a common one", "a rare one", "seen by somebody else", "a detail that is easily left out"),
}
"""Axis -> values, none of which says anything about a label.

Source: AttrPrompt (Yu et al. 2023, arXiv 2306.15895): random attributes in the request bring the quality of a data set
with a fraction of the texts. Axes and values are ours and hold for any domain.
"""


def plan_variety(count: int, rng: random.Random) -> list[dict[str, str]]:
    """Plan the attributes of some texts, axis -> value for each: on every axis each value comes once before any again.

    Args:
        count: texts.
        rng: decides which values meet.
    """
    columns: dict[str, list[str]] = {}
    for axis, values in AXES.items():
        drawn: list[str] = []
        while len(drawn) < count:
            drawn += rng.sample(values, len(values))
        columns[axis] = drawn[:count]
    return [{axis: column[at] for axis, column in columns.items()} for at in range(count)]
