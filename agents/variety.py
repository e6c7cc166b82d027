"""Attributes of the texts of a lesson, planned so that they differ: one set per text."""

import random
from collections.abc import Sequence

AXES: dict[str, tuple[str, ...]] = {
    "length": ("a few words", "one short sentence", "one long sentence", "two or three sentences"),
    "register": ("casual", "plain", "formal", "like a note"),
    "phrasing": ("statement", "question or request", "name or number", "reason or condition", "no obvious words"),
    "situation": ("common case", "rare case", "told by a third person", "unusual detail"),
}
"""Axis -> values, short, since every text is told one of each; none says anything about a label.

Source: AttrPrompt (Yu et al. 2023, arXiv 2306.15895): random attributes in the request bring the quality of a data set
with a fraction of the texts. Axes and values are ours and hold for any domain; topics are the domain's own.
"""
TOPIC = "topic: "
"""How a set of attributes begins that says what its text is about."""


def plan_variety(topics: Sequence[str | None], rng: random.Random) -> list[str]:
    """Plan the attributes of some texts, a value of each axis: on every axis each value comes once before any again.

    Args:
        topics: what each text is about; None leaves it open.
        rng: decides which values meet.
    """
    count = len(topics)
    columns: list[list[str]] = []
    for values in AXES.values():
        drawn: list[str] = []
        while len(drawn) < count:
            drawn += rng.sample(values, len(values))
        columns.append(drawn[:count])
    sets = ["; ".join(column[at] for column in columns) for at in range(count)]
    return [text if topic is None else f"{TOPIC}{topic}; {text}" for topic, text in zip(topics, sets, strict=True)]


def read_topic(attributes: str) -> str:
    """Read the topic of a set of attributes, empty where it has none."""
    return attributes.removeprefix(TOPIC).rsplit("; ", len(AXES))[0] if attributes.startswith(TOPIC) else ""
