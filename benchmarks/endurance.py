"""Measure what grows: from cycle to cycle of a long run, and from a small ledger to a large one.

    python -m benchmarks.endurance growth        # both of the following
    python -m benchmarks.endurance cycles --cycles 100
    python -m benchmarks.endurance ledger --large 20000 --small 200 --repeats 7

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
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

import evokd.graph.nodes.curate
import evokd.graph.open_context
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
    StudentProtocol,
    VectorKind,
)

SETTINGS: dict[str, Any] = {
    "student": {"tune": "head", "device": "cpu"},
    "gate": {"tolerance": 1.0},
    "budget": {"samples": None},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    cycles = commands.add_parser("cycles", help="a long run")
    cycles.add_argument("--cycles", type=int, default=100)
    cycles.add_argument("--from-cycle", type=int, default=10, help="first cycle of the slopes")
    ledger = commands.add_parser("ledger", help="a large ledger against a small one")
    ledger.add_argument("--large", type=int, default=20_000, help="accepted samples")
    ledger.add_argument("--small", type=int, default=200, help="accepted samples")
    ledger.add_argument("--repeats", type=int, default=7)
    growth = commands.add_parser("growth", help="both")
    for name, value in (("cycles", 100), ("from-cycle", 10), ("large", 20_000), ("small", 200), ("repeats", 5)):
        growth.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    if options.command != "ledger" and options.from_cycle >= options.cycles:
        parser.error(f"--from-cycle: a slope needs two cycles; give less than {options.cycles}, or more --cycles")
    print(f"{time.strftime('%Y-%m-%d')}: python -m benchmarks.endurance {' '.join(sys.argv[1:])}\n")
    with tempfile.TemporaryDirectory() as place:
        if options.command != "cycles":
            _print_ledgers(_compare(Path(place), options.small, options.large, options.repeats), options)
            _print_size(Path(place) / "planted", options.small, options.large)
        if options.command != "ledger":
            _print_cycles(_run_long(Path(place) / "long", options.cycles), options.from_cycle)


# -------------------------------------------------------------------------------------------------------------- clocks


class _Time(NamedTuple):
    """Seconds on the wall, and of the processor in this process: the latter does not see what else the machine does."""

    wall: float
    cpu: float

    def since(self, other: "_Time") -> "_Time":
        return _Time(self.wall - other.wall, self.cpu - other.cpu)

    def and_(self, other: "_Time") -> "_Time":
        return _Time(self.wall + other.wall, self.cpu + other.cpu)


NO_TIME = _Time(0.0, 0.0)


def _now() -> _Time:
    return _Time(time.perf_counter(), time.process_time())


class _Clock:
    """Time in which the teacher or the student was at work, counted once where they overlap."""

    def __init__(self) -> None:
        self._busy = 0
        self._since = NO_TIME
        self.total = NO_TIME

    @contextmanager
    def running(self) -> Iterator[None]:
        if not self._busy:
            self._since = _now()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self.total = self.total.and_(_now().since(self._since))

    def wrap(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Let the clock run while an asynchronous function does."""

        async def timed(*args: Any, **options: Any) -> Any:
            with self.running():
                return await work(*args, **options)

        return timed


@contextmanager
def _clocked(clock: _Clock, index: _Clock) -> Iterator[None]:
    """Let one clock run while the rehearsal teacher answers, the other while drafts are compared with known texts."""
    rehearse = evokd.graph.open_context._rehearse

    def timed_rehearse(*plan: Any) -> Any:
        with clock.running():
            transport: Any = rehearse(*plan)
        transport.handle_async_request = clock.wrap(transport.handle_async_request)
        return transport

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*args: Any, **options: Any) -> Any:
            with index.running():
                return work(*args, **options)

        return measured

    with (
        patch.object(evokd.graph.open_context, "_rehearse", timed_rehearse),
        patch.object(evokd.graph.nodes.curate, "_judge", timed(evokd.graph.nodes.curate._judge)),
    ):
        yield


def _time_student(kind: Callable[..., StudentProtocol], clock: _Clock) -> Callable[..., Any]:
    def make(*args: Any, **options: Any) -> Any:
        client = kind(*args, **options)
        for name in ("train", "predict", "embed", "warm_up"):
            setattr(client, name, clock.wrap(getattr(client, name)))
        return client

    return make


# ---------------------------------------------------------------------------------------------------------- long run


def _run_long(place: Path, cycles: int) -> list[dict[str, float]]:
    """Run cycles on the made-up domain; returns a row of figures per cycle."""
    domain = write_domain(place / "domain", corpus=cycles * 30)
    quotas = {"curriculum": {"quotas": {"drafts": 8, "lesson": 4}}}
    plan = plan_run(
        str(domain), "evokd", [ConfigSource("benchmark", {**SETTINGS, **quotas, "stop": {"cycles": cycles}})]
    )
    clock, index = _Clock(), _Clock()
    rows: list[dict[str, float]] = []
    stored = 0
    marks = {"cycle": _now(), "busy": NO_TIME, "index": NO_TIME, "train": NO_TIME, "handed": NO_TIME}

    def note(event: Mapping[str, Any]) -> None:
        nonlocal stored
        idle = _now().since(clock.total).since(index.total)
        if (event["event"], event.get("node")) == ("node_started", "train"):
            marks["train"] = idle
        if (event["event"], event.get("node")) == ("node_finished", "train"):
            marks["handed"] = idle.since(marks["train"])
        if event["event"] != "decided":
            return
        overhead = idle.since(marks["cycle"]).since(marks["handed"])
        before, stored = stored, _stored_bytes(place / "runs" / "long")
        gc.collect()
        rows.append(
            {
                "cycle": event["cycle"],
                "samples": event["accepted"],
                "checkpoint bytes": stored - before,
                "memory, MB": _resident() / 2**20,
                "overhead, s": overhead.wall,
                "overhead, CPU s": overhead.cpu,
                "comparing, CPU s": index.total.since(marks["index"]).cpu,
                "handing, CPU s": marks["handed"].cpu,
                "teacher and student, s": clock.total.since(marks["busy"]).wall,
            }
        )
        marks.update(cycle=_now().since(clock.total).since(index.total), busy=clock.total, index=index.total)

    with (
        _clocked(clock, index),
        patch.object(evokd.graph.open_context, "StudentClient", _time_student(StudentClient, clock)),
    ):
        start_run(plan, place / "runs", "long", (note,))
    return rows


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


