"""What a training does about faults that may heal: memory that runs short, a loss that is NaN."""

from dataclasses import dataclass, field

from evokd.student.memory import halve, is_shortage
from evokd.student.protocol import MEMORY_ADVICE, StudentError

_RATE_FACTOR = 0.25
"""What the learning rate is multiplied with after a training that diverged."""
_RATES = 3
"""Learning rates that are tried."""


class Diverged(Exception):
    """The loss or the weights became NaN or infinite.

    Args:
        what: "loss" or "weights".
        step: optimizer step, from 1, in which it happened; 0 where no step was taken.
    """

    def __init__(self, what: str, step: int) -> None:
        super().__init__(f"{what} not finite in step {step}")
        self.what = what
        self.step = step


@dataclass
class RetryState:
    """What the next attempt of a training is made with, and what went wrong so far.

    The one place that knows the current learning rate: the settings of a job stay what the user asked for.
    """

    at_once: int
    """Texts computed at once; the samples of an optimizer step stay the same."""
    rate: float
    """Peak learning rate."""
    faults: list[str] = field(default_factory=list)
    """What went wrong and what was done about it."""
    _sizes: list[int] = field(default_factory=list)
    """Texts at once with which memory ran short."""
    _rates: list[float] = field(default_factory=list)
    """Learning rates at which the training diverged."""

    def mend(self, exc: Exception) -> bool:
        """Change what the next attempt is made with; False if no other attempt could heal the error.

        Raises:
            StudentError: there is nothing left to try; says what was tried.
        """
        if isinstance(exc, Diverged):
            self._lower_rate(exc)
        elif is_shortage(exc):
            self._shrink(exc)
        else:
            return False
        return True

    def _shrink(self, exc: Exception) -> None:
        self._sizes.append(self.at_once)
        if self.at_once == 1:
            sizes = ", ".join(map(str, self._sizes))
            raise StudentError(f"training ran out of memory with {sizes} texts at once; {MEMORY_ADVICE}") from exc
        self.at_once = halve(self.at_once)
        self.faults.append(f"out of memory with {self._sizes[-1]} texts at once; again with {self.at_once}")

    def _lower_rate(self, exc: Diverged) -> None:
        if exc.step <= 1 and exc.what == "loss":
            # No rate has acted yet.
            raise StudentError(
                "training diverged before its first step (NaN in the loss); the weights of student.base are damaged,"
                " give another one"
            ) from exc
        self._rates.append(self.rate)
        if len(self._rates) == _RATES:
            rates = ", ".join(f"{rate:g}" for rate in self._rates)
            raise StudentError(
                f"training diverged (NaN in the {exc.what}) at learning rates {rates}; set a lower student.rate,"
                " or student.precision to float32"
            ) from exc
        self.rate *= _RATE_FACTOR
        self.faults.append(
            f"training diverged in step {exc.step} (NaN in the {exc.what}) at learning rate {self._rates[-1]:g}; again"
            f" from the start at {self.rate:g}"
        )
