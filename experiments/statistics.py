"""How sure a difference is: paired differences with bootstrap intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
LEVEL = 0.95
LEAST = 3
"""Pairs of a domain below which there is no interval."""
ENOUGH = 5
"""Pairs of all domains below which an interval is never called clear of 0: it is too narrow for that."""


@dataclass(frozen=True)
class Difference:
    """A mean paired difference with its interval."""

    mean: float
    low: float | None
    high: float | None
    """Bounds of the 95 % interval; None where a domain has fewer than three pairs, so that nothing can be said."""
    pairs: int

    @property
    def sign(self) -> int:
        """1 or -1 where the interval of enough pairs lies above or below 0, else 0."""
        if self.low is None or self.high is None or self.pairs < ENOUGH:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def compare(pairs: Mapping[str, Sequence[float]], seed: int = 0) -> Difference:
    """Mean of paired differences over domains, each domain counted once, with a percentile bootstrap interval.

    Seeds are resampled within every domain, the domains are kept: the interval tells how the mean over these very
    domains would vary with other seeds, and says nothing of other domains. With few seeds it is too narrow.

    Args:
        pairs: domain -> a difference per seed.
        seed: of the resampling.

    Raises:
        ValueError: a domain without a difference, or no domain.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3.
    """
    if not pairs or not all(pairs.values()):
        raise ValueError("nothing to compare")
    generator = np.random.default_rng(seed)
    means = np.zeros(RESAMPLES)
    for name in sorted(pairs):
        values = np.asarray(pairs[name], dtype=float)  # (seeds,)
        drawn = generator.integers(0, len(values), (RESAMPLES, len(values)))
        means += values[drawn].mean(axis=1) / len(pairs)
    mean = float(np.mean([np.mean(values) for values in pairs.values()]))
    count = sum(len(values) for values in pairs.values())
    if any(len(values) < LEAST for values in pairs.values()):
        return Difference(mean, None, None, count)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(mean, float(low), float(high), count)
