"""Measure what grows: from cycle to cycle of a long run, and from a small ledger to a large one.

    python -m benchmarks.endurance cycles --cycles 100
    python -m benchmarks.endurance ledger --large 20000 --small 200 --repeats 5

The domain is made up: labelled texts of made-up words, enough for any number of cycles. Overhead is all that is neither the
teacher answering nor the student training, predicting or starting. `ledger` plants a run of 50 cycles into a folder and resumes
copies of it; the student there answers at once.
"""

import argparse
import asyncio
import gc
import json
import os
import random
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
from typing import Any
from unittest.mock import patch

import yaml

import graph.run
import main as cli
import student.curate
from graph.config import Layer
from graph.folder import RunFolder, create_folder, write_config
from graph.plan import Plan, describe_plan, plan_run, record_plan
from graph.run import PLAN, THREAD, resume_run, start_run
from student.client import StudentClient, TrainJob, TrainResult
from student.jobs import Prediction
from tracing.ledger import Ledger, Sample

LABELS = ("north", "east", "south", "west")
CYCLES = 50
"""Cycles of a planted run."""
LESSONS = 4
"""Lessons of each of them."""
SETTINGS: dict[str, Any] = {
    "student": {"tune": "head", "device": "cpu"},
    "curriculum": {"quotas": {"drafts": 8, "lesson": 4}},
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
    ledger.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"{time.strftime('%Y-%m-%d')}: python -m benchmarks.endurance {' '.join(sys.argv[1:])}\n")
    with tempfile.TemporaryDirectory() as place:
        if options.command == "cycles":
            _print_cycles(_run_long(Path(place), options.cycles), options.from_cycle)
        else:
            _print_ledgers(_compare(Path(place), options.small, options.large, options.repeats), options)


# ----------------------------------------------------------------------------------------------------- made-up domain


