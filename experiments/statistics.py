"""How certain a difference is: paired differences with bootstrap intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
LEVEL = 0.95
MIN_PAIRS_PER_DOMAIN = 3
"""Fewest pairs per domain for which an interval is computed."""
MIN_PAIRS = 5
"""Fewest pairs of all domains for which an interval may count as excluding 0: with fewer it is too narrow."""


@dataclass(frozen=True)
class Difference:
    """A mean paired difference with its interval."""

    mean: float
    low: float | None
    high: float | None
    """Bounds of the 95 % interval; None if a domain has fewer than three pairs."""
    pairs: int

    @property
    def sign(self) -> int:
        """1 or -1 where the interval of enough pairs lies above or below 0, else 0."""
        if self.low is None or self.high is None or self.pairs < MIN_PAIRS:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def compare_pairs(pairs: Mapping[str, Sequence[float]], seed: int = 0) -> Difference:
    """Mean of paired differences over domains, each domain counted once, with a percentile bootstrap interval.

    Seeds are resampled within each domain; domains are not resampled. So the interval says how the mean over these
    domains would vary with other seeds, and nothing about other domains. With few seeds it is too narrow.

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
    if any(len(values) < MIN_PAIRS_PER_DOMAIN for values in pairs.values()):
        return Difference(mean, None, None, count)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Difference(mean, float(low), float(high), count)