def _print_cycles(rows: Sequence[Mapping[str, float]], first: int) -> None:
    names = list(rows[0])
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    shown = [row for row in rows if row["cycle"] in (1, 2, 5) or row["cycle"] % 10 == 0]
    for row in shown:
        print("| " + " | ".join(_figure(row[name]) for name in names) + " |")
    late = [row for row in rows if row["cycle"] >= first]
    print(f"\nCycles {first} to {int(rows[-1]['cycle'])}, least squares:\n")
    print("| figure | mean | slope per cycle | over all these cycles, of the mean |")
    print("|---|---|---|---|")
    for name in ("checkpoint bytes", "memory, MB", "overhead, s", "overhead, CPU s"):
        values = [row[name] for row in late]
        slope = statistics.linear_regression([row["cycle"] for row in late], values).slope
        mean = statistics.mean(values)
        print(f"| {name} | {_figure(mean)} | {slope:+.4f} | {slope * len(late) / mean:+.1%} |")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:.3f}"


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


def _compare(place: Path, small: int, large: int, repeats: int) -> dict[str, dict[int, list[_Time]]]:
    """Measure on both ledgers in turn; returns figure -> samples -> time of each repeat."""
    domain = write_domain(place / "domain", corpus=2_000)
    settings = {**SETTINGS, "stop": {"cycles": CYCLES + 2}}
    plan = plan_run(str(domain), "evokd", [ConfigSource("benchmark", settings)])
    planted = {count: plant_run(plan, place / "planted", count) for count in (small, large)}
    found: dict[str, dict[int, list[_Time]]] = defaultdict(lambda: {small: [], large: []})
    for number in range(repeats + 1):
        for count, folder in planted.items():
            copy = RunFolder(place / f"copy-{count}-{number}")
            shutil.copytree(folder.path, copy.path)
            os.sync()  # the first write of a run would wait for the copy to reach the disk
            figures = {"show": _time_show(copy), **_time_cycle(copy)}
            shutil.rmtree(copy.path)
            for name, passed in figures.items() if number else ():  # the first one loads modules
                found[name][count].append(passed)
    return found


def _time_show(folder: RunFolder) -> _Time:
    start = _now()
    with Path(os.devnull).open("w", encoding="utf-8") as nothing, redirect_stdout(nothing):
        assert cli.run_cli(["show", str(folder.path)]) == 0
    return _now().since(start)


def _time_cycle(folder: RunFolder) -> dict[str, _Time]:
    """Resume a planted run for its last two cycles: to the first node, the cycles, the nodes of the second."""
    clock, index = _Clock(), _Clock()
    found: dict[str, _Time] = {}
    marks = {"resume": _now()}
    resume = "resume, up to the first node"
    cycles = iter(("first cycle after it", "second cycle"))

    def note(event: Mapping[str, Any]) -> None:
        now, name, node = _now().since(clock.total), event["event"], event.get("node", "")
        if name == "node_started":
            if resume not in found:
                found[resume] = now.since(marks["resume"])
                marks["cycle"] = now
            marks.setdefault(node, now)
        if name == "node_finished" and node in marks:
            found[f"- {node}"] = now.since(marks[node])  # of the last of parallel lessons
        if (name, node) == ("node_finished", "decide"):
            found[next(cycles)] = now.since(marks["cycle"])
            marks.clear()
            marks["cycle"] = now

    with _clocked(clock, index), patch.object(evokd.graph.open_context, "StudentClient", _time_student(_Still, clock)):
        gc.collect()
        gc.freeze()  # or the modules loaded by now are gone through at some moment of some repeat
        resume_run(folder, (note,))
    return found


def _print_size(planted: Path, small: int, large: int) -> None:
    """Print what a sample takes on the disk, with all that a cycle stores about it."""
    sizes = [
        sum(path.stat().st_size for path in planted.glob(f"planted-{count}/ledger.db*")) for count in (small, large)
    ]
    print(f"\nLedger: {(sizes[1] - sizes[0]) / (large - small):,.0f} bytes per sample.\n")


def _print_ledgers(found: Mapping[str, Mapping[int, Sequence[_Time]]], options: argparse.Namespace) -> None:
    """Print the best of all repeats: on a machine that does other things as well it is the one least disturbed."""
    small, large = f"{options.small:,} samples", f"{options.large:,} samples"
    print(f"| what | {small}, ms | {large}, ms | ratio | {small}, CPU ms | {large}, CPU ms | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, times in found.items():
        low, high = (times[count] for count in (options.small, options.large))
        cells = [name]
        for pair in (
            [[passed.wall for passed in of] for of in (low, high)],
            [[passed.cpu for passed in of] for of in (low, high)],
        ):
            before, after = (min(values) * 1000 for values in pair)
            cells += [f"{before:,.1f}", f"{after:,.1f}", f"{after / before:.2f}"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
    main()
