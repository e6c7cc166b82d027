"""Statements about weaknesses, tested on the student's answers before any text is written on them.

A statement names cases as its evidence. It holds if the student errs or doubts on them, and does not know other
examined texts of their kind well. A probe says where such texts are: a direction in the untrained
student's embedding from right cases to the evidence. The probe decides nothing by itself, since meaning can depend on
what an embedding does not show; it measures the weakness on texts of its own kind, cycle after cycle.

Source: DISCERN (Menon et al. 2024, arXiv 2410.22239) tests descriptions of error clusters inside and outside before it
writes from them; there a language model judges, here the student's own answers do, which cost nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float64]
Verdict = Literal["holds", "refined", "fails", "untested"]

FAILED = 2 / 3
"""Share of the evidence on which the student must err or doubt."""
DOUBTS = 0.6
"""Confidence below which a right answer counts as doubtful."""
LEAST = 2
"""Cases that a statement needs as evidence."""
NEIGHBOURS = 8
"""Number of examined texts of the evidence's kind to compare with."""
AT_LEAST_HALF = 0.5
"""Fraction of the overall error rate that these texts must have; below it, the student knows such texts well."""


@dataclass(frozen=True)
class Probe:
    """Separates texts of a weakness's kind from others."""

    towards: tuple[float, ...]
    """Direction from right cases to the evidence."""
    border: float
    """From this projection on it, a text is of the kind."""

    def picks(self, vectors: Vectors) -> NDArray[np.bool_]:
        """Say which of the texts (n, features) are of the kind: (n,)."""
        picked: NDArray[np.bool_] = vectors @ np.array(self.towards) >= self.border
        return picked


@dataclass(frozen=True)
class Answered:
    """What the student made of an examined text."""

    right: bool
    confidence: float
    """The student's confidence in its answer, 0 to 1."""

    @property
    def failed(self) -> bool:
        """It erred, or was not sure."""
        return not self.right or self.confidence < DOUBTS


@dataclass(frozen=True)
class ProbeRuling:
    """Result of the test of a statement."""

    verdict: Verdict
    inside: float | None
    """Share of the evidence on which the student errs or doubts, 0 to 1."""
    near: float | None
    """Share of other examined texts of its kind on which the student errs; None if there are none."""
    outside: float | None
    """Share of all other examined texts on which it errs."""
    remaining: tuple[int, ...]
    """Indices of the evidence that stays; all of it unless the statement was refined."""
    probe: Probe | None
    """None if the statement fails, or there is nothing to compare with."""


def judge(
    evidence: Sequence[Answered], evidence_vectors: Vectors, others: Sequence[Answered], other_vectors: Vectors
) -> ProbeRuling:
    """Test a statement; evidence on which the student is right and sure is left out before the statement is given up.

    Args:
        evidence: the student's answers to the cases that are to show the weakness.
        evidence_vectors: these texts, (m, features), of length 1.
        others: its answers to the other examined texts.
        other_vectors: these texts, (n, features).
    """
    remaining = tuple(at for at, answer in enumerate(evidence) if answer.failed)
    inside = round(len(remaining) / len(evidence), 3) if evidence else None
    right = [at for at, answer in enumerate(others) if answer.right]
    probe = _aim(evidence_vectors[list(remaining)], other_vectors[right]) if remaining and right else None
    near, outside = _compare(evidence_vectors[list(remaining)], others, other_vectors) if remaining else (None, None)
    everything = tuple(range(len(evidence)))
    knows_such_texts = near is not None and outside is not None and near < AT_LEAST_HALF * outside
    if len(remaining) < LEAST or len(remaining) < FAILED * len(evidence) or knows_such_texts:
        return ProbeRuling("fails", inside, near, outside, everything, None)
    return ProbeRuling("holds" if remaining == everything else "refined", inside, near, outside, remaining, probe)


def _compare(evidence: Vectors, others: Sequence[Answered], vectors: Vectors) -> tuple[float | None, float | None]:
    """Error rates among the texts nearest to the evidence, and among all others; None if there are too few."""
    if len(others) < 2 * NEIGHBOURS:
        return None, None
    wrong = np.array([not answer.right for answer in others], dtype=np.float64)
    nearest = np.argsort(-(vectors @ evidence.T).max(axis=1), kind="stable")[:NEIGHBOURS]
    return round(float(wrong[nearest].mean()), 3), round(float(wrong.mean()), 3)


def _aim(evidence: Vectors, right: Vectors) -> Probe:
    a, b = evidence.mean(0), right.mean(0)
    towards = a - b
    return Probe(tuple(np.round(towards, 5).tolist()), round(float(towards @ (a + b) / 2), 6))