def _write_domain(folder: Path, corpus: int) -> Path:
    """Write a domain with a corpus of so many texts."""
    folder.mkdir(parents=True)
    data = {"seeds": 4, "validation": 40, "test": 40, "corpus": corpus}
    for number, (name, size) in enumerate(data.items()):
        rows = [{"text": text, "label": label} for text, label in _make_texts(size, seed=number)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    tree = {
        "name": "endurance",
        "task": "classification",
        "description": "Texts of made-up words.",
        "labels": {label: f"words of the {label}" for label in LABELS},
        "data": {name: f"{name}.jsonl" for name in ("seeds", "validation", "test")},
        "rehearsal": {"corpus": "corpus.jsonl"},
    }
    (folder / "domain.yaml").write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return folder


def _make_texts(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Make texts of 14 words, four of them from the label's own; no two are alike."""
    rng = random.Random(seed)
    syllables = [first + second for first in "bdfgklmnprstvz" for second in "aeiou"]
    common = [f"{a}{b}" for a in syllables for b in syllables]
    own = {label: [f"{label[:2]}{a}{b}" for a in syllables[:8] for b in syllables[:8]] for label in LABELS}
    for number in range(count):
        label = LABELS[number % len(LABELS)]
        words = [*rng.sample(own[label], 4), *rng.sample(common, 10)]
        rng.shuffle(words)
        yield " ".join(words), label


# -------------------------------------------------------------------------------------------------------------- clocks


class _Clock:
    """Wall-clock time in which the teacher or the student was at work, counted once where they overlap."""

    def __init__(self) -> None:
        self._busy = 0
        self._since = 0.0
        self.total = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        if not self._busy:
            self._since = time.perf_counter()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self.total += time.perf_counter() - self._since

    def wrap(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Let the clock run while an asynchronous function does."""

        async def timed(*args: Any, **options: Any) -> Any:
            with self.running():
                return await work(*args, **options)

        return timed


@contextmanager
def _clocked(clock: _Clock) -> Iterator[None]:
    """Let the clock run while the rehearsal teacher answers and while the student is busy."""
    rehearse = graph.run._rehearse

    def timed_rehearse(plan: Plan) -> Any:
        with clock.running():
            transport: Any = rehearse(plan)
        transport.handle_async_request = clock.wrap(transport.handle_async_request)
        return transport

    with patch.object(graph.run, "_rehearse", timed_rehearse):
        yield


def _time_student(kind: type[Any], clock: _Clock) -> Callable[..., Any]:
    def make(*args: Any, **options: Any) -> Any:
        client = kind(*args, **options)
        for name in ("train", "predict", "warm_up"):
            setattr(client, name, clock.wrap(getattr(client, name)))
        return client

    return make


# ---------------------------------------------------------------------------------------------------------- long run


def _run_long(place: Path, cycles: int) -> list[dict[str, float]]:
    """Run cycles on the made-up domain; returns a row of figures per cycle."""
    domain = _write_domain(place / "domain", corpus=cycles * 30)
    plan = plan_run(str(domain), "evokd", [Layer("benchmark", {**SETTINGS, "stop": {"cycles": cycles}})])
    clock = _Clock()
    rows: list[dict[str, float]] = []
    last = {"wall": time.perf_counter(), "busy": 0.0, "stored": 0.0}

    def note(event: Mapping[str, Any]) -> None:
        if event["event"] != "decided":
            return
        now = time.perf_counter()
        stored = float(_stored_bytes(place / "runs" / "long"))
        gc.collect()
        rows.append(
            {
                "cycle": event["cycle"],
                "samples": event["accepted"],
                "checkpoint bytes": stored - last["stored"],
                "memory MB": _resident() / 2**20,
                "overhead s": now - last["wall"] - (clock.total - last["busy"]),
                "work s": clock.total - last["busy"],
            }
        )
        last.update(wall=time.perf_counter(), busy=clock.total, stored=stored)

    with _clocked(clock), patch.object(graph.run, "StudentClient", _time_student(StudentClient, clock)):
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
    for name in ("checkpoint bytes", "memory MB", "overhead s"):
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

    async def train(self, job: TrainJob) -> TrainResult:
        Path(job.out).mkdir(parents=True, exist_ok=True)
        (Path(job.out) / "README.md").write_text("# Still\n", encoding="utf-8")
        return TrainResult(
            steps=1, samples=len(job.examples), seconds=0.0, loss=0.5, tune="head", device="cpu", precision="float32"
        )

    async def predict(self, folder: Path, texts: Sequence[str]) -> list[Prediction]:
        return [Prediction(answer=LABELS[len(text) % 4], confidence=0.5, scores={}) for text in texts]


def _compare(place: Path, small: int, large: int, repeats: int) -> dict[str, dict[int, list[float]]]:
    """Measure on both ledgers in turn; returns figure -> samples -> seconds of each repeat."""
    domain = _write_domain(place / "domain", corpus=2_000)
    settings = {**SETTINGS, "stop": {"cycles": CYCLES + 1}}
    plan = plan_run(str(domain), "evokd", [Layer("benchmark", settings)])
    planted = {count: _plant(plan, place / "planted", count) for count in (small, large)}
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: {small: [], large: []})
    for number in range(repeats + 1):
        for count, folder in planted.items():
            copy = RunFolder(place / f"copy-{count}-{number}")
            shutil.copytree(folder.path, copy.path)
            figures = {"show": _time_show(copy), **_time_cycle(copy)}
            shutil.rmtree(copy.path)
            for name, seconds in figures.items() if number else ():  # the first one loads modules
                found[name][count].append(seconds)
    return found


def _time_show(folder: RunFolder) -> float:
    start = time.perf_counter()
    with Path(os.devnull).open("w") as nothing, redirect_stdout(nothing):
        assert cli.run_cli(["show", str(folder.path)]) == 0
    return time.perf_counter() - start


def _time_cycle(folder: RunFolder) -> dict[str, float]:
    """Resume a planted run for its last cycle; seconds to the first node, and of each part of the cycle."""
    clock = _Clock()
    found: dict[str, float] = {}
    mark = [time.perf_counter(), 0.0]
    index = _Clock()

    def note(event: Mapping[str, Any]) -> None:
        now = time.perf_counter()
        if event["event"] == "node_started" and "resume" not in found:
            found["resume"] = now - mark[0] - clock.total
            mark[:] = [now, clock.total + index.total]
        if event["event"] == "decided":
            found["cycle"] = now - mark[0] - (clock.total + index.total - mark[1])
            found["index of texts"] = index.total
        if (
            event["event"] == "node_finished"
            and "cycle" not in found
            and event["node"] in ("analyze", "curate", "train")
        ):
            found[f"node {event['node']}"] = event["seconds"]

    build = student.curate.Curator.__init__

    def timed_build(*args: Any, **options: Any) -> None:
        with index.running():
            build(*args, **options)

    with (
        _clocked(clock),
        patch.object(graph.run, "StudentClient", _time_student(_Still, clock)),
        patch.object(student.curate.Curator, "__init__", timed_build),
    ):
        resume_run(folder, (note,))
    return found


def _plant(plan: Plan, runs_dir: Path, count: int) -> RunFolder:
    """Make the folder of a run that is about to begin its last cycle with so many accepted samples."""
    folder = create_folder(runs_dir, f"planted-{count}")
    write_config(folder, describe_plan(plan))
    ledger = Ledger(folder.ledger)
    ledger.remember(PLAN, record_plan(plan))
    texts = _make_texts(count, seed=99)
    share = count // (CYCLES * LESSONS)
    with ledger._transaction():
        for cycle in range(CYCLES + 1):
            _plant_cycle(ledger, cycle, share, texts)
    ledger.close()
    for version in ("c000", f"c{CYCLES:03d}"):
        folder.version(version).mkdir(parents=True)
    asyncio.run(_plant_state(folder, count))
    return folder


def _plant_cycle(ledger: Ledger, cycle: int, share: int, texts: Iterator[tuple[str, str]]) -> None:
    """Fill in what a cycle leaves: parts, messages, weaknesses, lessons, calls and samples."""
    training = {
        "tune": "head",
        "steps": 9,
        "samples": 9,
        "seconds": 1.0,
        "loss": 0.5,
        "device": "cpu",
        "precision": "float32",
    }
    ledger._insert("cycles", [{"cycle": cycle, "part": "training", "body": training}])
    ledger._insert(
        "cycles", [{"cycle": cycle, "part": "gate", "body": {"before": 0.5, "after": 0.5, "promoted": True}}]
    )
    ledger._insert("timings", [{"cycle": cycle, "node": node, "seconds": 0.1} for node in ("train", "gate", "curate")])
    span = f"c{cycle + 1:03d}"
    packet = {
        "kind": "feedback_packet",
        "cycle": cycle + 1,
        "task": "classification",
        "labels": dict.fromkeys(LABELS, "words"),
        "report": [],
        "confusions": [],
        "weaknesses": [],
        "cases": _cases(),
    }
    ledger._insert("messages", [_message(cycle + 1, span, packet)])
    if not cycle:
        return
    span = f"c{cycle:03d}"
    accepted = 0
    for number in range(1, LESSONS + 1):
        name = f"{span}-l{number:02d}"
        plan = {"id": name, "mode": "write", "weakness": {"name": "breadth", "pattern": "", "labels": [], "advice": ""}}
        rows = [
            Sample(f"{name}-d{at:02d}", cycle, name, f"{span}-w1", text, "hard", label, f"{name}-generator-1", "accepted",
                   [label], 0.9, label, purpose="train", exam={"answer": label, "confidence": 0.5}, label_call=f"{name}-labeler-1")
            for at, (text, label) in zip(range(1, share + 1), texts, strict=False)
        ]  # fmt: skip
        drafts = [{"id": row.id, "text": row.text} for row in rows]
        ledger._insert(
            "lessons",
            [{"id": name, "cycle": cycle, "weakness": f"{span}-w1", "plan": plan, "drafts": share, "labelled": share}],
        )
        ledger._insert("samples", [vars(row) for row in rows])
        ledger._insert("messages", [_message(cycle, name, {"kind": "draft_batch", "labels": {}, "drafts": drafts})])
        ledger._insert("calls", [_call(cycle, name, role, json.dumps(drafts)) for role in ("generator", "labeler")])
        accepted += len(rows)
    ledger._insert("weaknesses", [{"id": f"{span}-w1", "cycle": cycle, "name": "one for another", "pattern": "p", "labels": ["north"],
                                   "evidence": ["v1"], "advice": "a", "state": "open", "effect": 0.0}])  # fmt: skip
    ledger._insert(
        "cycles",
        [{"cycle": cycle, "part": "curation", "body": {"drafts": accepted, "accepted": accepted, "disputed": 0}}],
    )


def _cases() -> list[dict[str, Any]]:
    return [
        {"id": f"v{number}", "text": text, "gold": label, "predicted": "north", "confidence": 0.5,
         "verdict": "right" if label == "north" else "wrong"}
        for number, (text, label) in enumerate(_make_texts(16, seed=1), start=1)
    ]  # fmt: skip


def _message(cycle: int, span: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"cycle": cycle, "span": span, "kind": body["kind"], "sender": "a", "receiver": "b", "body": body}


def _call(cycle: int, span: str, role: str, raw: str) -> dict[str, Any]:
    return {
        "id": f"{span}-{role}-1", "key": f"{span}-{role}", "cycle": cycle, "role": role, "span": span, "attempt": 1,
        "endpoint": "rehearsal", "model": "rehearsal", "ability": "json_schema", "request": {"turns": [["user", raw]]},
        "prompts": "abc", "status": "ok", "raw": raw, "flags": [], "faults": [], "input_tokens": 900, "output_tokens": 200,
        "estimated": 0, "cost_usd": None, "price_source": None, "seconds": 0.1,
    }  # fmt: skip


async def _plant_state(folder: RunFolder, count: int) -> None:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    from graph.build import build_graph

    state = {
        "cycle": CYCLES + 1, "champion": f"c{CYCLES:03d}", "challenger": None, "score": 0.5, "best": 0.5, "stale": 0, "barren": 0,
        "accepted": count, "lessons": [], "decision": {"next": "analyze", "reason": "go on"},
    }  # fmt: skip
    async with AsyncSqliteSaver.from_conn_string(str(folder.checkpoints)) as saver:
        await build_graph(saver).aupdate_state(THREAD, state, as_node="decide")


def _print_ledgers(found: Mapping[str, Mapping[int, Sequence[float]]], options: argparse.Namespace) -> None:
    print(f"| what | {options.small:,} samples, ms | {options.large:,} samples, ms | ratio |")
    print("|---|---|---|---|")
    for name, seconds in found.items():
        low, high = (statistics.median(seconds[count]) * 1000 for count in (options.small, options.large))
        print(f"| {name} | {low:,.1f} | {high:,.1f} | {high / low:.2f} |")


if __name__ == "__main__":
    os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
    main()
