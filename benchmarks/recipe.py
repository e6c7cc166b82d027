"""Measure a training recipe on real rows: fixed samples per label, or a simulated loop of cycles.

python -m benchmarks.recipe DOMAIN_FOLDER... --per-label 12,60 --seeds 2
python -m benchmarks.recipe DOMAIN_FOLDER... --loop 5x48 --set regime=base --set steps=60

Rows are drawn at random, balanced over the labels; a row with several labels serves each of them. Prints test macro-F1
(for entities strict F1), as mean over the seeds and each seed's last, and the seconds of the last training. A loop
starts with one row per label, then each cycle adds new rows and trains once.
"""

import argparse
import asyncio
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import yaml

from evokd.student.data import read_examples
from evokd.student.process.client import StudentClient, TrainExample, TrainJob, TrainResult
from evokd.student.student_settings import StudentSettings
from evokd.student.tasks.registry import codec


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domains", nargs="+", type=Path, help="domain folders with a rehearsal corpus and test data")
    parser.add_argument("--per-label", default="", help="samples per label, comma-separated")
    parser.add_argument("--loop", default="", help="CYCLESxSAMPLES, such as 5x48")
    parser.add_argument("--seeds", type=int, default=2, help="repetitions with other rows and seeds")
    parser.add_argument("--test-rows", type=int, default=600, help="rows of the test file that are used")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="student settings")
    parser.add_argument(
        "--log", type=Path, default=Path(tempfile.gettempdir()) / "recipe.log", help="log of the student process"
    )
    options = parser.parse_args()
    chosen = {key: yaml.safe_load(value) for key, value in (item.split("=", 1) for item in options.set)}
    client = StudentClient(options.log)
    with asyncio.Runner() as runner:
        for folder in options.domains:
            bench = _Bench(folder, chosen, options.test_rows, client, runner)
            for count in filter(None, options.per_label.split(",")):
                runs = [list(bench.fixed(int(count), seed)) for seed in range(options.seeds)]
                bench.report(f"{count} per label", runs)
            if options.loop:
                cycles, samples = map(int, options.loop.split("x"))
                runs = [list(bench.loop(cycles, samples, seed)) for seed in range(options.seeds)]
                bench.report(f"loop {options.loop}", runs)
        runner.run(client.close())


Step = tuple[TrainResult, float]
"""A training and the test score after it."""


class _Bench:
    """One data set and one recipe."""

    def __init__(
        self, folder: Path, chosen: dict[str, Any], test_rows: int, client: StudentClient, runner: asyncio.Runner
    ) -> None:
        self._client, self._runner = client, runner
        domain = yaml.safe_load((folder / "domain.yaml").read_text(encoding="utf-8"))
        self._codec = codec(domain["task"], list(domain["labels"]))
        self._name = folder.name
        self._meanings: dict[str, str] = domain["labels"]
        self._chosen = chosen
        self._settings = StudentSettings.model_validate({**self._codec.recipe, **chosen})
        self._rows = read_examples(folder / domain["rehearsal"]["corpus"], self._codec)
        self._test = read_examples(folder / domain["data"]["test"], self._codec)[:test_rows]

    def fixed(self, per_label: int, seed: int) -> Iterator[Step]:
        """Train once from the base."""
        rows = self._draw(seed)
        chosen = [next(rows) for _ in range(per_label * len(self._codec.labels))]
        with tempfile.TemporaryDirectory() as folder:
            yield self._step(chosen, [], None, f"{folder}/student", seed)

    def loop(self, cycles: int, samples: int, seed: int) -> Iterator[Step]:
        """Train on one row per label, then once a cycle with as many new rows as asked."""
        rows = self._draw(seed)
        known = [next(rows) for _ in self._codec.labels]
        with tempfile.TemporaryDirectory() as folder:
            out = f"{folder}/student"
            yield self._step(known, [], None, out, seed)
            for _ in range(cycles):
                new = [next(rows) for _ in range(samples)]
                if self._settings.regime == "continue":
                    yield self._step(new, known, out, out, seed)
                else:
                    yield self._step(known + new, [], None, out, seed)
                known += new

    def report(self, title: str, runs: Sequence[Sequence[Step]]) -> None:
        """Print one line: scores after each training, then what the trainings took."""
        scores = " ".join(f"{run[-1][1]:.3f}" for run in runs)
        means = " > ".join(f"{mean(s[1] for s in column):.3f}" for column in zip(*runs, strict=True))
        last = [run[-1][0] for run in runs]
        print(
            f"{self._name} | {title} | {self._chosen or 'defaults'} | {means} (last: {scores}) | "
            f"{last[0].tune} {last[0].steps} steps, {mean(s.seconds for s in last):.1f} s each",
            flush=True,
        )

    def _draw(self, seed: int) -> Iterator[TrainExample]:
        """Give rows, the labels in turn, none twice, until a label has no more."""
        rng = random.Random(seed)
        shuffled = rng.sample(self._rows, len(self._rows))
        queues = {
            label: [row for row in shuffled if label in self._codec.labels_in(row.gold)] for label in self._codec.labels
        }
        given: set[str] = set()
        while True:
            for label, queue in queues.items():
                while queue and queue[0].text in given:
                    del queue[0]
                if not queue:
                    return
                row = queue.pop(0)
                given.add(row.text)
                yield TrainExample(id=f"{label}-{len(given)}", text=row.text, gold=row.gold)

    def _step(self, new: list[TrainExample], old: list[TrainExample], start: str | None, out: str, seed: int) -> Step:
        job = TrainJob(
            task=self._codec.name,
            labels=list(self._codec.labels),
            meanings=self._meanings,
            examples=new,
            replay=old,
            start=start,
            out=out,
            settings=self._settings,
            seed=seed,
        )
        result = self._runner.run(self._client.train(job))
        answers = self._runner.run(self._client.predict(Path(out), [row.text for row in self._test]))
        found = self._codec.evaluate([row.gold for row in self._test], [answer.answer for answer in answers]).metrics
        return result, found[self._codec.metrics[0]]


if __name__ == "__main__":
    main()
