"""Which texts of a cycle people decide on, and in which order."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evokd.tracing.reviews import QueuedText
from evokd.tracing.rows import Answer

Mode = Literal["disputes", "sample", "all"]
DISPUTED, DISAGREES, DRAWN, ALL = "disputed", "student disagrees", "drawn", "all"


@dataclass(frozen=True)
class Reviewable:
    """A text of a cycle that people can decide on."""

    id: str
    proposed: Answer | None
    """The teacher's answer."""
    disputed: bool
    """Labeler and Generator disagree about it."""
    disagrees: bool
    """The student's answer is another one than the teacher's."""
    confidence: float | None
    """The student's, 0 to 1; None: it was not asked."""


def choose_texts(texts: Sequence[Reviewable], mode: Mode, size: int, seed: int) -> list[QueuedText]:
    """Choose texts and put them in order: disputed ones, then those on which a sure student disagrees, then the rest.

    Of the rest, those of which the student is least sure come first.

    Args:
        texts: all texts of the cycle.
        mode: `disputes`: those on which anybody disagrees; `sample`: some drawn at random, each as likely as another,
            so that their agreement speaks for all; `all`.
        size: texts to draw.
        seed: of the draw.
    """
    chosen = list(texts)
    if mode == "disputes":
        chosen = [text for text in texts if text.disputed or text.disagrees]
    elif mode == "sample" and len(chosen) > size:
        drawn = set(random.Random(seed).sample(range(len(chosen)), size))
        chosen = [text for number, text in enumerate(chosen) if number in drawn]
    ordered = sorted(chosen, key=_rank)
    return [QueuedText(id=text.id, why=_tell_why(text, mode), proposed=text.proposed) for text in ordered]


def _rank(text: Reviewable) -> tuple[int, float]:
    confidence = text.confidence or 0.0
    if text.disputed:
        return 0, confidence
    return (1, -confidence) if text.disagrees else (2, confidence)


def _tell_why(text: Reviewable, mode: Mode) -> str:
    if text.disputed:
        return DISPUTED
    if text.disagrees:
        return DISAGREES
    return DRAWN if mode == "sample" else ALL
