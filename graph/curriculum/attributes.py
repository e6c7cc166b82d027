"""Attributes of the texts of a lesson, planned so that they differ."""

import random
from collections.abc import Mapping, Sequence

AXES: dict[str, tuple[str, ...]] = {
    "length": ("shorter than usual here", "of usual length", "longer than usual here"),
    "situation": ("common case", "rare case", "unusual detail", "in passing"),
}
"""Axis -> values; short, since a request gives one of each for every text. No value says anything about a label or
clashes with the style of a domain's texts.

Used only if `curriculum.shares` names the kind `varied`. By default it does not: with a language model, planned
attributes scored lower than none, since they ask for texts that do not occur in the domain.

Source: AttrPrompt (Yu et al. 2023, arXiv 2306.15895). Axes and values are ours.
"""


def plan_variety(count: int, rng: random.Random) -> list[str]:
    """Plan the attributes of some texts, one value per axis: on every axis, all values come once before any repeats.

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
    """Say how many of some texts get each value of each axis, by the shares that real texts have.

    Fractions of a text are assigned at random, so that rare values also occur over many lessons.

    Args:
        axes: axis -> values with their shares, of any sum.
        count: how many texts.
        rng: assigns the fractions.
    """
    counts: dict[str, dict[str, int]] = {}
    for name, values in axes.items():
        total = sum(share for _, share in values) or 1.0
        exact = {value: count * share / total for value, share in values}
        whole = {value: int(share) for value, share in exact.items()}
        rests = [(value, exact[value] - whole[value]) for value in exact]
        while sum(whole.values()) < count:
            weights = [max(rest, 1e-6) for _, rest in rests]
            at = rng.choices(range(len(rests)), weights)[0]
            whole[rests[at][0]] += 1
            rests[at] = (rests[at][0], 0.0)
        counts[name] = {value: number for value, number in whole.items() if number}
    return counts
