import random
from collections import Counter

import pytest

from evokd.student.training.batches import plan_batches


def plan(groups: list[str], older: list[bool], **changes: object) -> list[list[int]]:
    fields = {"steps": 20, "batch": 8, "replay": 0.25, "balance": True} | changes
    lengths = [1 + i % 7 for i in range(len(groups))]
    return plan_batches(groups, lengths, older, rng=random.Random(1), **fields)  # type: ignore[arg-type]


def test_batches_are_as_many_and_as_large_as_asked() -> None:
    batches = plan(["a"] * 3, [False] * 3)
    assert [len(batch) for batch in batches] == [8] * 20


def test_labels_are_drawn_equally_often_only_when_asked() -> None:
    groups = ["a"] * 18 + ["b"] * 2
    counts = Counter(groups[i] for batch in plan(groups, [False] * 20) for i in batch)
    assert counts == {"a": 80, "b": 80}
    counts = Counter(groups[i] for batch in plan(groups, [False] * 20, balance=False) for i in batch)
    assert counts == {"a": 144, "b": 16}


@pytest.mark.parametrize(("replay", "share"), [(0.0, 0), (0.25, 40), (0.5, 80)])
def test_the_share_of_older_samples_is_kept(replay: float, share: int) -> None:
    older = [False] * 5 + [True] * 30
    batches = plan(["a"] * 35, older, replay=replay)
    assert sum(older[i] for batch in batches for i in batch) == share


@pytest.mark.parametrize("kind", [False, True], ids=["no older ones", "only older ones"])
def test_without_two_kinds_there_is_no_mixing(kind: bool) -> None:
    assert {i for batch in plan(["a"] * 4, [kind] * 4) for i in batch} == {0, 1, 2, 3}


def test_batches_hold_like_lengths() -> None:
    lengths = list(range(1, 65))
    batches = plan_batches(
        [""] * 64, lengths, [False] * 64, steps=8, batch=8, replay=0, balance=False, rng=random.Random(1)
    )
    assert all(max(batch) - min(batch) == 7 for batch in batches)


def test_the_same_seed_gives_the_same_batches() -> None:
    assert plan(["a", "b", "b"], [False] * 3) == plan(["a", "b", "b"], [False] * 3)
