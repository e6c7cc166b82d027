"""What a large pool costs: reading, keeping, embedding and choosing, by the number of its lines.

    python -m benchmarks.pool_bench [--lines 10000 100000 1000000] [--embed-at-most N] [--encoder-lines N]

Lines are made of pieces of the shipped tickets, so that hardly two are alike. Every step runs in a process of its own:
seconds of the CPU (of one core, so that other work on the machine does not count), wall-clock seconds, and the
largest resident memory. Vectors beyond `--embed-at-most` lines are random ones, since search takes as long on them.
The last lines of the table are reckoned for ten million lines, from the growth between the two largest sizes.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

LARGEST = 10_000_000
"""Lines for which the cost is reckoned."""
_ROUNDS = 3
"""Choices that are timed, of which the quickest counts."""
_LABELLED = 300
"""Texts that were labelled before the choice."""

Measure = dict[str, float]


def write_domain(folder: Path, lines: int) -> None:
    """Write a copy of the shipped tickets whose pool has so many lines."""
    from evokd.graph.setup.domain import find_domain

    shipped = find_domain("support_tickets")
    folder.mkdir(parents=True)
    for path in shipped.glob("*.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    rows = (shipped / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(row)["text"].split() for row in rows]
    rng = random.Random(0)
    with (folder / "pool.jsonl").open("w", encoding="utf-8") as file:
        for _ in range(lines):
            parts = (rng.choice(texts) for _ in range(3))
            words = [word for part in parts for word in part[: rng.randint(2, 8)]]
            file.write(json.dumps({"text": " ".join(words)}, ensure_ascii=False) + "\n")


def plan_pool(folder: Path, lines: int) -> None:
    """Read the pool as every plan of a run does."""
    from evokd.graph.setup.domain import load_domain
    from evokd.graph.setup.run_settings import Settings
    from evokd.graph.setup.unlabeled_pool import add_pool

    assert len(add_pool(load_domain(folder), Settings()).pool) <= lines


def keep_texts(folder: Path, lines: int) -> None:
    """Prepare the texts on disk."""
    from evokd.graph.pool.texts import build_texts
    from evokd.student.curate import is_valid
    from evokd.student.lines import read_lines
    from evokd.student.student_settings import CurationSettings

    rules = CurationSettings()
    build_texts(folder / "store", read_lines(folder / "pool.jsonl"), lambda text: is_valid(text, rules))


def embed_words(folder: Path, lines: int) -> None:
    """Compute the vectors of sub-words."""
    _embed(folder, "words", lines)


def embed_encoder(folder: Path, lines: int) -> None:
    """Compute vectors by the whole encoder."""
    _embed(folder, "encoder", lines)


def _embed(folder: Path, kind: str, lines: int) -> None:
    from evokd.graph.pool.texts import open_texts
    from evokd.graph.pool.vectors import PoolVectors
    from evokd.student.embedding import embed_file
    from evokd.student.protocol import Compute, EmbedFileJob

    texts = open_texts(folder / "store", lines)
    assert texts is not None
    vectors = PoolVectors(folder / kind, len(texts))
    vectors.folder.mkdir(exist_ok=True)
    for shard in vectors.missing():
        part = texts.read(range(shard.start, shard.stop))
        compute = Compute(threads=1)
        embed_file(
            EmbedFileJob.model_validate(
                {"base": "embedded", "texts": part, "kind": kind, "out": str(shard.path), "compute": compute}
            )
        )


def fake_vectors(folder: Path, lines: int) -> None:
    """Write random vectors instead of embedding."""
    from evokd.graph.pool.texts import open_texts
    from evokd.graph.pool.vectors import PoolVectors

    texts = open_texts(folder / "store", lines)
    assert texts is not None
    vectors = PoolVectors(folder / "words", len(texts))
    vectors.folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for shard in vectors.missing():
        rows = rng.normal(size=(shard.stop - shard.start, 384)).astype(np.float32)
        np.save(shard.path, (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16))


def choose(folder: Path, lines: int) -> Measure:
    """Find what a cycle chooses from, without the student's answers to it; gives the quickest of some rounds."""
    from evokd.graph.nodes.pool_options import DOUBTFUL, FRESH, NEIGHBOURS, REPRESENTATIVE
    from evokd.graph.pool.large_pool import LargePool
    from evokd.graph.pool.texts import open_texts
    from evokd.graph.pool.vectors import PoolVectors
    from evokd.graph.setup.domain import load_domain

    domain = load_domain(folder)
    texts = open_texts(folder / "store", lines)
    assert texts is not None
    vectors = PoolVectors(folder / "words", len(texts))
    guarded = [example.text for example in (*domain.validation, *domain.test)]
    known = [example.text for example in domain.seeds]
    pool = LargePool("pool.jsonl", texts, known, guarded, 0.8)
    used = [f"pool.jsonl:{number}" for number in range(1, _LABELLED + 1)]
    best: Measure = {}
    for cycle in range(_ROUNDS):
        began, cpu = time.perf_counter(), time.process_time()
        labelled = pool.find_sources(used)
        panel = pool.draw(REPRESENTATIVE, pool.mask(labelled), 0)
        fresh = pool.draw(FRESH, pool.mask(labelled, panel), cycle)
        rows, _ = pool.drop_near_copies(np.concatenate([panel, fresh]))
        pool.drop_near_copies(vectors.nearest(vectors.take(rows[:DOUBTFUL]), NEIGHBOURS, pool.mask(labelled, rows)))
        cost = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - began}
        best = cost if not best or cost["cpu"] < best["cpu"] else best
    return best


