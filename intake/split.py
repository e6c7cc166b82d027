"""Labelled rows as seeds, validation and test, such that no text, nor one nearly like it, is in two of them.

Source: iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011), here of groups of like texts: the
rarest label is served first, by the split that lacks it most.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evokd.student.similar_texts import normalise, pair_like
from evokd.student.tasks.base import LabeledExample, TaskCodec

LIKE = 0.8
"""Likeness (0 to 1, see `student.curate`) from which two texts stay in one split; the default of `curation.leak`."""
FEWEST_FOR_VALIDATION = 20
FEWEST_FOR_TEST = 60
MOST_VALIDATION = 500
MOST_TEST = 1_000

Group = list[LabeledExample]
"""Rows whose texts are nearly alike."""


@dataclass(frozen=True)
class Splits:
    """Labelled rows, each in one split, and what became of the others."""

    seeds: tuple[LabeledExample, ...]
    validation: tuple[LabeledExample, ...]
    test: tuple[LabeledExample, ...]
    conflicting: tuple[LabeledExample, ...]
    """A row of each text that occurs with different answers: the teacher has to label it."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """What was left out, or kept together -> how often."""
    reason: str = ""
    """Why the splits have these sizes."""


def split_rows(codec: TaskCodec, rows: Sequence[LabeledExample], seed: int) -> Splits:
    """Divide labelled rows; the same rows and seed give the same splits, whatever the order of the rows.

    Args:
        codec: the task.
        rows: labelled rows; repeats are left out.
        seed: of the order in which rows are dealt.
    """
    ordered = sorted(rows, key=lambda row: (normalise(row.text), row.text, codec.key(row.gold)))
    unique, conflicting, counts = _drop_repeats(codec, ordered)
    groups = _group_like(unique)
    counts["texts nearly like another, kept in one split with it"] = sum(len(group) - 1 for group in groups)
    dealt = _deal(codec, groups, choose_sizes(len(unique)), seed)
    in_order = {name: tuple(sorted(split, key=lambda row: row.line)) for name, split in dealt.items()}
    kept = {what: count for what, count in counts.items() if count}
    return Splits(**in_order, conflicting=conflicting, counts=kept, reason=_tell_sizes(len(unique), len(dealt["test"])))


def choose_sizes(count: int) -> dict[str, int]:
    """Choose how many of some labelled rows are validation and test rows; the rest are seeds."""
    if count < FEWEST_FOR_VALIDATION:
        return {"validation": 0, "test": 0}
    if count < FEWEST_FOR_TEST:
        return {"validation": count // 3, "test": 0}
    test = min(MOST_TEST, max(20, count * 3 // 10))
    return {"validation": min(MOST_VALIDATION, max(15, count // 5)), "test": test}


def _tell_sizes(count: int, test: int) -> str:
    """Say why some labelled rows are divided as they are."""
    if count < FEWEST_FOR_VALIDATION:
        return f"fewer than {FEWEST_FOR_VALIDATION} labelled texts: all of them are seeds, none can be spared"
    if count < FEWEST_FOR_TEST:
        reason = "a third steers the gate, and there is no test, whose figure would be noise"
        return f"fewer than {FEWEST_FOR_TEST} labelled texts: {reason}"
    margin = 0.98 / max(1, test) ** 0.5  # half of a 95 % interval of a share of .5
    return f"validation steers the gate; a score on {test:,} test texts is uncertain by up to \u00b1{margin:.2f}"


def _drop_repeats(
    codec: TaskCodec, rows: Sequence[LabeledExample]
) -> tuple[list[LabeledExample], tuple[LabeledExample, ...], Counter[str]]:
    """Keep one row of each text; none of a text that occurs with different answers."""
    by_form: dict[str, list[LabeledExample]] = defaultdict(list)
    for row in rows:
        by_form[normalise(row.text)].append(row)
    unique, conflicting, counts = [], [], Counter[str]()
    for same in by_form.values():
        answers = {str(codec.to_wire(row.text, row.gold)) for row in same}
        first = min(same, key=lambda row: row.line)
        if len(answers) > 1:
            conflicting.append(first)
            counts["rows of texts with different answers, taken for unlabelled"] += len(same)
        else:
            unique.append(first)
            counts["repeats left out"] += len(same) - 1
    return unique, tuple(conflicting), counts


def _group_like(rows: Sequence[LabeledExample]) -> list[Group]:
    """Put rows that are like each other, or like a common third, into one group."""
    leader: dict[str, str] = {}

    def find(form: str) -> str:
        while leader[form] != form:
            leader[form] = form = leader[leader[form]]
        return form

    forms = [normalise(row.text) for row in rows]
    leader.update(zip(forms, forms, strict=True))
    for pair in pair_like(forms, LIKE):
        first, second = sorted(map(find, pair))
        leader[second] = first
    groups: dict[str, Group] = defaultdict(list)
    for form, row in zip(forms, rows, strict=True):
        groups[find(form)].append(row)
    return list(groups.values())


def _deal(codec: TaskCodec, groups: Sequence[Group], sizes: Mapping[str, int], seed: int) -> dict[str, Group]:
    total = sum(len(group) for group in groups)
    shares = {name: size / total if total else 0.0 for name, size in sizes.items()}
    shares = {"seeds": 1 - sum(shares.values()), **shares}
    shuffled = list(groups)
    random.Random(seed).shuffle(shuffled)
    labels = {id(group): {label for row in group for label in codec.labels_in(row.gold)} for group in shuffled}
    holders = {label: [group for group in shuffled if label in labels[id(group)]] for label in codec.labels}
    wanted = {label: {name: share * len(held) for name, share in shares.items()} for label, held in holders.items()}
    room = {name: share * total for name, share in shares.items()}
    splits: dict[str, Group] = {name: [] for name in shares}
    seen: set[str] = set()
    dealt: set[int] = set()

    def put(group: Group, name: str) -> None:
        splits[name].extend(group)
        dealt.add(id(group))
        room[name] -= len(group)
        for label in labels[id(group)]:
            wanted[label][name] -= 1
        if name == "seeds":
            seen.update(labels[id(group)])

    for label in sorted(codec.labels, key=lambda label: (len(holders[label]), label)):
        for group in holders[label]:
            if id(group) in dealt:
                continue
            if label not in seen:
                put(group, "seeds")
            else:
                put(group, max(shares, key=lambda name: (wanted[label][name], room[name])))
    for group in shuffled:  # texts without any label
        if id(group) not in dealt:
            put(group, max(shares, key=lambda name: room[name]))
    return splits
