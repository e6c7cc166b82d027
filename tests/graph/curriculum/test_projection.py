"""The plane in which vectors differ most."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from evokd.graph.curriculum.projection import fit_plane


def test_it_is_the_plane_of_the_first_principal_components_with_fixed_signs() -> None:
    vectors = np.random.default_rng(1).normal(size=(40, 6)) * [5.0, 3.0, 1.0, 1.0, 1.0, 1.0]
    mean, axes = fit_plane(vectors)
    assert np.allclose(mean, vectors.mean(axis=0), atol=1e-6)
    assert np.allclose(np.abs(axes), np.abs(PCA(2).fit(vectors).components_), atol=1e-5)
    assert all(axis[np.abs(axis).argmax()] > 0 for axis in axes)
    again = fit_plane(np.concatenate([vectors, 2 * mean - vectors]))
    assert np.allclose(again[1], axes, atol=1e-4)


@pytest.mark.parametrize("count", [1, 2])
def test_vectors_that_do_not_span_a_plane_lie_on_a_line_or_a_point(count: int) -> None:
    mean, axes = fit_plane(np.eye(4)[:count])
    assert axes.shape == (2, 4)
    assert np.allclose(axes[count - 1 :], 0)
    assert np.isfinite(mean).all()
