"""How many texts of each label a lesson asks for."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.messages import Quota
from graph.curriculum.settings import QuotaSettings


@dataclass(frozen=True)
class Portion:
    """What a lesson is asked for of a label, and how much of it is kept."""

    quota: Quota
    kept: int


def breadth_quotas(
    labels: Mapping[str, str],
    counts: Mapping[str, int],
    wanted: int,
    settings: QuotaSettings,
    blank: str | None,
    rng: random.Random,
    spare: Mapping[str, int] | None = None,
) -> list[list[Portion]]:
    """Choose labels for breadth, then cut into lessons of about the same size, since each costs a prompt of its own.

    Args:
        labels: label -> meaning.
        counts: label -> how many samples have it.
        wanted: texts in all that are to be kept.
        settings: how labels are chosen, and about how many texts make a lesson.
        blank: what stands for texts without any label, a share of which is asked for; None where there are none.
        rng: chooses labels where chance is to.
        spare: label -> texts that earlier cycles left over; None where every text is kept.
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
    if spare is None:
        return _cut(extra, extra, settings.lesson, settings.hard_breadth)
    asked = {label: _fill_up(kept, spare.get(label, 0), settings) for label, kept in extra.items()}
    return _cut(extra, asked, settings.pool_lesson, settings.hard_breadth)


def _fill_up(kept: int, spare: int, settings: QuotaSettings) -> int:
    """Say how many new texts a label's pool needs, for so many to be chosen from it."""
    return max(0, math.ceil(settings.pool * kept) - spare) if spare < settings.refill * kept else 0


def _cut(kept: Mapping[str, int], asked: Mapping[str, int], size: int, hard: float) -> list[list[Portion]]:
    """Cut what is asked for, label after label, into lessons of about a size.

    A label of which nothing new is asked for stands in the lesson that it would have begun in.
    """
    total = sum(asked.values())
    number = max(1, round(total / size))
    rooms = [total // number + (place < total % number) for place in range(number)]
    parts: list[list[Portion]] = [[] for _ in rooms]
    place = 0
    for label, count in asked.items():
        done = 0
        while done < count:
            if not rooms[place]:
                place += 1
            taken = min(count - done, rooms[place])
            share = kept[label] * (done + taken) // count - kept[label] * done // count
            parts[place].append(Portion(quota(label, taken, hard), share))
            done += taken
            rooms[place] -= taken
        if not count and kept[label]:
            parts[place].append(Portion(quota(label, 0, hard), kept[label]))
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
