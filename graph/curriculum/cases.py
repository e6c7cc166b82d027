"""Which cases the Analyst sees, and what their mistakes are."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from evokd.graph.curriculum.curriculum_settings import PacketSettings
from evokd.messages import Case, ErrorKind, Weakness, is_label_set, list_labels


def pick_cases(cases: Sequence[Case], settings: PacketSettings, seed: int) -> list[Case]:
    """Choose the cases of a packet: wrong ones from as many confusions as possible, right ones least confident first.

    Wrong sets of labels hardly ever repeat as a whole, so they are grouped by the mistake on one label that most of
    them share, and come in twos: the Analyst has to name at least two cases for a weakness.

    Args:
        cases: everything examined.
        settings: how many of each kind.
        seed: breaks ties.
    """
    shuffled = list(cases)
    random.Random(seed).shuffle(shuffled)
    picked = []
    for verdict, count in (("confident_wrong", settings.confident_wrong), ("wrong", settings.wrong)):
        wrong = [case for case in shuffled if case.verdict == verdict]
        are_sets = any(map(_is_set, wrong))
        mistakes = _name_set_mistakes(wrong) if are_sets else [_mistake_of(case) for case in wrong]
        groups: dict[str, list[Case]] = defaultdict(list)
        for case, mistake in zip(wrong, mistakes, strict=True):
            groups[mistake].append(case)
        by_size = sorted(groups.values(), key=len, reverse=True)
        ordered = [sorted(group, key=lambda case: -case.confidence) for group in by_size]
        picked += _take_in_turn(ordered, count, at_once=2 if are_sets else 1)
    unsure = sorted((case for case in shuffled if case.verdict == "right"), key=lambda case: case.confidence)
    right: dict[str, list[Case]] = defaultdict(list)
    for case in unsure:
        right[repr(case.gold)].append(case)
    return picked + _take_in_turn(list(right.values()), settings.right)


def _mistake_of(case: Case) -> str:
    """Name what went wrong, so that similar mistakes are grouped: the first in a text, or the two labels confused."""
    if not case.errors:
        return f"{case.gold!r} {case.predicted!r}"
    first = case.errors[0]
    gold, predicted = (entity.label if entity else "" for entity in (first.gold, first.predicted))
    return f"{first.kind} {gold} {predicted}"


def _is_set(case: Case) -> bool:
    return is_label_set(case.gold) or is_label_set(case.predicted)


def _name_set_mistakes(cases: Sequence[Case]) -> list[str]:
    """Name for each case the label that it misses or invents; of several, the one that most of the cases share."""
    named = []
    for case in cases:
        missed, invented = compare_sets(case)
        named.append([*(f"missed {label}" for label in missed), *(f"invented {label}" for label in invented)])
    counts = Counter(mistake for mistakes in named for mistake in mistakes)
    return [max(mistakes, key=lambda mistake: (counts[mistake], mistake), default="") for mistakes in named]


def compare_sets(case: Case) -> tuple[set[str], set[str]]:
    """Say which labels of a set the student missed, and which it invented."""
    gold, predicted = (set(list_labels(answer)) for answer in (case.gold, case.predicted))
    return gold - predicted, predicted - gold


def is_invented(weakness: Weakness, cases: Sequence[Case]) -> bool:
    """Whether the evidence of a weakness shows its first label invented, in sets of labels, more often than missed."""
    shown = [compare_sets(case) for case in cases if case.id in weakness.evidence]
    first = weakness.labels[0]
    return sum((first in invented) - (first in missed) for missed, invented in shown) > 0


def main_error(weakness: Weakness, cases: Sequence[Case]) -> ErrorKind | None:
    """Find the kind of mistake that a weakness's evidence shows most; None if the cases list no mistakes.

    Mistakes on the weakness's labels count, or all mistakes if there are none on these.
    """
    shown = [error for case in cases if case.id in weakness.evidence for error in case.errors]
    labels = set(weakness.labels)
    on_labels = [error for error in shown if labels & {item.label for item in (error.gold, error.predicted) if item}]
    counts: Counter[ErrorKind] = Counter(error.kind for error in on_labels or shown)
    kinds = sorted(counts, key=lambda kind: (-counts[kind], kind))
    return kinds[0] if kinds else None


def _take_in_turn(groups: Sequence[Sequence[Case]], count: int, at_once: int = 1) -> list[Case]:
    """Take from each group in turn, so many at once, until there are enough."""
    longest = max((len(group) for group in groups), default=0)
    ranked: list[Case] = []
    for rank in range(0, longest, at_once):
        for group in groups:
            ranked += group[rank : rank + at_once]
    return ranked[:count]
