"""Train the student and SetFit on the same samples of a finished run, with the same encoder, and score both.

python -m pip install setfit==1.2.0
python -m benchmarks.setfit_compare RUN_FOLDER... --out FILE.jsonl

Samples are the seeds and the first N that the run accepted (`--sizes`; those of one cycle in random order, since its
lessons are sorted by label), with the labels that it learned. The domain folder is the one that the run names. Our
student is trained from its base, as the run's configuration describes it (`--tune` overrides what is tuned). SetFit
uses the recipe of its paper: 20 positive and 20 negative pairs per sample, batch 16, one epoch, logistic regression on
top. It is trained once on the samples alone, and once with each label's meaning as one more sample, since our student
learns from meanings too. Scores are test macro-F1 and accuracy. Measurements in FILE are not repeated. Prints a
Markdown table of all of them: means over the runs and the spread of the paired differences.

Source: Tunstall et al., Efficient Few-Shot Learning Without Prompts (2022), arXiv 2209.11055.
"""

import argparse
import functools
import json
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from transformers.utils import logging

from evokd.graph.setup.domain import load_domain
from evokd.graph.setup.few_shot_sampling import choose_rows
from evokd.graph.setup.run_folder import RunFolder, read_config
from evokd.graph.setup.run_settings import Settings
from evokd.student.base import find_local
from evokd.student.predict import predict
from evokd.student.protocol import Compute, PredictJob, TrainExample, TrainJob, write_meaning
from evokd.student.student_settings import StudentSettings
from evokd.student.tasks.base import LabeledExample, TaskCodec
from evokd.student.training.train import train
from evokd.tracing.ledger import Ledger, Sample

Cell = tuple[str, int, int, str]
"""Data set, seed of the run, samples, who is trained."""
Found = dict[str, float]
"""What was measured of a cell."""


def main() -> None:
    """Measure what FILE lacks, then print the table."""
    options = _parse()
    torch.set_num_threads(options.threads)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    known = _read(options.out)
    contenders = [who for who in CONTENDERS if who not in options.skip]
    for folder in options.runs:
        material = read_material(folder, options.test_rows)
        for size in map(int, options.sizes.split(",")):
            for who in contenders:
                cell = (material.name, material.seed, size, who)
                if cell not in known:
                    known[cell] = CONTENDERS[who](material, size, options)
                    with options.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps([cell, known[cell]]) + "\n")
    for line in tabulate(known, contenders):
        print(line)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders of finished runs of text classification")
    parser.add_argument("--out", type=Path, required=True, help="file that every measurement is appended to")
    parser.add_argument("--sizes", default="16,48,120,240", help="samples, comma-separated")
    parser.add_argument(
        "--skip", action="append", default=[], choices=["setfit", "setfit, told"], help="whom to leave out"
    )
    parser.add_argument("--tune", choices=["head", "full"], help="what is trained of ours")
    parser.add_argument("--iterations", type=int, default=20, help="SetFit's positive (and negative) pairs per sample")
    parser.add_argument("--test-rows", type=int, default=1000, help="rows of the test file that are used")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of both")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where both compute, in float32")
    return parser.parse_args()


@dataclass(frozen=True)
class Material:
    """What a run learned from, and what it is scored on."""

    name: str
    seed: int
    settings: StudentSettings
    codec: TaskCodec
    meanings: dict[str, str]
    seeds: list[LabeledExample]
    samples: list[Sample]
    """Accepted samples, cycle by cycle."""
    test: list[LabeledExample]

    def score(self, answers: list[Any]) -> Found:
        """Score answers to the test rows."""
        found = self.codec.evaluate([row.gold for row in self.test], answers).metrics
        return {name: round(found[name], 4) for name in ("macro_f1", "accuracy")}


def read_material(folder: Path, test_rows: int) -> Material:
    """Read a run's folder and the domain that it names.

    Args:
        folder: of a finished run.
        test_rows: rows of the test file at most, chosen by chance, the same for all runs.
    """
    run = RunFolder(folder)
    record = read_config(run)
    settings = Settings.model_validate(record["settings"])
    domain = choose_rows(load_domain(Path(record["domain_folder"])), settings.rows, settings.seed, served=True)
    ledger = Ledger(run.ledger)
    accepted = ledger.samples(state="accepted")
    ledger.close()
    return Material(
        name=domain.folder.name,
        seed=settings.seed,
        settings=settings.student,
        codec=domain.codec,
        meanings=domain.file.labels,
        seeds=list(domain.seeds),
        samples=_shuffle_cycles(accepted, settings.seed),
        test=random.Random(0).sample(domain.test, min(test_rows, len(domain.test))),
    )


