"""Time training and prediction against what the chip can do, beside `transformers.Trainer` and `pipeline`.

python -m benchmarks.gpu_bench                   # on a GPU: three sizes, all ways
python -m benchmarks.gpu_bench --tiny            # on a CPU: a check of this program, no figures worth keeping
python -m benchmarks.gpu_bench --sizes 22M --steps 200 --json

Encoders have the sizes of real ones and random weights; texts are random sub-words of spread lengths. `of the chip` is
the share of the rate of matrix products that is measured in the same run, by the products that a text needs, padding
left out. Ways of training:

evokd     as a run trains: repeatable bit for bit, batches of like lengths, fused optimizer, bfloat16 where it pays
fast      the same, with whatever kernels torch likes best: what repeatability costs
compiled  fast, with torch.compile
graphs    fast, with torch.compile and CUDA graphs, texts padded to a few lengths
trainer   transformers.Trainer: bfloat16, fused optimizer, grouped by length
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_subjects import SIZES, TINY, CountingTokenizer, Subject, draw_encodings, draw_texts
from evokd.student.compute import pick_device, pick_precision, reproducible
from evokd.student.predict import predict
from evokd.student.protocol import Compute, PredictJob
from evokd.student.student_settings import StudentSettings
from evokd.student.training.finetune import FullTraining, TrainingSet
from evokd.student.training.vocabulary import small_vocabulary

WAYS = ("evokd", "fast", "compiled", "graphs", "trainer")
ON_A_CPU = ("evokd", "fast", "trainer")
"""The other ways need a GPU to pay."""
_BUCKET = 32
"""Lengths are padded to a multiple of this for CUDA graphs, of which each length needs one."""


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    size: str
    what: str
    """A way of training, or of answering."""
    seconds: float
    sub_words: float
    """Per second, without padding."""
    padding: float | None
    """Share of what was computed, 0 to 1; None where it is not known."""
    of_the_chip: float
    """Share of the measured rate of matrix products, 0 to 1."""
    gigabytes: float | None
    """Peak of the GPU's memory; None on a CPU."""


def measure_matrix_rate(device: torch.device, dtype: torch.dtype, size: int) -> float:
    """Measure operations a second of products of square matrices: the best of a few."""
    one, two = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = float("inf")
    for _ in range(8):
        _wait(device)
        began = time.perf_counter()
        for _ in range(4):
            one @ two
        _wait(device)
        best = min(best, (time.perf_counter() - began) / 4)
    return 2 * size**3 / best


@contextmanager
def _whole_vocabulary(_model: Any, encodings: Sequence[Any], _pad: int) -> Iterator[Sequence[Any]]:
    yield encodings


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


