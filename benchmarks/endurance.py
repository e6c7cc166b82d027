"""Measure what grows: from cycle to cycle of a long run, and from a small ledger to a large one.

    python -m benchmarks.endurance growth        # both of the following, as the table in docs/benchmarks.md
    python -m benchmarks.endurance cycles --cycles 100
    python -m benchmarks.endurance ledger --samples 200 20000 --repeats 7

The domain is made up (see `benchmarks.planted`). Overhead is the time in which neither the teacher answers nor the
student trains, predicts or starts. `ledger` writes a run of 50 cycles into a folder and resumes copies of it for two
cycles; the student there answers at once. The first of them also makes the index of known texts anew, as after every
resumption; the second is what a cycle costs in a run that goes on, node by node.
"""

import argparse
import gc
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import evokd.graph.open_context
from benchmarks.clocks import NO_TIME, Clock, NodeTimes, Time, clocked, now, time_student
from benchmarks.growth_tables import LongRun, PlantedRuns, print_cycles, print_growth, print_ledgers, print_sizes
from benchmarks.planted import CYCLES, LABELS, plant_run, write_domain
from evokd.cli import main as cli
from evokd.graph.runner import resume_run, start_run
from evokd.graph.setup.config_layers import ConfigSource
from evokd.graph.setup.plan import plan_run
from evokd.graph.setup.run_folder import RunFolder
from evokd.student.process.client import StudentClient, TrainJob, TrainResult
from evokd.student.protocol import (
    Appraisal,
    AppraiseJob,
    CalibrateJob,
    Calibration,
    Prediction,
    VectorKind,
)

SETTINGS: dict[str, Any] = {
    "student": {"tune": "head", "device": "cpu"},
    "gate": {"tolerance": 1.0},
    "budget": {"samples": None},
}


SAMPLES = (200, 2_000, 20_000)
"""Accepted samples of the planted runs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    cycles = commands.add_parser("cycles", help="a long run")
    ledger = commands.add_parser("ledger", help="large ledgers against a small one")
    growth = commands.add_parser("growth", help="both, as one table")
    for parts in (cycles, growth):
        parts.add_argument("--cycles", type=int, default=100)
        parts.add_argument("--from-cycle", type=int, default=10, help="first cycle of the slopes")
    for parts in (ledger, growth):
        parts.add_argument("--samples", type=int, nargs="+", default=SAMPLES, help="accepted samples, least first")
        parts.add_argument("--repeats", type=int, default=5)
    memory = commands.add_parser("memory", help="resume a planted run and print its resident memory in bytes")
    memory.add_argument("folder", type=Path)
    options = parser.parse_args()
    if options.command == "memory":
        _time_cycle(RunFolder(options.folder))
        print(_resident())
        return
    if options.command != "ledger" and options.from_cycle >= options.cycles:
        parser.error(f"--from-cycle: a slope needs two cycles; give less than {options.cycles}, or more --cycles")
    print(f"{time.strftime('%Y-%m-%d')}: python -m benchmarks.endurance {' '.join(sys.argv[1:])}\n")
    with tempfile.TemporaryDirectory() as place:
        planted = _compare(Path(place), options.samples, options.repeats) if options.command != "cycles" else None
        run = _run_long(Path(place) / "long", options.cycles) if options.command != "ledger" else None
    if run is not None and planted is not None:
        print_growth(planted, run.nodes)
    elif planted is not None:
        print_ledgers(planted)
    if planted is not None:
        print_sizes(planted)
    if run is not None:
        print_cycles(run.rows, options.from_cycle)


# ---------------------------------------------------------------------------------------------------------- long run


def _run_long(place: Path, cycles: int) -> LongRun:
    """Run cycles on the made-up domain."""
    domain = write_domain(place / "domain", corpus=cycles * 30)
    quotas = {"curriculum": {"quotas": {"drafts": 8, "lesson": 4}}}
    plan = plan_run(
        str(domain), "evokd", [ConfigSource("benchmark", {**SETTINGS, **quotas, "stop": {"cycles": cycles}})]
    )
    clock, index = Clock(), Clock()
    run, nodes = LongRun([], {}), NodeTimes(clock)
    stored = accepted = 0
    marks = {"cycle": now(), "busy": NO_TIME, "index": NO_TIME, "train": NO_TIME, "handed": NO_TIME}

    def note(event: Mapping[str, Any]) -> None:
        nonlocal stored, accepted
        nodes(event)
        place_in_cycle = (event["event"], event.get("node"))
        idle = now().since(clock.total).since(index.total)
        if place_in_cycle == ("node_started", "train"):
            marks["train"] = idle
        if place_in_cycle == ("node_finished", "train"):
            marks["handed"] = idle.since(marks["train"])
        if event["event"] == "decided":
            accepted = event["accepted"]
        if place_in_cycle != ("node_finished", "decide"):
            return
        run.nodes[event["cycle"]] = nodes.take()
        overhead = idle.since(marks["cycle"]).since(marks["handed"])
        before, stored = stored, _stored_bytes(place / "runs" / "long")
        gc.collect()
        run.rows.append(
            {
                "cycle": event["cycle"],
                "samples": accepted,
                "checkpoint bytes": stored - before,
                "memory, MB": _resident() / 2**20,
                "overhead, s": overhead.wall,
                "overhead, CPU s": overhead.cpu,
                "comparing, CPU s": index.total.since(marks["index"]).cpu,
                "handing, CPU s": marks["handed"].cpu,
                "teacher and student, s": clock.total.since(marks["busy"]).wall,
            }
        )
        marks.update(cycle=now().since(clock.total).since(index.total), busy=clock.total, index=index.total)

    with (
        clocked(clock, index),
        patch.object(evokd.graph.open_context, "StudentClient", time_student(StudentClient, clock)),
    ):
        start_run(plan, place / "runs", "long", (note,))
    return run


def _stored_bytes(folder: Path) -> int:
    """What all checkpoints and writes of nodes take that are in the file."""
    base = sqlite3.connect(f"file:{RunFolder(folder).checkpoints}?mode=ro", uri=True)
    try:
        queries = (
            "SELECT coalesce(sum(length(checkpoint) + length(metadata)), 0) FROM checkpoints",
            "SELECT coalesce(sum(length(value)), 0) FROM writes",
        )
        return sum(int(base.execute(query).fetchone()[0]) for query in queries)
    finally:
        base.close()


def _resident() -> int:
    """Resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# ------------------------------------------------------------------------------------------------------ large ledgers


