"""Experiments side by side: here, on a cluster, on a cluster whose machines are killed."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ray_cluster.machines import Machines, clean_environment, wait_until

SETTINGS = ("curriculum.quotas.drafts=20", "student.allow_unreadable=true")
Meanwhile = Callable[[Callable[[], bool]], None]
"""What is done while a command runs; it is given a function that says whether the command has ended."""


@dataclass(frozen=True)
class Measured:
    """An experiment that ended."""

    record: dict[str, Any]
    """Its `report.json`."""
    seconds: float
    told: str
    """What it told people."""

    @property
    def run_seconds(self) -> float:
        """Seconds of all its runs together, as each of them counted."""
        return sum(float(cell["seconds"]) for cell in self.record["cells"])

    def figures(self) -> dict[str, Any]:
        """Everything but times."""
        found: dict[str, Any] = drop_times(self.record)
        return found


def drop_times(value: Any) -> Any:
    """Leave out what differs from one time to the next: seconds, and the command as it was typed."""
    if isinstance(value, dict):
        return {key: drop_times(item) for key, item in value.items() if key not in ("seconds", "command", "date")}
    return [drop_times(item) for item in value] if isinstance(value, list) else value


def bench_command(out: Path, seeds: int, *more: str) -> list[str]:
    """A small experiment of two arms, with the rehearsal teacher and the embedded student."""
    command = [sys.executable, "-m", "evokd", "bench", "support_tickets", "--presets", "evokd,random"]
    command += ["--seeds", str(seeds), "--shots", "1", "--budget-samples", "30", "--tune", "head", "--no-full-shot"]
    return [*command, "--set", "curriculum.quotas.drafts=20", "--out", str(out), *more]


def run_beside(command: Sequence[str], log: Path, meanwhile: Meanwhile = lambda _: None) -> tuple[float, str]:
    """Run a command, and do something meanwhile; returns its seconds and what it told.

    Raises:
        AssertionError: it fails.
    """
    began = time.monotonic()
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=clean_environment(), stdout=file, stderr=subprocess.STDOUT)
        try:
            with suppress(TimeoutError):  # the command tells why
                meanwhile(lambda: process.poll() is not None)
            code = process.wait()
        finally:
            process.kill()
            process.wait()
    told = log.read_text(encoding="utf-8")
    assert code == 0, told
    return time.monotonic() - began, told


def measure_bench(command: Sequence[str], out: Path, meanwhile: Meanwhile = lambda _: None) -> Measured:
    """Run an experiment to its end."""
    seconds, told = run_beside(command, out.with_suffix(".log"), meanwhile)
    return Measured(json.loads((out / "report.json").read_text(encoding="utf-8")), seconds, told)


def kill_one_in_the_middle(out: Path, cluster: Machines, done: int = 1) -> Meanwhile:
    """Make a function that kills a machine once some runs are done and another is in its work, and adds a new one."""

    def kill(has_ended: Callable[[], bool]) -> None:
        wait_until(lambda: len(list(out.glob("runs/*/curve.json"))) >= done, "no run ended", has_ended)
        wait_until(lambda: len(list(out.glob("runs/*/work"))) > 1, "nothing is in its work", has_ended)
        cluster.kill()
        cluster.replace()

    return kill
