"""What the nodes of a run work with; passed to the graph as its runtime context."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evokd.agents.llm.client import Teacher
from evokd.agents.prompt_context import PromptContext
from evokd.graph.pool.large_pool import LargePool
from evokd.graph.settled import SettledCycles
from evokd.graph.setup.domain import Domain
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.run_settings import Settings
from evokd.student.protocol import StudentProtocol
from evokd.student.similar_texts import SimilarTexts
from evokd.tracing.events import Emit
from evokd.tracing.ledger import Ledger

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass
class TrainingProgress:
    """Makes events of the steps of a training; `tell` takes events that are not kept."""

    tell: Emit
    cycle: int = 0
    """Of the training that goes on."""

    def __call__(self, step: int, steps: int) -> None:
        """Tell of a step: its number, from 1, and the number of all."""
        self.tell("training_step", cycle=self.cycle, step=step, steps=steps)


@dataclass
class KnownTexts:
    """What drafts must differ from; the index grows with the run, so that a cycle adds its own texts alone."""

    index: SimilarTexts = field(default_factory=SimilarTexts)
    next_cycle: int = 0
    """The first cycle whose texts are not in yet; 0: nor are the seeds."""
    guarded: SimilarTexts = field(default_factory=SimilarTexts)
    """Validation and test texts."""


@dataclass(frozen=True)
class RunContext:
    """Collaborators of a run."""

    settings: Settings
    domain: Domain
    preset: str
    folder: RunFolder
    ledger: Ledger
    emit: Emit
    student: StudentProtocol
    teacher: Teacher
    briefing: PromptContext
    draft_cost: tuple[float, float] = (0.0, 0.0)
    """Tokens and US dollars that a draft is expected to cost, before any is written."""
    vectors: dict[str, "NDArray[np.float64]"] = field(default_factory=dict)
    """Embeddings of texts by the untrained student: those that this process has needed so far."""
    known_texts: KnownTexts = field(default_factory=KnownTexts)
    """Texts that drafts are compared with, as far as this process has indexed them."""
    settled: SettledCycles = field(default_factory=SettledCycles)
    """What earlier cycles have left, as far as this process has read it; see `nodes.settled_cycles.settle`."""
    large_pools: list[LargePool] = field(default_factory=list)
    """The large pool of the run, once it is opened: one at most."""
    keep_versions: bool = False
    """Whether every student that became champion is kept on disk."""
    progress: TrainingProgress | None = None
    """Hears of the steps of trainings; None: nobody does."""
    estimate_rest: Callable[[int, int], Mapping[str, Any]] | None = None
    """Estimates what is still to come after a cycle with so many accepted samples; see `graph.estimate`."""

    @property
    def entities(self) -> bool:
        """Whether an answer is a list of entities; otherwise it is about the text as a whole."""
        return self.briefing.form.marks_text

    @property
    def gate_metric(self) -> str:
        """The metric that decides which student is champion."""
        return self.settings.gate.metric or self.domain.metric

    def seed(self, *place: object) -> int:
        """A seed for one point in the run (cycle, node, ...): 31 bits, the same on every machine and in every order."""
        text = "/".join(str(part) for part in (self.settings.seed, *place))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def cycle_name(cycle: int) -> str:
    """Name of a cycle: its student version and the span of its messages."""
    return f"c{cycle:03d}"
