"""Statements about weaknesses, tested where the student reads: does the evidence lie apart from what works?

A statement that holds is also a probe: a direction and a place on it that say of any other text whether it is of the
kind that the statement is about. With it a weakness is measured on texts of its own kind, cycle after cycle.

Source: DISCERN (Menon et al. 2024, arXiv 2410.22239) tests descriptions of error clusters inside and outside before it
writes from them; there a language model judges, here distances do, which cost nothing.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]
Verdict = Literal["holds", "refined", "fails", "untested"]

INSIDE = 0.7
"""Share of the evidence that must lie on its own side, each judged by the others."""
OUTSIDE = 0.4
"""Share of right cases that may lie there too."""
KEPT = 2 / 3
"""Share of the evidence that a refined statement must keep: leaving out more would make any statement hold."""
LEAST = 3
"""Texts on each side below which nothing can be told."""


@dataclass(frozen=True)
class Probe:
    """Tells texts of a weakness's kind from others."""

    towards: tuple[float, ...]
    """Direction from right cases to the evidence."""
    border: float
    """Place on it from which a text is of the kind."""

    def picks(self, vectors: Vectors) -> NDArray[np.bool_]:
        """Say which of the texts (n, features) are of the kind: (n,)."""
        picked: NDArray[np.bool_] = vectors @ np.array(self.towards) >= self.border
        return picked


@dataclass(frozen=True)
class Ruling:
    """What a test of a statement found."""

    verdict: Verdict
    inside: float | None
    """Share of the evidence on its own side, 0 to 1."""
    outside: float | None
    """Share of right cases on that side, 0 to 1."""
    kept: tuple[int, ...]
    """Places of the evidence that stays; all of it unless the statement was refined."""
    probe: Probe | None
    """None where the statement fails, or one side is empty."""


def judge(evidence: Vectors, right: Vectors) -> Ruling:
    """Test a statement; evidence that lies among the right cases is left out before the statement is given up.

    Args:
        evidence: vectors of the cases that are to show the weakness, (m, features), of length 1.
        right: those of cases with the same labels that are answered right, (n, features).
    """
    everything = tuple(range(len(evidence)))
    if len(evidence) < LEAST or len(right) < LEAST:
        probe = _aim(evidence, right) if len(evidence) and len(right) else None
        return Ruling("untested", None, None, everything, probe)
    first = _try(evidence, right, everything)
    if first.probe is not None:
        return first
    kept = tuple(np.flatnonzero(_own_side(evidence, right)).tolist())
    if len(kept) < max(LEAST, len(evidence) * KEPT):
        return first
    again = _try(evidence[list(kept)], right, kept)
    return first if again.probe is None else Ruling("refined", again.inside, again.outside, kept, again.probe)


def _try(evidence: Vectors, right: Vectors, places: tuple[int, ...]) -> Ruling:
    inside, outside = float(_own_side(evidence, right).mean()), float(1 - _own_side(right, evidence).mean())
    holds = inside >= INSIDE and outside <= OUTSIDE
    rounded = round(inside, 3), round(outside, 3)
    return Ruling("holds" if holds else "fails", *rounded, places, _aim(evidence, right) if holds else None)


def _own_side(own: Vectors, others: Vectors) -> NDArray[np.bool_]:
    """Say of each vector whether it is nearer to the mean of the rest of its side than to the mean of the other one.

    The mean of few vectors lies farther from everything than that of many; its expected share is taken off.
    """
    rest = (own.sum(0) - own) / (len(own) - 1)
    near = np.square(own - rest).sum(1) - _scatter(own) / (len(own) - 1)
    far = np.square(own - others.mean(0)).sum(1) - _scatter(others) / len(others)
    nearer: NDArray[np.bool_] = near < far
    return nearer


def _scatter(vectors: Vectors) -> float:
    """Mean squared distance from the mean that more vectors of the kind would have."""
    return float(np.square(vectors - vectors.mean(0)).sum() / (len(vectors) - 1))


def _aim(evidence: Vectors, right: Vectors) -> Probe:
    a, b = evidence.mean(0), right.mean(0)
    towards = a - b
    return Probe(tuple(np.round(towards, 5).tolist()), round(float(towards @ (a + b) / 2), 6))