STEPS: dict[str, Callable[[Path, int], Measure | None]] = {
    step.__name__: step for step in (plan_pool, keep_texts, embed_words, embed_encoder, fake_vectors, choose)
}


def _load(name: str, folder: Path) -> None:
    """Load beforehand what takes the same time whatever the number of lines."""
    import evokd.graph.nodes.pool_options
    import evokd.graph.setup.unlabeled_pool  # noqa: F401

    if name.startswith("embed"):
        from evokd.student.embedding import embed_file
        from evokd.student.protocol import EmbedFileJob

        job = {
            "base": "embedded",
            "texts": ["a text"],
            "kind": name.removeprefix("embed_"),
            "out": str(folder / "x.npy"),
        }
        embed_file(EmbedFileJob.model_validate(job))


def run_step(name: str, folder: Path, lines: int) -> Measure:
    """Run a step in this process: seconds of the CPU and of the clock, and the largest resident memory in MB."""
    _load(name, folder)
    began, cpu = time.perf_counter(), time.process_time()
    cost = STEPS[name](folder, lines) or {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - began}
    return {**cost, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def measure(name: str, folder: Path, lines: int) -> Measure:
    """Run a step in a process of its own, on one core."""
    command = [sys.executable, "-m", "benchmarks.pool_bench", "--step", name, str(folder), str(lines)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=alone, stdout=subprocess.PIPE, check=True, text=True)
    found: Measure = json.loads(done.stdout.splitlines()[-1])
    return found


Costs = dict[int, dict[str, Measure]]
"""Lines of the pool -> step -> what it costs."""


def measure_sizes(home: Path, sizes: list[int], embed_at_most: int, encoder_lines: int) -> Costs:
    """Measure all steps for all sizes of a pool."""
    found: Costs = {}
    for lines in sizes:
        folder = home / str(lines)
        write_domain(folder, lines)
        steps = ["plan_pool", "keep_texts", "embed_words" if lines <= embed_at_most else "fake_vectors"]
        steps += ["choose", *(["embed_encoder"] if lines == sizes[0] and encoder_lines else [])]
        found[lines] = {}
        for name in steps:
            count = encoder_lines if name == "embed_encoder" else lines
            found[lines][name] = {**measure(name, folder, count), "lines": count}
            print(f"{lines:,} lines, {name}: {found[lines][name]}", file=sys.stderr)
        size = sum(path.stat().st_size for kind in ("store", "words") for path in (folder / kind).rglob("*.*"))
        found[lines]["disk"] = {"megabytes": size / 1e6}
    return found


def tabulate(found: Costs) -> Iterator[str]:
    """Give the lines of a Markdown table."""
    yield "| lines | step | CPU s | µs a line | wall s | memory MB |"
    yield "|---|---|---|---|---|---|"
    for lines, steps in found.items():
        for name, cost in steps.items():
            if name == "disk":
                yield f"| {lines:,} | on disk | | | | {cost['megabytes']:,.0f} |"
                continue
            each = cost["cpu"] / cost["lines"] * 1e6
            figures = f"{cost['cpu']:.1f} | {each:,.1f} | {cost['wall']:.1f} | {cost['memory']:,.0f}"
            yield f"| {cost['lines']:,.0f} | {name} | {figures} |"
    yield from _reckon(found)


def _reckon(found: Costs) -> Iterator[str]:
    """Give the lines for ten million, by the growth between the two largest sizes with the same step."""
    for name in ("plan_pool", "keep_texts", "embed_words", "choose"):
        sizes = [lines for lines, steps in found.items() if name in steps]
        if len(sizes) < 2:
            continue
        small, large = (found[lines][name] for lines in sizes[-2:])
        rest = (LARGEST - large["lines"]) / (large["lines"] - small["lines"])
        cpu, memory = (large[key] + rest * (large[key] - small[key]) for key in ("cpu", "memory"))
        yield f"| {LARGEST:,} (reckoned) | {name} | {cpu:,.0f} | | | {memory:,.0f} |"


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], metavar="N")
    parser.add_argument("--embed-at-most", type=int, default=100_000, metavar="N", help="random vectors beyond")
    parser.add_argument("--encoder-lines", type=int, default=500, metavar="N", help="by the whole encoder; 0 = none")
    parser.add_argument("--step", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        name, folder, lines = args.step
        print(json.dumps(run_step(name, Path(folder), int(lines))))
        return
    with tempfile.TemporaryDirectory() as home:
        found = measure_sizes(Path(home), sorted(args.lines), args.embed_at_most, args.encoder_lines)
    print("\n".join(tabulate(found)))


if __name__ == "__main__":
    main()
