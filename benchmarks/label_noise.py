"""Measure what wrong labels cost under each `student.loss`.

python -m benchmarks.label_noise DOMAIN_FOLDER... --out FILE.jsonl
python -m benchmarks.label_noise DOMAIN_FOLDER... --out FILE.jsonl --tune full --losses cross_entropy,bootstrap

Samples are drawn at random from the domain's rehearsal corpus and labelled by the rehearsal Labeler at each noise. Four
in five of its wrong answers are the likeliest wrong label. No sample is trusted.
The student learns from the labels' meanings unless `--no-meanings` is given. Scores are test macro-F1. Measurements in
FILE are not repeated. Prints a Markdown table of all of them: mean and standard deviation, over seeds, of the mean over
data sets.
"""

import argparse
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
import yaml
from transformers.utils import logging

from evokd.simulator.corpus import Corpus
from evokd.simulator.corpus_rows import read_corpus_rows
from evokd.simulator.labeler import answer_labeler
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.student.base import find_local
from evokd.student.data import read_examples
from evokd.student.features import Encoder, open_encoder
from evokd.student.predict import predict
from evokd.student.protocol import Compute, PredictJob, TrainExample, TrainJob
from evokd.student.student_settings import StudentSettings
from evokd.student.tasks.base import LabeledExample
from evokd.student.tasks.registry import codec, make_network
from evokd.student.training.samples import gather
from evokd.student.training.train import train

_CPU = torch.device("cpu")
_AT_ONCE = 16

Cell = tuple[str, str, int, float, str]
"""Data set, what is tuned, samples, noise, loss."""


def main() -> None:
    """Measure what FILE lacks, then print the table."""
    options = _parse()
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    known = _read(options.out)
    for folder in options.domains:
        bench = _Bench(folder, options)
        for seed in range(options.seeds):
            for cell in bench.cells():
                if seed not in known[cell]:
                    known[cell][seed] = bench.measure(cell, seed)
                    with options.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps([cell, seed, known[cell][seed]]) + "\n")
    for line in _tabulate(known):
        print(line)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domains", nargs="+", type=Path, help="domain folders with a rehearsal corpus and test data")
    parser.add_argument("--out", type=Path, required=True, help="file that every measurement is appended to")
    parser.add_argument("--samples", default="48,120,240", help="sizes, comma-separated")
    parser.add_argument("--noises", default="0,0.1,0.2", help="shares of wrong labels, comma-separated")
    parser.add_argument("--losses", default="cross_entropy,bootstrap", help="comma-separated")
    parser.add_argument("--tune", choices=["head", "full"], default="head", help="what is trained")
    parser.add_argument("--seeds", type=int, default=5, help="repetitions with other samples and slips")
    parser.add_argument("--test-rows", type=int, default=500, help="rows of the test file that are used")
    parser.add_argument("--no-meanings", action="store_true", help="do not learn from the labels' meanings")
    return parser.parse_args()


