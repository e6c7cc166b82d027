"""How many texts of each label a lesson asks for."""

import random
from collections.abc import Mapping, Sequence
from itertools import pairwise

from evokd.graph.curriculum.curriculum_settings import QuotaSettings
from evokd.graph.curriculum.kinds import count_requests
from evokd.messages import Quota, name_set


def breadth_counts(
    labels: Mapping[str, str],
    level: Mapping[str, int],
    wanted: int,
    choice: str,
    rng: random.Random,
) -> dict[str, int]:
    """Choose the labels of texts for breadth: label -> how many.

    Args:
        labels: label -> meaning.
        level: label -> how many samples have it.
        wanted: texts in all.
        choice: how labels are chosen, see `quotas.coverage`.
        rng: chooses labels that are drawn at random.
    """
    filled = {label: level.get(label, 0) for label in labels}
    extra = dict.fromkeys(labels, 0)
    for _ in range(wanted):
        label = rng.choice(list(filled)) if choice == "chance" else min(filled, key=lambda name: filled[name])
        filled[label] += 1
        extra[label] += 1
    return extra


def set_counts(
    labels: Mapping[str, str],
    sets: Sequence[Sequence[str]],
    level: Mapping[str, int],
    wanted: int,
    choice: str,
    rng: random.Random,
) -> dict[str, int]:
    """Choose the sets of labels of texts for breadth: name of the set -> how many.

    The label that lags behind most comes first, as in `breadth_counts`; which labels stand beside it is drawn from the
    sets that are known to hold it, as often as they occur, and from the label alone, as if seen once more. So what
    occurs together is asked for together, and no label is only ever seen in company.

    Args:
        labels: label -> meaning.
        sets: the labels of every known text, in the order of `labels`.
        level: label -> how many samples have it.
        wanted: texts in all.
        choice: how labels are chosen, see `quotas.coverage`.
        rng: chooses sets, and labels that are drawn at random.
    """
    filled = {label: level.get(label, 0) for label in labels}
    holding = {label: [tuple(known) for known in sets if label in known] for label in labels}
    counts: dict[str, int] = {}
    for _ in range(wanted):
        label = rng.choice(list(filled)) if choice == "chance" else min(filled, key=lambda name: filled[name])
        chosen = rng.choice([(label,), *holding[label]])
        for name in chosen:
            filled[name] = filled.get(name, 0) + 1
        key = name_set(chosen)
        counts[key] = counts.get(key, 0) + 1
    return counts


def cut_requests(counts: Mapping[str, int], size: int, mixed: bool, hard: float) -> list[list[Quota]]:
    """Split the wanted texts into requests of about the same size, since each costs a separate prompt.

    Args:
        counts: label -> how many.
        size: approximate texts per request.
        mixed: all labels in each request; else one label after the other.
        hard: share of hard texts.
    """
    total = sum(counts.values())
    number = max(1, count_requests(total, size))
    names = [label for label, count in counts.items() for _ in range(count)]
    parts = [names[at::number] for at in range(number)] if mixed else _chop(names, number)
    return [[quota(label, part.count(label), hard) for label in counts if label in part] for part in parts if part]


def _chop(names: Sequence[str], number: int) -> list[Sequence[str]]:
    ends = [len(names) * at // number for at in range(number + 1)]
    return [names[start:end] for start, end in pairwise(ends)]


def weakness_quotas(labels: Sequence[str], wanted: int, settings: QuotaSettings, blank: str | None) -> list[Quota]:
    """Share a weakness's texts evenly between its labels; a quarter of them go to `blank` if given.

    Args:
        labels: of the weakness.
        wanted: texts in all.
        settings: share of hard ones.
        blank: what stands for texts without any label; None if none are wanted.
    """
    without = wanted // 4 if blank is not None else 0
    rest = wanted - without
    shares = [rest // len(labels) + (number < rest % len(labels)) for number in range(len(labels))]
    counts = [*zip(labels, shares, strict=True), *([(blank, without)] if blank is not None else [])]
    return [quota(label, count, settings.hard) for label, count in counts if count]


def quota(label: str, count: int, hard: float) -> Quota:
    """Ask for texts of a label, a share of them hard."""
    difficult = round(count * hard)
    return Quota(label=label, hard=difficult, easy=count - difficult)
