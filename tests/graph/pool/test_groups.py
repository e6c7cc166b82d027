"""Groups of like texts: found once, and drawn from in turn, so that rare kinds have their share."""

from pathlib import Path

import numpy as np

from evokd.graph.pool.groups import draw_evenly, find_groups
from evokd.graph.pool.vectors import PoolVectors


def test_like_texts_share_a_group_and_the_groups_are_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    kinds = np.repeat([0, 1, 2], [80, 60, 20])
    rows = np.eye(6)[kinds] + rng.normal(scale=0.02, size=(160, 6))
    pool = PoolVectors(tmp_path, 160)
    np.save(pool.shards[0].path, rows.astype(np.float16))
    groups = find_groups(pool)
    assert all(len(set(kinds[groups == group])) == 1 for group in set(groups.tolist())), "no group of two kinds"
    pool.shards[0].path.unlink()
    assert find_groups(PoolVectors(tmp_path, 160)).tolist() == groups.tolist(), "not found again"


def test_rare_groups_have_the_same_share_as_large_ones() -> None:
    groups = np.repeat([0, 1, 2], [9_000, 990, 10]).astype(np.int16)
    but = np.zeros(10_000, dtype=np.bool_)
    drawn = draw_evenly(groups, 24, but, seed=1)
    assert np.bincount(groups[drawn]).tolist() == [8, 8, 8]
    assert len(set(drawn.tolist())) == 24
    assert draw_evenly(groups, 24, but, seed=1).tolist() == drawn.tolist() != draw_evenly(groups, 24, but, 2).tolist()
    assert np.bincount(groups[draw_evenly(groups, 40, but, seed=1)]).tolist() == [15, 15, 10], "others go on"


def test_what_is_passed_over_is_not_drawn() -> None:
    groups = np.zeros(100, dtype=np.int16)
    but = np.arange(100) >= 5
    assert draw_evenly(groups, 50, but, seed=0).tolist() == [0, 1, 2, 3, 4]
    assert len(draw_evenly(groups, 50, np.ones(100, dtype=np.bool_), seed=0)) == 0
