"""What settled cycles have left: nothing of them changes, so each is read once and its share added to what is known."""

from collections import Counter
from dataclasses import dataclass, field

from evokd.student.protocol import TrainExample


@dataclass
class SettledCycles:
    """Texts and counts of the cycles before `next_cycle`; it grows with the run, see `nodes.settled_cycles.settle`."""

    next_cycle: int = 0
    """The first cycle that is not in yet."""
    examples: list[TrainExample] = field(default_factory=list)
    """The accepted samples for training, in order."""
    kinds: list[str] = field(default_factory=list)
    """The kind of text of each of them."""
    places: dict[str, int] = field(default_factory=dict)
    """Id of each of them -> its place in the order."""
    real: list[str] = field(default_factory=list)
    """Ids of those that are the user's texts."""
    accepted: Counter[str] = field(default_factory=Counter)
    """Kind of text -> accepted samples, for training or for the gate."""
    tokens: Counter[str] = field(default_factory=Counter)
    """Kind of text -> tokens read and written by the calls of its lessons."""
    drafts: int = 0
    labelled: int = 0
    """Drafts that were labelled."""
    checked: int = 0
    """Written texts that the Labeler answered."""
    disputed: int = 0
    """Those of them whose intended label it disputed."""
    sources: set[str] = field(default_factory=set)
    """Sources of the real texts that were sent to the Labeler."""
    real_answers: int = 0
    """Accepted real texts."""
    blank: int = 0
    """Those of them without any label."""
    refused: list[str] = field(default_factory=list)
    """Texts that people refused."""

    def forget(self) -> None:
        """Begin anew, as after the graph was sent back."""
        vars(self).update(vars(SettledCycles()))
