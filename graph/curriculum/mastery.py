"""What the student has made of a weakness: a number kept over cycles, and the state that follows from it.

Source: knowledge tracing (arXiv 2403.14661): a language model is a poor judge of what a learner knows, so mastery is
counted and shown to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from evokd.messages import MasteryState

FIXED = 0.85
"""From this mastery on, a weakness counts as fixed."""
MOVED = 0.1
"""From this change of mastery on, it counts as improving or regressed."""
ENOUGH = 3.0
"""Texts that must have been counted before a state is reported."""
_FADE = 0.5
"""The weight in the next cycle of a text counted in this one."""


@dataclass(frozen=True)
class Mastery:
    """Texts of a weakness's kind that were answered, older ones fading, and how many of them right."""

    right: float = 0.0
    count: float = 0.0

    @property
    def value(self) -> float | None:
        """Share answered right, pulled towards one half if few were counted, 0 to 1; None if none was."""
        return round((self.right + 0.5) / (self.count + 1.0), 4) if self.count else None

    def after(self, answers: Sequence[bool]) -> "Mastery":
        """Count the answers of another cycle: whether each was right."""
        return Mastery(round(self.right * _FADE + sum(answers), 4), round(self.count * _FADE + len(answers), 4))


def find_state(first: float | None, now: Mastery) -> MasteryState:
    """Return the state of a weakness from its mastery when it was named and now."""
    value = now.value
    if value is None or now.count < ENOUGH:
        return "open"
    if value >= FIXED:
        return "fixed"
    if first is None or abs(value - first) < MOVED:
        return "open"
    return "improving" if value > first else "regressed"
