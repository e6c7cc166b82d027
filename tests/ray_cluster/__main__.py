"""The long form of `make ray`: experiments and a million rows on a cluster of three nodes here, with nodes killed.

python -m tests.ray_cluster --seeds 6 --rows 1000000 --keep FOLDER
"""

import argparse
import os
import tempfile
from pathlib import Path

from tests.ray_cluster.answers import check_answers, kill_twice, predict_command, write_lines
from tests.ray_cluster.compare import Measured, bench_command, kill_one_in_the_middle, measure_bench, run_beside
from tests.ray_cluster.machines import Machines, machines
from tests.ray_cluster.students import build_tiny, train_tiny

_NODES = 3
_SHARD = 5_000


def main() -> None:
    """Measure what was asked for, and print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.ray_cluster", description=__doc__)
    parser.add_argument("--seeds", type=int, default=6, help="of the experiment, which has two arms; 0: none")
    parser.add_argument("--rows", type=int, default=1_000_000, help="to answer; 0: none")
    parser.add_argument("--keep", type=Path, help="a new folder for what comes out; else it is removed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        base = (given.keep or Path(scratch)).absolute()
        base.mkdir(parents=True, exist_ok=True)
        if given.seeds:
            _measure_experiments(base, given.seeds)
        if given.rows:
            _measure_answers(base, given.rows)


def _measure_experiments(base: Path, seeds: int) -> None:
    cores = len(os.sched_getaffinity(0))
    here = measure_bench(bench_command(base / "here", seeds), base / "here")
    _print("processes here", here, here, cores)
    with machines(_NODES) as cluster:
        ray = ("--on", "ray", "--ray-address", cluster.address)
        there = measure_bench(bench_command(base / "there", seeds, *ray), base / "there")
        _print(f"Ray, {_NODES} nodes", there, here, cores)
        kill = kill_one_in_the_middle(base / "killed", cluster, seeds // 2)
        killed = measure_bench(bench_command(base / "killed", seeds, *ray), base / "killed", kill)
        _print(f"Ray, {_NODES} nodes, one killed", killed, here, cores)


def _print(name: str, done: Measured, reference: Measured, cores: int) -> None:
    same = "same figures" if done.figures() == reference.figures() else "OTHER FIGURES"
    efficiency = done.run_seconds / cores / done.seconds
    runs = len(done.record["cells"])
    print(f"{name}: {runs} runs, {done.seconds:.0f} s, {efficiency:.2f} run seconds/core/second, {same}", flush=True)


def _measure_answers(base: Path, rows: int) -> None:
    student = train_tiny(build_tiny(base / "tiny"), base / "student")
    source, out = base / "rows.jsonl", base / "answers"
    write_lines(source, rows)
    with machines(_NODES) as cluster:
        seconds, told = _answer(cluster, student, source, out, -(-rows // _SHARD))
    lost = told.count("once more")
    print(f"{check_answers(source, out):,} rows once each, {seconds:.0f} s, two nodes killed, {lost} parts repeated")


def _answer(cluster: Machines, student: Path, source: Path, out: Path, shards: int) -> tuple[float, str]:
    command = predict_command(student, source, out, cluster.address, _SHARD)
    return run_beside(command, out.with_suffix(".log"), kill_twice(out, cluster, shards))


if __name__ == "__main__":
    main()
