"""Time a training of the embedded student on a CPU beside `transformers.Trainer`, at its defaults and at its best.

python -m benchmarks.cpu_training                         # 320 texts of support_tickets, 120 steps of 16 texts
python -m benchmarks.cpu_training --threads 1              # on a machine that others use: read CPU seconds
python -m benchmarks.cpu_training --alike                  # threads of all ways wait as those of the student process

All ways train the same network from the same weights, on the same texts, for the same number of steps, each in a
process of its own that is timed from tokenised texts to trained weights. Loading is left out. The ways take turns.

evokd    as a run trains: batches of like lengths, the word vectors that occur, bfloat16 where the CPU computes in it
trainer  transformers.Trainer at its defaults, but for the batch: float32, any texts in a batch
best     transformers.Trainer with bfloat16 where the CPU computes in it and batches grouped by length
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from typing import Any

from evokd.graph.setup.domain import find_domain, load_domain
from evokd.graph.setup.simulated_teacher import read_corpus
from evokd.student.process.child import child_options

WAYS = ("evokd", "trainer", "best")
_THREADS = ("OMP_", "GOMP_", "KMP_", "MKL_")
"""What variables of the environment begin with that say how threads work."""


@dataclass(frozen=True)
class Task:
    """What is trained, the same in every way."""

    texts: list[str]
    labels: list[str]
    """Of each text."""
    test_texts: list[str]
    test_labels: list[str]
    steps: int
    batch: int
    length: int
    """Sub-words read at once."""
    threads: int
    precision: Any
    """Of EvoKD and of `best`: auto, float32 or bfloat16."""


@dataclass(frozen=True)
class Figure:
    """What one training took."""

    seconds: float
    cpu: float
    """Seconds of all threads together."""
    score: float
    """Macro-F1 on the test texts."""


class _Training:
    """A loaded network and its texts; a method per way of training it."""

    def __init__(self, task: Task) -> None:
        import torch
        from transformers.utils import logging

        from evokd.student.base import EMBEDDED, locate
        from evokd.student.compute import pick_precision, set_threads
        from evokd.student.tasks.registry import codec, make_network
        from evokd.student.tokenizer import match_padding, open_tokenizer

        logging.disable_progress_bar()
        logging.set_verbosity_error()
        set_threads(task.threads)
        source = locate(EMBEDDED)
        self.task, self.names = task, sorted(set(task.labels))
        self.network = make_network(codec("classification", self.names))
        torch.manual_seed(0)
        self.model: Any = self.network.load(source).model
        self.tokenizer = open_tokenizer(source, False)
        match_padding(self.model, self.tokenizer)
        pieces = self.network.cut(self.tokenizer, task.texts, task.length)
        self.encodings = [piece.inputs for piece in pieces]
        self.precision = pick_precision(task.precision, torch.device("cpu"))

    def train_by_evokd(self) -> None:
        import torch

        from evokd.student.compute import reproducible
        from evokd.student.first_sub_word import first_sub_word_read
        from evokd.student.student_settings import StudentSettings
        from evokd.student.training.finetune import FullTraining, TrainingSet
        from evokd.student.training.vocabulary import small_vocabulary

        task, count = self.task, len(self.task.texts)
        targets = [torch.tensor(self.names.index(label)) for label in task.labels]
        settings = StudentSettings(steps=task.steps, min_epochs=0, batch=task.batch)
        with (
            reproducible(seed=0),
            small_vocabulary(self.model, self.encodings, self.tokenizer.pad_token_id or 0) as encodings,
            first_sub_word_read(self.model),
        ):
            data = TrainingSet(encodings, targets, torch.ones(count), None, task.labels, [False] * count)
            training = FullTraining(
                self.network, self.model, self.tokenizer, data, settings, self.precision, task.batch
            )
            training.run(seed=0)

    def train_by_trainer(self, **options: Any) -> None:
        from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

        task = self.task
        rows = [
            {**encoding, "labels": self.names.index(label)}
            for encoding, label in zip(self.encodings, task.labels, strict=True)
        ]
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):  # it prints figures of its own
            settings = TrainingArguments(
                output_dir=folder,
                max_steps=task.steps,
                per_device_train_batch_size=task.batch,
                use_cpu=True,
                disable_tqdm=True,
                **options,
            )
            collate = DataCollatorWithPadding(self.tokenizer)
            Trainer(model=self.model, args=settings, train_dataset=rows, data_collator=collate).train()

    def train_at_best(self) -> None:
        import torch

        is_bfloat16 = self.precision == torch.bfloat16
        self.train_by_trainer(bf16=is_bfloat16, train_sampling_strategy="group_by_length")

    def score(self) -> float:
        """Macro-F1 on the test texts."""
        import torch
        from sklearn.metrics import f1_score

        self.model.eval()
        answers: list[str] = []
        for start in range(0, len(self.task.test_texts), 50):
            texts = self.task.test_texts[start : start + 50]
            with torch.inference_mode():
                batch = self.tokenizer(
                    texts, truncation=True, max_length=self.task.length, padding=True, return_tensors="pt"
                )
                answers += [self.names[i] for i in self.model(**batch).logits.argmax(-1)]
        return float(f1_score(self.task.test_labels, answers, average="macro"))


def run_child(way: str) -> None:
    """Train in this process the task on standard input; prints the figure as JSON."""
    training = _Training(Task(**json.load(sys.stdin)))
    ways: dict[str, Callable[[], None]] = {
        "evokd": training.train_by_evokd,
        "trainer": training.train_by_trainer,
        "best": training.train_at_best,
    }
    began, cpu = time.perf_counter(), time.process_time()
    ways[way]()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(json.dumps(asdict(Figure(seconds, cpu, training.score()))))


def measure(way: str, task: Task, is_alike: bool) -> Figure:
    """Train in a process of its own.

    Args:
        way: of training.
        task: what is trained.
        is_alike: whether its threads wait as those of the student process, also where `Trainer` trains.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_THREADS)}
    if way == "evokd" or is_alike:
        with tempfile.TemporaryFile() as log:
            environment = child_options(log)["env"]
    command = [sys.executable, "-m", "benchmarks.cpu_training", "--child", way]
    done = subprocess.run(
        command, input=json.dumps(asdict(task)), env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return Figure(**json.loads(done.stdout.splitlines()[-1]))


def print_table(figures: dict[str, list[Figure]]) -> None:
    """Print the medians, in Markdown."""
    ours = figures["evokd"]
    print("| way | seconds | CPU seconds | seconds to evokd's | CPU to evokd's | test macro-F1 |")
    print("|---|---|---|---|---|---|")
    for way, found in figures.items():
        wall, cpu, score = (
            statistics.median(getattr(one, key) for one in found) for key in ("seconds", "cpu", "score")
        )
        # Of rounds, each with its own load of the machine.
        to_wall = statistics.median(one.seconds / own.seconds for one, own in zip(found, ours, strict=True))
        to_cpu = statistics.median(one.cpu / own.cpu for one, own in zip(found, ours, strict=True))
        print(f"| {way} | {wall:.1f} | {cpu:.1f} | {to_wall:.2f} | {to_cpu:.2f} | {score:.3f} |")


def main(arguments: Sequence[str]) -> None:
    """Measure all ways in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", default="support_tickets", help="a domain of task classification with a corpus")
    parser.add_argument("--texts", type=int, default=320)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=128, help="sub-words read at once")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto", help="but of trainer's")
    parser.add_argument("--rounds", type=int, default=3, help="medians are shown")
    parser.add_argument("--alike", action="store_true", help="threads of all ways wait as in the student process")
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.child:
        run_child(asked.child)
        return
    domain = read_corpus(load_domain(find_domain(asked.domain)))
    rows, test = domain.corpus_rows[: asked.texts], domain.test
    task = Task(
        texts=[row.text for row in rows],
        labels=[str(row.gold) for row in rows],
        test_texts=[row.text for row in test],
        test_labels=[str(row.gold) for row in test],
        steps=asked.steps,
        batch=asked.batch,
        length=asked.length,
        threads=asked.threads,
        precision=asked.precision,
    )
    figures: dict[str, list[Figure]] = {way: [] for way in WAYS}
    for number in range(asked.rounds):
        for way, found in figures.items():
            found.append(measure(way, task, asked.alike))
            print(f"round {number + 1}, {way}: {found[-1].seconds:.1f} s, CPU {found[-1].cpu:.1f} s", file=sys.stderr)
    print_table(figures)


if __name__ == "__main__":
    main(sys.argv[1:])
