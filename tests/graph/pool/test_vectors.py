"""Vectors in shards: what is missing is known, and the nearest are those that a search over all of them finds."""

from pathlib import Path

import numpy as np
import pytest

from evokd.graph.pool import vectors
from evokd.graph.pool.vectors import Matrix, PoolVectors


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "SHARD", 16)


def make_rows(count: int, features: int = 8, seed: int = 0) -> Matrix:
    rows = np.random.default_rng(seed).normal(size=(count, features))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def write(folder: Path, rows: Matrix) -> PoolVectors:
    pool = PoolVectors(folder, len(rows))
    for shard in pool.shards:
        np.save(shard.path, rows[shard.start : shard.stop].astype(np.float16))
    return pool


def test_what_is_missing_or_broken_is_listed(tmp_path: Path) -> None:
    pool = write(tmp_path, make_rows(40))
    assert [(shard.start, shard.stop) for shard in pool.shards] == [(0, 16), (16, 32), (32, 40)]
    assert pool.missing() == []
    pool.shards[0].path.unlink()
    pool.shards[2].path.write_bytes(pool.shards[2].path.read_bytes()[:-20])
    assert [shard.start for shard in pool.missing()] == [0, 32]


def test_shards_serve_a_smaller_pool_and_all_but_the_last_a_larger_one(tmp_path: Path) -> None:
    rows = make_rows(40)
    write(tmp_path, rows)
    smaller, larger = PoolVectors(tmp_path, 20), PoolVectors(tmp_path, 50)
    assert smaller.missing() == []
    assert np.concatenate([block for _, block in smaller.blocks()]) == pytest.approx(rows[:20], abs=1e-3)
    assert [shard.start for shard in larger.missing()] == [32, 48]


def test_a_run_with_a_smaller_pool_does_not_cut_the_shard_of_another(tmp_path: Path) -> None:
    rows = make_rows(32)
    smaller, larger = PoolVectors(tmp_path, 20), PoolVectors(tmp_path, 32)
    late = smaller.missing()[-1]
    write(tmp_path, rows)
    np.save(late.path, rows[late.start : late.stop].astype(np.float16))
    assert larger.missing() == []
    assert larger.take([31]) == pytest.approx(rows[[31]], abs=1e-3)


def test_vectors_are_taken_in_the_order_asked_for(tmp_path: Path) -> None:
    rows = make_rows(40)
    pool = write(tmp_path, rows)
    wanted = [39, 0, 17, 0, 20]
    assert pool.take(wanted) == pytest.approx(rows[wanted], abs=1e-3)
    assert pool.take([]).shape == (0, 0)


def test_the_nearest_are_those_of_a_search_over_all(tmp_path: Path) -> None:
    rows = make_rows(200)
    pool, queries = write(tmp_path, rows), make_rows(3, seed=1)
    but = np.zeros(200, dtype=np.bool_)
    but[(rows @ queries[0]).argmax()] = True
    centred = queries - pool.mean
    assert pool.mean == pytest.approx(rows[:16].mean(axis=0), abs=1e-3)
    likeness = np.where(but, -9, centred @ rows.astype(np.float16).astype(np.float32).T)
    expected = {int(row) for line in np.argsort(-likeness, axis=1)[:, :5] for row in line}
    assert set(pool.nearest(queries, 5, but).tolist()) == expected
    assert but[list(expected)].sum() == 0
    assert len(pool.nearest(queries, 5, np.ones(200, dtype=np.bool_))) == 0
    assert len(pool.nearest(queries, 500, but)) == 199, "no more than there are"
