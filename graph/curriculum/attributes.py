"""Attributes of the texts of a lesson, planned so that they differ."""

import random
from collections.abc import Mapping, Sequence

AXES: dict[str, tuple[str, ...]] = {
    "length": ("shorter than usual here", "of usual length", "longer than usual here"),
    "situation": ("common case", "rare case", "unusual detail", "in passing"),
}
"""Axis -> values, short, since every text is told one of each; none says anything about a label, or clashes with how
the texts of a domain are written.

Used by a run whose `curriculum.shares` name the kind `varied`. By default none does: with a language model planned
attributes were worse than none, since they ask for texts that no source of such texts holds.

Source: AttrPrompt (Yu et al. 2023, arXiv 2306.15895). Axes and values are ours.
"""


def plan_variety(count: int, rng: random.Random) -> list[str]:
    """Plan the attributes of some texts, a value of each axis: on every axis each value comes once before any again.

    Args:
        count: how many texts.
        rng: decides which values meet.
    """
    columns: list[list[str]] = []
    for values in AXES.values():
        drawn: list[str] = []
        while len(drawn) < count:
            drawn += rng.sample(values, len(values))
        columns.append(drawn[:count])
    return ["; ".join(column[at] for column in columns) for at in range(count)]


def spread_profile(
    axes: Mapping[str, Sequence[tuple[str, float]]], count: int, rng: random.Random
) -> dict[str, dict[str, int]]:
    """Say how many of some texts shall have each value of each axis, by the shares that real texts have.

    What a share leaves over of a whole text is given by chance, so that over many lessons rare values come up too.

    Args:
        axes: axis -> values with their shares, of any sum.
        count: how many texts.
        rng: gives what is left over.
    """
    found: dict[str, dict[str, int]] = {}
    for name, values in axes.items():
        total = sum(share for _, share in values) or 1.0
        exact = {value: count * share / total for value, share in values}
        parts = {value: int(part) for value, part in exact.items()}
        rests = [(value, exact[value] - parts[value]) for value in exact]
        while sum(parts.values()) < count:
            weights = [max(rest, 1e-6) for _, rest in rests]
            place = rng.choices(range(len(rests)), weights)[0]
            parts[rests[place][0]] += 1
            rests[place] = (rests[place][0], 0.0)
        found[name] = {value: part for value, part in parts.items() if part}
    return found