@dataclass(frozen=True)
class Bench:
    """What all measurements of a run share."""

    device: torch.device
    dtype: torch.dtype
    """Of the forward pass in training."""
    rates: dict[torch.dtype, float]
    """Operations a second by number format."""
    steps: int
    batch: int
    length: int

    def train(self, subject: Subject, way: str) -> Figure:
        """Time one way of training, after a warm-up that also compiles."""
        encodings = draw_encodings(self.batch * 64, self.length)
        model = subject.build().to(self.device)
        tokenizer = CountingTokenizer(_BUCKET if way == "graphs" else None)
        if way in ("compiled", "graphs"):
            model.compile(dynamic=way == "compiled", mode="reduce-overhead" if way == "graphs" else "default")
        work = self._train_by_trainer if way == "trainer" else self._train_by_evokd
        # As in a run, where only the word vectors that occur are trained; a compiled model keeps its whole table.
        vocabulary = small_vocabulary if way in ("evokd", "fast") else _whole_vocabulary
        with (
            reproducible(seed=0) if way == "evokd" else nullcontext(),
            vocabulary(model, encodings, 0) as rows,
        ):
            # All ways meet all their lengths once before: each costs time where kernels are made for it.
            work(subject, model, tokenizer, rows, self.steps)
            tokenizer.clear()
            seconds, peak = self._time(lambda: work(subject, model, tokenizer, rows, self.steps))
        products = 3 * tokenizer.add_up(lambda length: subject.count_products(model, length))
        return self._make_figure(subject, way, seconds, tokenizer, products, peak, self.dtype)

    def _train_by_evokd(
        self, subject: Subject, model: Any, tokenizer: CountingTokenizer, encodings: Sequence[Any], steps: int
    ) -> None:
        network, rows = subject.network, len(encodings)
        targets = [torch.tensor(i % 2) for i in range(rows)]
        groups = [network.class_labels[i % 2] for i in range(rows)]
        data = TrainingSet(list(encodings), targets, torch.ones(rows), None, groups, [False] * rows)
        settings = StudentSettings(steps=steps, min_epochs=0, batch=self.batch)
        FullTraining(network, model, tokenizer, data, settings, self.dtype, self.batch).run(seed=0)

    def _train_by_trainer(
        self, subject: Subject, model: Any, tokenizer: CountingTokenizer, encodings: Sequence[Any], steps: int
    ) -> None:
        from transformers import Trainer, TrainingArguments

        rows = [{**encoding, "labels": i % 2} for i, encoding in enumerate(encodings)]

        def collate(chosen: list[dict[str, Any]]) -> dict[str, Any]:
            labels = torch.tensor([row["labels"] for row in chosen])
            inputs = [{key: value for key, value in row.items() if key != "labels"} for row in chosen]
            return {**tokenizer.pad(inputs, return_tensors="pt"), "labels": labels}

        with tempfile.TemporaryDirectory() as folder:
            settings = TrainingArguments(
                output_dir=folder,
                max_steps=steps,
                per_device_train_batch_size=self.batch,
                bf16=self.dtype == torch.bfloat16,
                optim="adamw_torch_fused",
                train_sampling_strategy="group_by_length",
                # Under DDP version 5.23 otherwise reports and scales twice the loss of classifiers.
                average_tokens_across_devices=False,
                use_cpu=self.device.type == "cpu",
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                disable_tqdm=True,
            )
            # It prints its own figures.
            with redirect_stdout(sys.stderr):
                Trainer(model=model, args=settings, train_dataset=rows, data_collator=collate).train()

    def answer(self, subject: Subject, texts: int) -> Iterator[Figure]:
        """Time `evokd predict` and a pipeline on the same texts, sorted by length for both."""
        from transformers import pipeline

        rows = sorted(draw_texts(texts, self.length), key=len)
        with tempfile.TemporaryDirectory() as folder:
            model = subject.save(Path(folder), self.length).to(self.device)
            counted = CountingTokenizer(None)
            # One more sub-word at each end.
            counted.count([len(text.split()) + 2 for text in rows])
            products = counted.add_up(lambda length: subject.count_products(model, length))
            compute = Compute(device="cuda" if self.device.type == "cuda" else "cpu")
            plain = pipeline("text-classification", model=folder, device=self.device, batch_size=64)

            def ask(some: list[str]) -> None:
                predict(PredictJob(folder=folder, texts=some, compute=compute, fast=True))

            ways: dict[str, Callable[[list[str]], Any]] = {
                "predict": ask,
                "pipeline": lambda some: plain(some, truncation=True),
            }
            for name, way in ways.items():
                way(rows[-64:])
                seconds, peak = self._time(lambda: way(rows))  # noqa: B023  called at once
                yield self._make_figure(subject, name, seconds, counted, products, peak, torch.float32)

    def _time(self, work: Callable[[], Any]) -> tuple[float, float | None]:
        """Seconds, and the peak of the GPU's memory in gigabytes."""
        is_gpu = self.device.type == "cuda"
        if is_gpu:
            torch.cuda.reset_peak_memory_stats()
        _wait(self.device)
        began = time.perf_counter()
        work()
        _wait(self.device)
        seconds = time.perf_counter() - began
        return seconds, torch.cuda.max_memory_allocated() / 1e9 if is_gpu else None

    def _make_figure(
        self,
        subject: Subject,
        what: str,
        seconds: float,
        counted: CountingTokenizer,
        products: float,
        peak: float | None,
        dtype: torch.dtype,
    ) -> Figure:
        print(f"{subject.name} {what}: {seconds:.2f} s", file=sys.stderr)
        return Figure(
            subject.name,
            what,
            seconds,
            counted.sub_words / seconds,
            counted.padding,
            products / seconds / self.rates[dtype],
            peak,
        )


def print_table(figures: Sequence[Figure], bench: Bench) -> None:
    """Print all figures, in Markdown."""
    chip = torch.cuda.get_device_name() if bench.device.type == "cuda" else "CPU"
    rates = ", ".join(f"{str(dtype)[6:]} {rate / 1e12:.2f}" for dtype, rate in bench.rates.items())
    print(f"{chip}, torch {torch.__version__}; products of matrices, 10^12 operations/s: {rates}")
    print(f"{bench.steps} steps of {bench.batch} texts, {bench.length} sub-words at most, {str(bench.dtype)[6:]}\n")
    print("| size | way | seconds | sub-words/s | padding | of the chip | peak GB |\n|---|---|---|---|---|---|---|")
    for one in figures:
        padding = "-" if one.padding is None else f"{one.padding:.0%}"
        peak = "-" if one.gigabytes is None else f"{one.gigabytes:.2f}"
        speed, share = f"{one.sub_words:,.0f}", f"{one.of_the_chip:.1%}"
        print(f"| {one.size} | {one.what} | {one.seconds:.2f} | {speed} | {padding} | {share} | {peak} |")


def main(arguments: Sequence[str]) -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="tiny encoders and few steps")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--ways", nargs="+", choices=WAYS, help="default: all that pay on the device")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--texts", type=int, default=4_000, help="texts to answer")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    device = pick_device(asked.device)
    dtype = pick_precision("auto", device)
    size = 512 if asked.tiny else 8_192 if device.type == "cuda" else 2_048
    rates = {one: measure_matrix_rate(device, one, size) for one in {torch.float32, dtype}}
    steps, texts = (4, 40) if asked.tiny else (asked.steps, asked.texts)
    bench = Bench(device, dtype, rates, steps, asked.batch, asked.length)
    subjects = [TINY] if asked.tiny else [SIZES[name] for name in asked.sizes]
    ways = asked.ways or (WAYS if device.type == "cuda" else ON_A_CPU)
    figures: list[Figure] = []
    for subject in subjects:
        figures += [bench.train(subject, way) for way in ways]
        figures += bench.answer(subject, texts)
    if asked.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
    else:
        print_table(figures, bench)


if __name__ == "__main__":
    main(sys.argv[1:])
