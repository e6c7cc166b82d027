"""Groups of like texts in a large pool, so that a few texts can be drawn from all kinds of them. Pure functions."""

from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from evokd.graph.pool.texts import Rows
from evokd.graph.pool.vectors import SHARD, PoolVectors

GROUPS = 512
"""Groups at most."""
_LEAST = 20
"""Texts per group on average, at least."""
_FITTED = 3 * SHARD
"""Texts on which the groups are found: the first ones, which are a uniform sample."""

Groups = NDArray[np.int16]
"""The group of each text."""


def find_groups(vectors: PoolVectors) -> Groups:
    """Give the group of every text of a pool, (count,); computed once, then read from the vectors' folder."""
    path = vectors.folder / f"groups-{vectors.count}.npy"
    try:
        known: Groups = np.load(path, mmap_mode="r", allow_pickle=False)
        if known.shape == (vectors.count,):
            return known
    except (OSError, ValueError, EOFError):
        pass
    found = _group(vectors)
    _save(path, found)
    return found


def _group(vectors: PoolVectors) -> Groups:
    """Find groups by k-means on a sample, and give each text the nearest one."""
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    sample = vectors.take(np.arange(min(_FITTED, vectors.count)))
    number = max(1, min(GROUPS, len(sample) // _LEAST))
    means = MiniBatchKMeans(number, batch_size=4_096, n_init=1, max_iter=3, random_state=0)
    with threadpool_limits(1):  # its threads spin while they wait: where other processes compute, it takes minutes
        centers = means.fit(sample).cluster_centers_
    halves = np.square(centers).sum(axis=1) / 2
    groups = np.empty(vectors.count, dtype=np.int16)
    for start, block in vectors.blocks():
        groups[start : start + len(block)] = (block @ centers.T - halves).argmax(axis=1)
    return groups


def _save(path: Path, groups: Groups) -> None:
    part = path.with_suffix(f".{uuid4().hex}.part")
    with part.open("wb") as file:
        np.save(file, groups)
    part.replace(path)


def draw_evenly(groups: Groups, wanted: int, but: NDArray[np.bool_], seed: int) -> Rows:
    """Draw texts from all groups in turn, so that rare kinds are among them.

    Args:
        groups: the group of each text, (count,).
        wanted: how many texts.
        but: (count,), which texts are passed over.
        seed: of the draw.

    Returns:
        Their rows, ascending; fewer than wanted if there are no more.
    """
    turn = _shuffle(np.flatnonzero(~but), seed)
    names = groups[turn]
    by_group = np.argsort(names, kind="stable")
    sizes = np.bincount(names, minlength=1)
    rank = np.arange(len(turn)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    first = np.argsort(rank, kind="stable")[:wanted]
    return np.sort(turn[by_group[first]])


def _shuffle(rows: Rows, seed: int) -> Rows:
    return np.random.default_rng(seed).permutation(rows)
