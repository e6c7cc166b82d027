"""Time how soon a student answers and a run asks its server, beside the imports that neither can do without.

    python -m benchmarks.start_times STUDENT [--repeats 5]          # a run's folder, or a student's: ONNX too

answer    from the command to the first answer of a file of ten rows: `evokd predict STUDENT --input FILE`
imports   the same for a program that imports torch and the code of a transformers model, and does nothing else
request   from the command to the first connection of `evokd run` to its server: wall time, and CPU time of the run
client    the same for a program that imports openai and asks the server for its models

The ways take turns. The fastest of the repeats is shown, and the slowest: whatever else runs makes a start slower.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

EVOKD = str(Path(sys.executable).with_name("evokd"))
TEXTS = [f"Where is my order number {number}? It should have come last week." for number in range(10)]
IMPORTS = "import torch, transformers.models.bert.modeling_bert; print()"
CLIENT = "import openai; openai.OpenAI(base_url={!r}, api_key='none', max_retries=0).models.list()"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Start:
    """How long one start took, in seconds."""

    wall: float
    cpu: float | None = None
    """Of the process itself, not of those that it starts."""


def time_first_line(command: Sequence[str], lines: int) -> Start:
    """Time a command until it has printed so many lines."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        shown = [process.stdout.readline() for _ in range(lines)]
        took = time.perf_counter() - began
        process.stdout.read()
    if not shown[-1] or process.returncode:
        raise SystemExit(f"ended with {process.returncode} and without an answer: {' '.join(command)}")
    return Start(took)


def time_first_connection(make_command: Callable[[str], Sequence[str]]) -> Start:
    """Time a command until it connects to its server, whose address it is given; then it is ended."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        command = make_command(f"http://127.0.0.1:{server.getsockname()[1]}/v1")
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            connection, _ = server.accept()
            took = time.perf_counter() - began
            cpu = _read_cpu(process.pid)
            process.kill()
        connection.close()
    return Start(took, cpu)


def _read_cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def measure(student: str, repeats: int) -> dict[str, list[Start]]:
    """Time all ways in turns.

    Args:
        student: folder of a run or a student.
        repeats: starts of each way.
    """
    with tempfile.TemporaryDirectory() as folder:
        texts = Path(folder, "texts.csv")
        texts.write_text("text\n" + "".join(f"{text}\n" for text in TEXTS), encoding="utf-8", newline="\n")
        predict = [EVOKD, "predict", student, "--input", str(texts), "--text-column", "text"]

        def run(address: str) -> list[str]:
            return [EVOKD, "run", "support_tickets", "--teacher", "m", "--base-url", address, "--runs-dir", folder]

        ways: dict[str, Callable[[], Start]] = {
            "answer": lambda: time_first_line(predict, 2),  # the first line names the columns
            "imports": lambda: time_first_line([sys.executable, "-c", IMPORTS], 1),
            "request": lambda: time_first_connection(run),
            "client": lambda: time_first_connection(lambda at: [sys.executable, "-c", CLIENT.format(at)]),
        }
        turns = [{name: way() for name, way in ways.items()} for _ in range(repeats)]
    return {name: [turn[name] for turn in turns] for name in ways}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("student", help="folder of a run or of a student")
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    found = measure(asked.student, asked.repeats)
    best = {name: min(starts, key=lambda start: start.wall) for name, starts in found.items()}
    print(f"{'':10}{'wall s':>8}{'slowest':>9}{'CPU s':>8}")
    for name, starts in found.items():
        cpu = best[name].cpu
        shown = "" if cpu is None else f"{cpu:.2f}"
        print(f"{name:10}{best[name].wall:8.2f}{max(start.wall for start in starts):9.2f}{shown:>8}")
    for name, bare in (("answer", "imports"), ("request", "client")):
        print(f"{name} / {bare}: {best[name].wall / best[bare].wall:.2f}")


if __name__ == "__main__":
    main()