class _Bench:
    """One data set."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        domain = yaml.safe_load((folder / "domain.yaml").read_text(encoding="utf-8"))
        corpus = folder / domain["rehearsal"]["corpus"]
        self._name = folder.name
        self._options = options
        self._meanings: dict[str, str] = domain["labels"]
        self._codec = codec(domain["task"], list(domain["labels"]))
        self._rows = read_examples(corpus, self._codec)
        test = read_examples(folder / domain["data"]["test"], self._codec)
        self._test = random.Random(0).sample(test, min(options.test_rows, len(test)))
        self._corpus = Corpus(read_corpus_rows(corpus))

    def cells(self) -> Iterator[Cell]:
        """List what is measured."""
        options = self._options
        for size in map(int, options.samples.split(",")):
            for noise in map(float, options.noises.split(",")):
                for loss in options.losses.split(","):
                    yield self._name, options.tune, size, noise, loss

    def measure(self, cell: Cell, seed: int) -> float:
        """Train on samples with wrong labels; test macro-F1."""
        _, tune, size, noise, loss = cell
        told = {"meaning_weight": 0} if self._options.no_meanings else {}
        settings = StudentSettings.model_validate({"tune": tune, "loss": loss, "device": "cpu", "threads": 1, **told})
        with tempfile.TemporaryDirectory() as folder:
            job = TrainJob(
                task=self._codec.name,
                labels=list(self._codec.labels),
                meanings=self._meanings,
                examples=self._label(random.Random(seed).sample(self._rows, size), noise, seed),
                out=f"{folder}/student",
                settings=settings,
                seed=seed,
            )
            return self._score(self._fit(job) if tune == "head" else self._train(job))

    def _label(self, rows: list[LabeledExample], noise: float, seed: int) -> list[TrainExample]:
        drafts = [{"id": str(i), "text": row.text} for i, row in enumerate(rows)]
        batch = {"kind": "draft_batch", "labels": self._meanings, "drafts": drafts}
        verdicts = answer_labeler(batch, self._corpus, RehearsalSettings(noise=noise), seed)["verdicts"]
        return [
            TrainExample(id=item["id"], text=row.text, gold=item["labels"][0])
            for row, item in zip(rows, verdicts, strict=True)
        ]

    def _fit(self, job: TrainJob) -> list[Any]:
        """Do what a training of the head does, and a prediction, without writing and reading the weights."""
        samples = gather(job, make_network(self._codec))
        encoder = self._open()
        pieces, seen = encoder.features(samples.texts, job.settings.length, _CPU, _AT_ONCE)
        data = samples.encode(self._codec, pieces)
        if samples.doubtful:
            data, _ = samples.relabel(data, seen)
        fitted = samples.fit(data, seen, len(self._codec.labels))
        texts = [row.text for row in self._test]
        pieces, seen = encoder.features(texts, job.settings.length, _CPU, _AT_ONCE)
        answers = encoder.network.decode(texts, pieces, [fitted.answer(features) for features in seen])
        return [answer.answer for answer in answers]

    def _train(self, job: TrainJob) -> list[Any]:
        train(job)
        texts = [row.text for row in self._test]
        found = predict(PredictJob(folder=job.out, texts=texts, compute=Compute(device="cpu", threads=1)))
        return [answer.answer for answer in found]

    def _open(self) -> Encoder:
        base = find_local("embedded")
        encoder = None if base is None else open_encoder(make_network(self._codec), self._codec.labels, base)
        assert encoder is not None
        return encoder

    def _score(self, answers: list[Any]) -> float:
        found = self._codec.evaluate([row.gold for row in self._test], answers).metrics
        return round(found["macro_f1"], 4)


def _read(path: Path) -> defaultdict[Cell, dict[int, float]]:
    known: defaultdict[Cell, dict[int, float]] = defaultdict(dict)
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            (name, tune, size, noise, loss), seed, score = json.loads(line)
            known[name, tune, size, noise, loss][seed] = score
    return known


def _tabulate(known: dict[Cell, dict[int, float]]) -> Iterator[str]:
    """Make a table: a line for each loss, a column for each size and noise; over all data sets."""
    columns = sorted({(tune, size, noise) for _, tune, size, noise, _ in known})
    yield "| loss | " + " | ".join(f"{tune} {size}, noise {noise:g}" for tune, size, noise in columns) + " |"
    yield "|---" * (len(columns) + 1) + "|"
    for loss in dict.fromkeys(cell[-1] for cell in known):
        line = []
        for column in columns:
            found = {cell[0]: scores for cell, scores in known.items() if cell[1:4] == column and cell[4] == loss}
            shared = set.intersection(*map(set, found.values())) if found else set()
            means = [mean(scores[seed] for scores in found.values()) for seed in sorted(shared)]
            spread = f" ± {stdev(means):.3f}" if len(means) > 1 else ""
            line.append(f"{mean(means):.3f}{spread}" if means else "-")
        yield f"| {loss} | " + " | ".join(line) + " |"


if __name__ == "__main__":
    main()
