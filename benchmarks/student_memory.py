"""Measure whether the student process, or its parent, grows from cycle to cycle.

python -m benchmarks.student_memory --cycles 40
python -m benchmarks.student_memory --cycles 40 --domain field_reports --steps 20 --samples 240

A cycle trains the output layer, then all weights, lets the student answer test texts and embeds them, all in one child
process, with different samples of the shipped corpus each time. Prints resident memory in MiB after every cycle, and
its slope (least squares) from cycle `--warm` on. Linux only: it reads /proc.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from pathlib import Path
from statistics import linear_regression

from evokd.student.data import read_examples
from evokd.student.process.client import StudentClient, TrainExample, TrainJob
from evokd.student.student_settings import StudentSettings
from evokd.student.tasks.registry import codec

DOMAINS = {"support_tickets": "classification", "field_reports": "ner"}


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--domain", choices=DOMAINS, default="support_tickets", help="shipped domain")
    parser.add_argument("--cycles", type=int, default=40, help="cycles to run")
    parser.add_argument("--samples", type=int, default=240, help="samples per training")
    parser.add_argument("--steps", type=int, default=20, help="optimizer steps per full training")
    parser.add_argument("--texts", type=int, default=200, help="texts to answer per cycle")
    parser.add_argument("--base", default="embedded", help="the untrained student")
    parser.add_argument("--warm", type=int, default=5, help="first cycle that counts for the slope")
    options = parser.parse_args()
    asyncio.run(measure(options))


async def measure(options: argparse.Namespace) -> None:
    """Run the cycles and print a line for each."""
    folder = Path(__file__).parents[1] / "domains" / options.domain
    task = codec(DOMAINS[options.domain], read_labels(folder))
    corpus = read_examples(folder / "corpus.jsonl", task)
    texts = [example.text for example in read_examples(folder / "test.jsonl", task)][: options.texts]
    rows: list[tuple[int, float, float]] = []
    with tempfile.TemporaryDirectory() as place:
        client = StudentClient(Path(place) / "student.log")
        for cycle in range(options.cycles):
            began = time.monotonic()
            chosen = random.Random(cycle).sample(corpus, min(options.samples, len(corpus)))
            examples = [TrainExample(id=str(i), text=row.text, gold=row.gold) for i, row in enumerate(chosen)]
            for tune in ("head", "full"):
                settings = StudentSettings(base=options.base, tune=tune, steps=options.steps, min_epochs=0)
                job = TrainJob(
                    task=task.name,
                    labels=list(task.labels),
                    examples=examples,
                    out=f"{place}/{tune}",
                    settings=settings,
                    seed=cycle,
                )
                await client.train(job)
                await client.predict(Path(job.out), texts)
            await client.embed(options.base, texts)
            assert client._process is not None
            rows.append((cycle, resident(client._process.pid), resident(os.getpid())))
            seconds = time.monotonic() - began
            print(f"cycle {cycle:3d}: student {rows[-1][1]:7.1f} MiB, parent {rows[-1][2]:6.1f} MiB ({seconds:.1f} s)")
        await client.close()
    for name, column in (("student", 1), ("parent", 2)):
        kept = rows[options.warm :]
        slope = linear_regression([row[0] for row in kept], [row[column] for row in kept]).slope
        print(f"{name}: {slope * 1024:+.0f} KiB per cycle over cycles {options.warm} to {options.cycles - 1}")


def read_labels(folder: Path) -> list[str]:
    """Read the labels of a domain."""
    import yaml

    return list(yaml.safe_load((folder / "domain.yaml").read_text(encoding="utf-8"))["labels"])


def resident(process: int) -> float:
    """Resident memory of a process in MiB."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main()
