"""How fast a student answers, and whether the ways to ask it agree: pipeline, `evokd predict`, ONNX, ONNX in 8 bits.

    python -m benchmarks.predict_bench RUN [--texts 10000] [--data FOLDER] [--labelled FILE] [--cpu-time]

Texts are different ones from the .jsonl files below the folder; without it, words of the run's own texts are drawn. All
four answer the same texts, sorted by length, in one process. Time is wall time, or the CPU time
of the process with --cpu-time. The score is that on a labelled file, or else on the test rows of the run.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evokd import api
from evokd.api.releasing import find_material
from evokd.release.models import Material
from evokd.release.quiet import quiet
from evokd.release.student_folder import StudentFolder, open_student
from evokd.student.data import read_examples
from evokd.student.predict import predict
from evokd.student.protocol import PredictJob
from evokd.tracing.ledger import open_ledger

BATCHES = (16, 32, 64)
SEED = 13
SPEEDUP = 4.0
"""How much faster than the pipeline 8 bits should be."""
LOSS = 0.005
"""How much of the metric 8 bits may lose."""

Answers = list[Any]


@dataclass(frozen=True)
class Way:
    """A way to ask the student."""

    name: str
    ask: Callable[[Sequence[str]], Answers]


@dataclass(frozen=True)
class Measured:
    """What a way took and gave."""

    way: str
    seconds: float
    """Wall or CPU time."""
    answers: Answers
    score: float | None


def read_texts(folder: Path, count: int, own: Sequence[str]) -> list[str]:
    """Different texts: of a folder's rows, or made of words of the run's own."""
    rng = random.Random(SEED)
    found: dict[str, None] = {}
    for path in sorted(folder.glob("*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found[row.get("text") or " ".join(row.get("tokens") or ())] = None
    texts = sorted(text for text in found if text.strip())
    rng.shuffle(texts)
    words = " ".join(own).split()
    while len(texts) < count:
        texts.append(" ".join(rng.choices(words, k=rng.randint(5, 40))))
    return sorted(texts[:count], key=len)


def list_ways(student: StudentFolder, exported: Path) -> list[Way]:
    """The pipelines with their batch sizes first."""
    from transformers import pipeline

    kind = student.network.pipeline
    is_whole = student.network.classifies_texts
    options: dict[str, Any] = {"truncation": True} if is_whole else {"aggregation_strategy": "first"}
    if not is_whole:
        options["stride"] = student.stride
    ask_pipeline = pipeline(kind, model=str(student.path), device="cpu", **options)

    def make_pipeline(size: int) -> Way:
        return Way(
            f"pipeline, batches of {size}", lambda texts: _read_pipeline(ask_pipeline(list(texts), batch_size=size))
        )

    def make_predict(name: str, folder: Path, int8: bool = False) -> Way:
        return Way(name, lambda texts: _predict(folder, texts, int8))

    return [
        *map(make_pipeline, BATCHES),
        make_predict("evokd predict", student.path),
        make_predict("evokd predict, model.onnx", exported),
        make_predict("evokd predict, int8", exported, int8=True),
    ]


def _predict(folder: Path, texts: Sequence[str], int8: bool) -> Answers:
    """Answer as the process of `evokd predict` does."""
    job = PredictJob(folder=str(folder), texts=list(texts), fast=True, int8=int8)
    return [item.answer for item in predict(job)]


def _read_pipeline(found: Sequence[Any]) -> Answers:
    return [
        item["label"]
        if isinstance(item, dict)
        else [{"start": part["start"], "end": part["end"], "label": part["entity_group"]} for part in item]
        for item in found
    ]


def measure(
    student: StudentFolder, exported: Path, texts: Sequence[str], material: Material, clock: Callable[[], float]
) -> list[Measured]:
    """Ask in every way: seconds, answers and score of each; of the pipelines the fastest alone."""
    ways = list_ways(student, exported)
    taken = {}
    for way in ways:
        way.ask(texts[:8])  # loads what is loaded once
        began = clock()
        answers = way.ask(texts)
        taken[way.name] = (clock() - began, answers)
    fastest = min(ways[: len(BATCHES)], key=lambda way: taken[way.name][0])
    rows = []
    for way in (fastest, *ways[len(BATCHES) :]):
        given = way.ask([text for text, _ in material.rows])
        scores = student.codec.evaluate([gold for _, gold in material.rows], given) if given else None
        score = next(iter(scores.metrics.values())) if scores else None
        rows.append(Measured(way.name, *taken[way.name], score))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", help="a run's folder, with its student")
    parser.add_argument("--texts", type=int, default=10_000)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--labelled", type=Path)
    parser.add_argument("--cpu-time", action="store_true", help="where other work goes on beside it")
    asked = parser.parse_args()
    run = api.open_run(asked.run)
    student = open_student(run.student)
    with closing(open_ledger(run.folder.ledger)) as ledger:
        material = find_material(ledger)
    if asked.labelled:
        examples = read_examples(asked.labelled, student.codec)
        material = replace(material, rows=[(example.text, example.gold) for example in examples])
    texts = read_texts(asked.data, asked.texts, material.texts)
    with tempfile.TemporaryDirectory() as folder:
        exported = api.export(run, "onnx", Path(folder, "onnx")).folder
        with quiet():
            clock = time.process_time if asked.cpu_time else time.perf_counter
            rows = measure(student, exported, texts, material, clock)
    print_table(rows, texts, len(material.rows), student.codec.metrics[0])


def print_table(rows: Sequence[Measured], texts: Sequence[str], labelled: int, metric: str) -> None:
    """Print a line per way; the fastest pipeline, which is the first, is what the others are compared with."""
    first, int8 = rows[0], rows[-1]
    average = sum(map(len, texts)) / len(texts)
    print(f"{len(texts):,} texts of {average:.0f} characters on average; {labelled:,} labelled rows")
    print(f"{'':28}{'texts/s':>9}{'ratio':>8}{'equal':>9}{metric:>12}")
    for row in rows:
        equal = sum(one == other for one, other in zip(row.answers, first.answers, strict=True)) / len(texts)
        ratio = first.seconds / row.seconds
        score = "" if row.score is None else f"{row.score:.4f}"
        print(f"{row.way:28}{len(texts) / row.seconds:9.0f}{ratio:8.2f}{equal:9.1%}{score:>12}")
    ratio = first.seconds / int8.seconds
    print(f"8 bits: {ratio:.2f} times the pipeline (target: {SPEEDUP})")
    if first.score is not None and int8.score is not None:
        lost = first.score - int8.score
        print(f"8 bits: {lost:.4f} of {metric} lost (target: at most {LOSS})")


if __name__ == "__main__":
    main()