def _shuffle_cycles(samples: list[Sample], seed: int) -> list[Sample]:
    mixed = random.Random(seed).sample(samples, len(samples))
    return sorted(mixed, key=lambda sample: sample.cycle)


def train_ours(material: Material, size: int, options: argparse.Namespace) -> Found:
    """Train the student from its base on the seeds and the first samples."""
    changes = {"threads": options.threads, "device": options.device, "precision": "float32"}
    if options.tune:
        changes["tune"] = options.tune
    samples = [TrainExample(id=item.id, text=item.text, gold=item.label) for item in material.samples[:size]]
    seeds = [
        TrainExample(id=f"seed-{number}", text=item.text, gold=item.gold, trusted=True)
        for number, item in enumerate(material.seeds)
    ]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        job = TrainJob(
            task=material.codec.name,
            labels=list(material.codec.labels),
            meanings=dict(material.meanings),
            examples=[*seeds, *samples],
            out=f"{folder}/student",
            settings=material.settings.model_copy(update=changes),
            seed=material.seed,
        )
        train(job)
        seconds = time.perf_counter() - started
        texts = [row.text for row in material.test]
        compute = Compute(device=options.device, threads=options.threads)
        found = predict(PredictJob(folder=job.out, texts=texts, compute=compute))
    return {**material.score([item.answer for item in found]), "seconds": round(seconds, 1)}


def train_setfit(material: Material, size: int, options: argparse.Namespace, told: bool = False) -> Found:
    """Train SetFit on the same rows, with the labels' meanings among them if it is to be told."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    base = find_local(material.settings.base)
    assert base is not None, f"{material.settings.base}: SetFit is compared on bases of this machine alone"
    labels = list(material.codec.labels)
    rows = [*((item.text, item.gold) for item in material.seeds)]
    rows += [(item.text, item.label) for item in material.samples[:size]]
    rows += [(write_meaning(label, meaning), label) for label, meaning in material.meanings.items() if told]
    data = Dataset.from_dict(
        {"text": [text for text, _ in rows], "label": [labels.index(str(gold)) for _, gold in rows]}
    )
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        model = SetFitModel.from_pretrained(str(base), device=options.device, local_files_only=True)
        arguments = TrainingArguments(
            output_dir=folder,
            num_iterations=options.iterations,
            seed=material.seed,
            show_progress_bar=False,
            report_to="none",
            save_strategy="no",
        )
        Trainer(model=model, args=arguments, train_dataset=data).train()
        seconds = time.perf_counter() - started
        answers = model.predict([row.text for row in material.test])
    return {**material.score([labels[int(item)] for item in answers]), "seconds": round(seconds, 1)}


CONTENDERS: dict[str, Callable[[Material, int, argparse.Namespace], Found]] = {
    "evokd": train_ours,
    "setfit": train_setfit,
    "setfit, told": functools.partial(train_setfit, told=True),
}


def _read(path: Path) -> dict[Cell, Found]:
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(name, seed, size, who): found for (name, seed, size, who), found in lines}


def tabulate(known: dict[Cell, Found], contenders: list[str]) -> Iterator[str]:
    """Make a table of what was measured of contenders, ours first: a line per data set and number of samples."""
    others = contenders[1:]
    heads = ["data set", "samples", "runs", *contenders, *(f"minus {who}" for who in others)]
    heads += [f"seconds, {who}" for who in contenders]
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    whole: dict[tuple[str, int], list[dict[str, Found]]] = defaultdict(list)
    for name, seed, size in dict.fromkeys(cell[:3] for cell in known):
        found = {who: known[name, seed, size, who] for who in contenders if (name, seed, size, who) in known}
        if len(found) == len(contenders):
            whole[name, size].append(found)
    for (name, size), runs in sorted(whole.items()):
        scores = {who: [found[who]["macro_f1"] for found in runs] for who in contenders}
        cells = [name, str(size), str(len(runs)), *(f"{mean(values):.3f}" for values in scores.values())]
        for who in others:
            each = [a - b for a, b in zip(scores["evokd"], scores[who], strict=True)]
            cells.append(f"{mean(each):+.3f}" + (f" ± {stdev(each):.3f}" if len(each) > 1 else ""))
        cells += [f"{mean(found[who]['seconds'] for found in runs):.0f}" for who in contenders]
        yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
