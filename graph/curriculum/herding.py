"""Choose a few texts that represent many: kernel herding."""

import numpy as np
from numpy.typing import NDArray

from evokd.graph.curriculum.probes import Vectors


def herd(candidates: Vectors, taken: Vectors, target: NDArray[np.float64], wanted: int) -> list[int]:
    """Choose candidates one by one, each so that the mean of all taken texts comes as close to a target as possible.

    What is learned from a few texts is mostly where their mean is, and the mean of a few random texts may be anywhere.
    Texts chosen this way have nearly the mean of all candidates.

    Args:
        candidates: vectors of the texts to choose from, (n, features).
        taken: vectors of the texts that are already chosen, (m, features), m may be 0.
        target: the mean to approach, (features,).
        wanted: how many to choose.

    Returns:
        Indices of the chosen candidates, in the order of choice; all of them if there are no more than `wanted`.

    Source: Chen, Welling and Smola, Super-Samples from Kernel Herding (UAI 2010), with the linear kernel.
    """
    rest = list(range(len(candidates)))
    total = taken.sum(axis=0) if len(taken) else np.zeros_like(target)
    chosen: list[int] = []
    for size in range(len(taken) + 1, len(taken) + 1 + min(wanted, len(rest))):
        gaps = np.square((total + candidates[rest]) / size - target).sum(axis=1)
        index = rest.pop(int(gaps.argmin()))
        chosen.append(index)
        total = total + candidates[index]
    return chosen
