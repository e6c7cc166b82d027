"""A flat picture of vectors: the plane in which they differ most."""

import numpy as np
from numpy.typing import NDArray

_DIGITS = 6


def fit_plane(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit the first two principal components; the largest weight of each is positive, so that the signs are fixed.

    Args:
        vectors: (n, features), n at least 1.

    Returns:
        Mean (features,) and axes (2, features) of length 1; zeros where the vectors do not differ. Six digits.
    """
    mean = vectors.mean(axis=0)
    _, sizes, directions = np.linalg.svd(vectors - mean, full_matrices=False)
    axes = np.zeros((2, vectors.shape[1]))
    for number, (size, direction) in enumerate(zip(sizes[:2], directions[:2], strict=True)):
        if size > 1e-9:
            axes[number] = direction * np.sign(direction[np.abs(direction).argmax()])
    return np.round(mean, _DIGITS), np.round(axes, _DIGITS)
