"""Time what a training of the embedded student takes beside its steps, from 200 samples to 20,000.

    python -m benchmarks.student_growth                  # CPU seconds, one thread; the table in docs/benchmarks.md
    python -m benchmarks.student_growth --samples 200 2000

Texts are made up (see `benchmarks.planted`) and every training makes as many steps; in a run their number is that of
`student.min_epochs` passes over the samples. Each training has a process of its own.

to the first step   reading the samples, tokenizing them, fitting the output layer, choosing batches
a step              of 16 texts
behind the last     saving the student
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from benchmarks.planted import LABELS, make_texts
from evokd.student.protocol import TrainExample, TrainJob
from evokd.student.student_settings import StudentSettings

STEPS = 60


class Growth(NamedTuple):
    """CPU seconds of a training, and the peak of its resident memory."""

    before: float
    step: float
    behind: float
    megabytes: float


def measure(samples: int) -> Growth:
    """Train on so many samples in this process."""
    from transformers.utils import logging

    from evokd.student.training.train import train

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as place:
        _train(train, 8, Path(place))  # loads the modules
        marks = [time.process_time()]

        def note(_: int, __: int) -> None:
            marks.append(time.process_time())

        _train(train, samples, Path(place), note)
        marks.append(time.process_time())
    step = (marks[-2] - marks[1]) / (STEPS - 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Growth(marks[1] - marks[0] - step, step, marks[-1] - marks[-2], peak)


def _train(
    train: Callable[..., object], samples: int, place: Path, note: Callable[[int, int], None] | None = None
) -> None:
    rows = enumerate(make_texts(samples, seed=7))
    job = TrainJob(
        task="classification",
        labels=list(LABELS),
        examples=[TrainExample(id=f"d{number}", text=text, gold=label) for number, (text, label) in rows],
        out=str(place / "student"),
        settings=StudentSettings(tune="full", steps=STEPS, min_epochs=0.0, device="cpu", threads=1),
        seed=1,
    )
    train(job, note)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=(200, 2_000, 20_000), help="least first")
    options = parser.parse_args()
    print(f"{time.strftime('%Y-%m-%d')}: {STEPS} steps of 16 texts, one thread, CPU seconds\n")
    print("| samples | to the first step | per 1,000 samples | a step | behind the last | resident memory, MB |")
    print("|---|---|---|---|---|---|")
    for samples in options.samples:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            growth = pool.submit(measure, samples).result()
        thousand = growth.before / samples * 1_000
        print(
            f"| {samples:,} | {growth.before:.2f} | {thousand:.2f} | {growth.step:.3f} | {growth.behind:.2f}"
            f" | {growth.megabytes:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
