"""Two independent ways to count entities in tags, written from the rules alone: conlleval's, and strict IOB2.

The rules of conlleval are those published with the shared tasks CoNLL-2000 and CoNLL-2003, for the tags O, B- and I-.
A text ends as if "O" followed.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

Tags = Sequence[str]


class Counts(NamedTuple):
    """Entities that are right, that there are, and that are predicted."""

    right: int
    gold: int
    predicted: int

    def plus(self, other: "Counts") -> "Counts":
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))

    def scores(self) -> dict[str, float]:
        precision = self.right / self.predicted if self.predicted else 0.0
        recall = self.right / self.gold if self.gold else 0.0
        f1 = 2 * precision * recall / (precision + recall) if self.right else 0.0
        return {"precision": precision, "recall": recall, "f1": f1}


def kind(tag: str) -> str:
    return tag[2:]


def begins(before: str, tag: str) -> bool:
    """Whether an entity begins with `tag`: at every B, and at an I that does not go on with its own type."""
    return tag[0] == "B" or (tag[0] == "I" and (before == "O" or kind(before) != kind(tag)))


def ends(tag: str, behind: str) -> bool:
    """Whether an entity ends with `tag`: unless an I of its own type follows."""
    return tag != "O" and not (behind[0] == "I" and kind(behind) == kind(tag))


def count_conlleval(gold: Tags, predicted: Tags) -> Counts:
    """Walk both sides at once: right is what begins together, with one type, and ends together."""
    right = total = guessed = 0
    together = False
    rows = list(zip(["O", *gold, "O"], ["O", *predicted, "O"], strict=True))
    for (g_before, p_before), (g, p) in pairwise(rows):
        if together:
            g_ends, p_ends = ends(g_before, g), ends(p_before, p)
            right += g_ends and p_ends
            together = not (g_ends or p_ends)
        g_begins, p_begins = begins(g_before, g), begins(p_before, p)
        total += g_begins
        guessed += p_begins
        if g_begins and p_begins and kind(g) == kind(p):
            together = True
    return Counts(right, total, guessed)


def count_strict(gold: Tags, predicted: Tags) -> Counts:
    """Find every B with the I of its own type right behind it; any other I belongs to nothing."""
    sides = []
    for tags in (gold, predicted):
        line = "".join(f"{tag} " for tag in tags)
        found = re.finditer(r"B-(\S+) (?:I-\1 )*", line)
        sides.append({(line.count(" ", 0, m.start()), line.count(" ", 0, m.end()), m[1]) for m in found})
    return Counts(len(sides[0] & sides[1]), len(sides[0]), len(sides[1]))


COUNT: dict[str, Callable[[Tags, Tags], Counts]] = {"strict": count_strict, "lenient": count_conlleval}