class _Still:
    """A student that has learned everything: answers at once and writes next to nothing."""

    def __init__(self, log: Path, **_: Any) -> None:
        self._log = log

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to end."""

    async def calibrate(self, job: CalibrateJob) -> Calibration | None:
        """Nothing was measured."""
        return None

    async def appraise(self, job: AppraiseJob) -> Appraisal:
        """Nothing to say."""
        return Appraisal(loss=None, effects=[])

    async def train(self, job: TrainJob) -> TrainResult:
        Path(job.out).mkdir(parents=True, exist_ok=True)
        (Path(job.out) / "README.md").write_text("# Still\n", encoding="utf-8")
        return TrainResult(
            steps=1, samples=len(job.examples), seconds=0.0, loss=0.5, tune="head", device="cpu", precision="float32"
        )

    async def predict(
        self, folder: Path, texts: Sequence[str], *, fast: bool = False, int8: bool = False
    ) -> list[Prediction]:
        return [Prediction(answer=LABELS[len(text) % 4], confidence=0.5, scores={}) for text in texts]

    async def embed(self, base: str, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0, float(len(text) % 4)] for text in texts]

    async def embed_file(self, base: str, texts: Sequence[str], kind: VectorKind, out: Path) -> None:
        np.save(out, np.array(await self.embed(base, texts), dtype=np.float16))


def _compare(place: Path, counts: Sequence[int], repeats: int) -> PlantedRuns:
    """Measure on all ledgers in turn."""
    domain = write_domain(place / "domain", corpus=2_000)
    settings = {**SETTINGS, "stop": {"cycles": CYCLES + 2}}
    plan = plan_run(str(domain), "evokd", [ConfigSource("benchmark", settings)])
    planted = {count: plant_run(plan, place / "planted", count) for count in counts}
    found = PlantedRuns(list(counts), defaultdict(lambda: {count: [] for count in counts}), {}, {}, {})
    for number in range(repeats + 1):
        for count, folder in planted.items():
            copy = RunFolder(place / f"copy-{count}-{number}")
            shutil.copytree(folder.path, copy.path)
            os.sync()  # the first write of a run would wait for the copy to reach the disk
            if number:
                figures = {"show": _time_show(copy), **_time_cycle(copy)}
                for name, passed in figures.items():
                    found.times[name][count].append(passed)
            else:  # of the first one modules are loaded, here in a process of its own
                found.memory[count] = _measure_memory(copy)
                found.ledger[count] = sum(path.stat().st_size for path in copy.path.glob("ledger.db*"))
                found.dataset[count] = copy.dataset.stat().st_size
            shutil.rmtree(copy.path)
    return found


def _measure_memory(folder: RunFolder) -> int:
    """Resident memory in bytes of a process that has resumed a planted run for its last cycles and published it."""
    command = [sys.executable, "-m", "benchmarks.endurance", "memory", str(folder.path)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def _time_show(folder: RunFolder) -> Time:
    start = now()
    with Path(os.devnull).open("w", encoding="utf-8") as nothing, redirect_stdout(nothing):
        assert cli.run_cli(["show", str(folder.path)]) == 0
    return now().since(start)


def _time_cycle(folder: RunFolder) -> dict[str, Time]:
    """Resume a planted run for its last two cycles: to the first node, the cycles, the nodes of the second."""
    clock, index = Clock(), Clock()
    nodes, found = NodeTimes(clock), dict[str, Time]()
    marks = {"resume": now()}
    resume = "resume, up to the first node"
    cycles = iter(("first cycle after it", "second cycle"))

    def note(event: Mapping[str, Any]) -> None:
        idle = now().since(clock.total)
        nodes(event)
        if event["event"] == "node_started" and resume not in found:
            found[resume] = idle.since(marks["resume"])
            marks["cycle"] = idle
        if (event["event"], event.get("node")) == ("node_finished", "decide"):
            found[next(cycles)] = idle.since(marks["cycle"])
            found.update({f"- {node}": passed for node, passed in nodes.take().items()})
            marks["cycle"] = idle

    with clocked(clock, index), patch.object(evokd.graph.open_context, "StudentClient", time_student(_Still, clock)):
        gc.collect()
        gc.freeze()  # or the modules loaded by now are gone through at some moment of some repeat
        resume_run(folder, (note,))
    found.update({f"- {node}": passed for node, passed in nodes.take().items()})  # publish comes after the last cycle
    return found


if __name__ == "__main__":
    os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
    main()
