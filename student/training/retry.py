"""What a training does about faults that may heal: memory that runs short, a loss that is not a number."""

from dataclasses import dataclass, field

from evokd.student.memory import halve, is_shortage
from evokd.student.protocol import MEMORY_ADVICE, StudentError

_CUT = 0.25
"""What the rate is multiplied with after a training whose loss was not a number."""
_RATES = 3
"""Rates that are tried."""


class Diverged(Exception):
    """The loss or the weights are not numbers any more.

    Args:
        what: which of them.
        step: optimizer step, from 1, in which it was so; 0 where no step was taken.
    """

    def __init__(self, what: str, step: int) -> None:
        super().__init__(f"{what} not a number in step {step}")
        self.what = what
        self.step = step


@dataclass
class RetryState:
    """The tries of one training: with how many texts at once, at which rate, and what went wrong so far."""

    batch: int
    """Texts computed at once; the samples of an optimizer step stay the same."""
    rate: float
    """Peak learning rate."""
    faults: list[str] = field(default_factory=list)
    """What went wrong and what was done about it."""
    _batches: list[int] = field(default_factory=list)
    _rates: list[float] = field(default_factory=list)

    def mend(self, exc: Exception) -> bool:
        """Change what the next try is made with; False if the error is none that another try could heal.

        Raises:
            StudentError: there is nothing left to try; says what was tried.
        """
        if isinstance(exc, Diverged):
            self._lower(exc)
        elif is_shortage(exc):
            self._shrink(exc)
        else:
            return False
        return True

    def _shrink(self, exc: Exception) -> None:
        self._batches.append(self.batch)
        if self.batch == 1:
            tried = ", ".join(map(str, self._batches))
            raise StudentError(f"out of memory in the training with {tried} texts at once; {MEMORY_ADVICE}") from exc
        self.batch = halve(self.batch)
        self.faults.append(f"out of memory with {self._batches[-1]} texts at once; again with {self.batch}")

    def _lower(self, exc: Diverged) -> None:
        if exc.step <= 1 and exc.what == "loss":
            # No rate has acted yet.
            raise StudentError(
                "the training loss is not a number from the start; the weights of student.base are damaged, give"
                " another one"
            ) from exc
        self._rates.append(self.rate)
        if len(self._rates) == _RATES:
            tried = ", ".join(f"{rate:g}" for rate in self._rates)
            raise StudentError(
                f"the training {exc.what} became not a number at the rates {tried}; set student.rate lower, or"
                " student.precision to float32"
            ) from exc
        self.rate *= _CUT
        self.faults.append(
            f"the {exc.what} became not a number in step {exc.step} at rate {self._rates[-1]:g}; again from the start"
            f" at rate {self.rate:g}"
        )
