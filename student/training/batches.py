"""Choose which sample goes into which batch. No torch; every choice comes from one generator."""

import random
from collections.abc import Iterator, Sequence

_CHUNK = 8
"""Batches that are sorted by length together; more saves padding, fewer keeps batches mixed."""


def plan_batches(
    groups: Sequence[str],
    lengths: Sequence[int],
    older: Sequence[bool],
    *,
    steps: int,
    batch: int,
    replay: float,
    balance: bool,
    rng: random.Random,
) -> list[list[int]]:
    """Choose the samples of every batch.

    Args:
        groups: what is balanced, per sample (its rarest label).
        lengths: sub-words per sample.
        older: whether a sample is a replayed one; all or none means that there is no mixing.
        steps: batches to make.
        batch: samples per batch.
        replay: share of older samples, 0 to 1.
        balance: draw every group equally often.
        rng: source of every choice.

    Returns:
        `steps` lists of sample indices; batches hold samples of like lengths.
    """
    parts = [[i for i, old in enumerate(older) if old == kind] for kind in (False, True)]
    fresh, aged = (_draw(part, groups, balance, rng) for part in parts)
    if not all(parts):
        replay = 1.0 if parts[1] else 0.0
    batches: list[list[int]] = []
    taken = 0
    while len(batches) < steps:
        chunk = []
        for _ in range(min(_CHUNK, steps - len(batches)) * batch):
            taken += 1
            # Spread the older samples evenly: one whenever the running share of them passes a whole number.
            chunk.append(next(aged) if int(taken * replay) > int((taken - 1) * replay) else next(fresh))
        chunk.sort(key=lambda i: lengths[i])
        cut = [chunk[start : start + batch] for start in range(0, len(chunk), batch)]
        rng.shuffle(cut)
        batches.extend(cut)
    return batches


def _draw(indices: Sequence[int], groups: Sequence[str], balance: bool, rng: random.Random) -> Iterator[int]:
    """Give indices for ever; within a group, each comes once before any comes again."""
    members: dict[str, list[int]] = {}
    for index in indices:
        members.setdefault(groups[index] if balance else "", []).append(index)
    queues: dict[str, list[int]] = {name: [] for name in members}
    while members:
        order = sorted(members)
        rng.shuffle(order)
        for name in order:
            if not queues[name]:
                queues[name] = rng.sample(members[name], len(members[name]))
            yield queues[name].pop()
