"""How many texts of each label a lesson asks for."""

import random
from collections.abc import Mapping, Sequence

from agents.messages import Quota
from graph.curriculum.settings import QuotaSettings


def breadth_quotas(
    labels: Mapping[str, str],
    counts: Mapping[str, int],
    wanted: int,
    settings: QuotaSettings,
    blank: str | None,
    rng: random.Random,
) -> list[list[Quota]]:
    """Choose labels for breadth, then cut into lessons of about the same size, since each costs a prompt of its own.

    Args:
        labels: label -> meaning.
        counts: label -> how many samples have it.
        wanted: texts in all.
        settings: how labels are chosen, and about how many texts make a lesson.
        blank: what stands for texts without any label, a share of which is asked for; None where there are none.
        rng: chooses labels where chance is to.
    """
    level = {label: counts.get(label, 0) for label in labels}
    extra = dict.fromkeys(labels, 0)
    without = round(wanted * settings.blank) if blank is not None else 0
    if blank is not None:
        extra[blank] = without
    for _ in range(wanted - without):
        label = rng.choice(list(level)) if settings.breadth == "chance" else min(level, key=lambda name: level[name])
        level[label] += 1
        extra[label] += 1
    number = max(1, round(wanted / settings.lesson))
    rooms = [wanted // number + (place < wanted % number) for place in range(number)]
    parts: list[list[Quota]] = [[] for _ in rooms]
    place = 0
    for label, count in extra.items():
        while count:
            if not rooms[place]:
                place += 1
            taken = min(count, rooms[place])
            parts[place].append(quota(label, taken, settings.hard_breadth))
            count -= taken
            rooms[place] -= taken
    return [part for part in parts if part]


def weakness_quotas(labels: Sequence[str], wanted: int, settings: QuotaSettings, blank: str | None) -> list[Quota]:
    """Share a weakness's drafts between its labels, the right one first; half of them go to `blank` if given."""
    without = wanted // 2 if blank is not None else 0
    rest = wanted - without
    shares = [rest // len(labels) + (number < rest % len(labels)) for number in range(len(labels))]
    asked = [*zip(labels, shares, strict=True), *([(blank, without)] if blank is not None else [])]
    return [quota(label, count, settings.hard) for label, count in asked if count]


def quota(label: str, count: int, hard: float) -> Quota:
    """Ask for texts of a label, a share of them hard."""
    difficult = round(count * hard)
    return Quota(label=label, hard=difficult, easy=count - difficult)
