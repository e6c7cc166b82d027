"""How close calls to the teacher come to the throughput that a server allows, and what a killed run asks again.

python -m benchmarks.teacher_door [--calls 512] [--flight 64] [--latency 0.25 1.0] [--rounds 3]

Two clients in turn, each in its own process, ask a server of fixed latency (benchmarks/latency_server.py) to label: the
door (`agents.labeler` through `agents.llm`, every reply stored in a ledger before it is used), and a bare loop over
`AsyncOpenAI` with a semaphore, which stores nothing. One call goes ahead, as the Analyst's does in a run; it is not
counted. `ideal / wall` is calls / flight x latency, divided by the time that the server measured from the first request
to the last answer. Then the door is killed with SIGKILL after half of the calls and started again with the same ledger.
Prints Markdown; exit code 1 when a stored answer is asked for again.
"""

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LABELS = {"first": "what comes first", "second": "what comes second"}
DRAFTS = 8
"""Texts per call."""


def make_texts(number: int) -> dict[str, str]:
    """The drafts of one call; no two calls have the same."""
    return {
        f"l{number:03d}-d{place:02d}": f"Letter {number}, page {place}: somebody wants something."
        for place in range(DRAFTS)
    }


async def ask_door(url: str, calls: int, flight: int, ledger: Path) -> None:
    """Label through the door."""
    from evokd.agents import labeler
    from evokd.agents.llm.client import Teacher
    from evokd.agents.llm.teacher_settings import TeacherSettings
    from evokd.agents.prompt_context import make_prompt_context
    from evokd.tracing.ledger import Ledger

    briefing = make_prompt_context("classification", "letters", "English", LABELS, None, 3)
    store = Ledger(ledger)
    teacher = Teacher(TeacherSettings(model="m", base_url=url, concurrency=flight), store)

    async def label(number: int) -> None:
        found = await labeler.label(teacher, briefing, make_texts(number), 1, f"c001-l{number:03d}", number)
        assert len(found.labels) == DRAFTS, found.faults

    await label(calls)
    reset(url)
    await asyncio.gather(*(label(number) for number in range(calls)))
    await teacher.close()
    store.close()


async def ask_bare(url: str, calls: int, flight: int, _: Path) -> None:
    """Ask the same with nothing around the client; the replies are read as JSON and forgotten."""
    import openai

    from evokd.messages import DraftBatch, DraftText, fence

    client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)
    slots = asyncio.Semaphore(flight)

    async def label(number: int) -> None:
        drafts = [DraftText(id=f"t{place}", text=text) for place, text in enumerate(make_texts(number).values(), 1)]
        block = fence(DraftBatch(labels=LABELS, drafts=drafts))
        async with slots:
            answer: Any = await client.chat.completions.create(
                model="m",
                messages=[{"role": "system", "content": "Label."}, {"role": "user", "content": block}],
                response_format={"type": "json_object"},
                seed=number,
            )
        assert len(json.loads(answer.choices[0].message.content)["verdicts"]) == DRAFTS

    await label(calls)
    reset(url)
    await asyncio.gather(*(label(number) for number in range(calls)))
    await client.close()


CLIENTS = {"door": ask_door, "bare": ask_bare}


def read_stats(url: str) -> dict[str, float]:
    """What the server has seen since it was reset."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/stats") as response:
        return dict(json.load(response))


def reset(url: str) -> None:
    """Let the server forget what it has seen; the caller keeps the time of the very first request, and the CPU time."""
    first = read_stats(url)["first"]
    urllib.request.urlopen(urllib.request.Request(url.removesuffix("/v1") + "/reset", method="POST")).close()
    if "EVOKD_BENCH_FIRST" in os.environ:
        Path(os.environ["EVOKD_BENCH_FIRST"]).write_text(f"{first} {time.process_time()}", encoding="utf-8")


@contextmanager
def serve(latency: float) -> Iterator[str]:
    """Run the server; gives its address."""
    command = [sys.executable, "-m", "benchmarks.latency_server", "--latency", str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
        finally:
            process.kill()


def start(client: str, url: str, options: argparse.Namespace, folder: Path) -> "subprocess.Popen[bytes]":
    """Start a client as a process of its own."""
    command = [sys.executable, "-m", "benchmarks.teacher_door", "--client", client, "--url", url]
    command += ["--calls", str(options.calls), "--flight", str(options.flight), "--ledger", str(folder / "ledger.db")]
    return subprocess.Popen(command, env={**os.environ, "EVOKD_BENCH_FIRST": str(folder / "first")})


def measure(client: str, url: str, latency: float, options: argparse.Namespace) -> dict[str, float]:
    """Run a client to its end."""
    with tempfile.TemporaryDirectory() as name:
        began = time.time()
        process = start(client, url, options, Path(name))
        assert process.wait() == 0, f"the client {client} failed"
        found = read_stats(url)
        first, cpu = (float(part) for part in (Path(name) / "first").read_text(encoding="utf-8").split())
    reset(url)
    assert found["answers"] == options.calls, found
    ratio = options.calls / options.flight * latency / found["wall"]
    return {"ratio": ratio, "wall": found["wall"], "first": first - began, "cpu": cpu}


def kill_at_half(url: str, options: argparse.Namespace) -> dict[str, float]:
    """Kill the door when half of the answers were sent, start it again, and count what it asks for again."""
    from evokd.tracing.ledger import Ledger

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = start("door", url, options, folder)
        while not (folder / "first").exists() or read_stats(url)["answers"] < options.calls / 2:
            time.sleep(0.005)
            assert process.poll() is None, "the door ended before it was killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(0.1)
        before = read_stats(url)
        store = Ledger(folder / "ledger.db")
        stored = sum(call.status == "ok" and call.span != f"c001-l{options.calls:03d}" for call in store.calls())
        store.close()
        again = start("door", url, options, folder)
        assert again.wait() == 0
        after = read_stats(url)
        reset(url)
    asked = after["requests"]
    return {
        "answered": before["answers"],
        "stored": stored,
        "flying": before["requests"] - before["answers"],
        "asked": asked,
        "repeated": max(0.0, asked - (options.calls - stored)),
    }


def main() -> int:
    """Measure and print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=512)
    parser.add_argument("--flight", type=int, default=64, help="calls in flight at most")
    parser.add_argument("--latency", type=float, nargs="+", default=[0.25, 1.0], help="seconds")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each client; medians are shown")
    parser.add_argument("--client", choices=list(CLIENTS), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--ledger", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        asyncio.run(CLIENTS[options.client](options.url, options.calls, options.flight, options.ledger))
        return 0
    return compare(options)


def compare(options: argparse.Namespace) -> int:
    """Run both clients in turn, then the kill, at every latency; returns the exit code."""
    speed, kills = [], []
    for latency in options.latency:
        with serve(latency) as url:
            found: dict[str, list[dict[str, float]]] = {name: [] for name in CLIENTS}
            for _ in range(options.rounds):
                for name in CLIENTS:
                    found[name].append(measure(name, url, latency, options))
            kills.append((latency, kill_at_half(url, options)))
        middle = {
            name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in found.items()
        }
        for name, figures in middle.items():
            share = figures["ratio"] / middle["bare"]["ratio"]
            speed.append(
                [
                    f"{latency:g} s",
                    name,
                    f"{figures['ratio']:.2f}",
                    f"{share:.2f}",
                    f"{figures['wall']:.2f} s",
                    f"{figures['first']:.2f} s",
                    f"{figures['cpu']:.2f} s",
                ]
            )
    head = ["latency", "client", "ideal / wall", "to bare", "wall", "first request after start", "CPU until its answer"]
    print_table(head, speed)
    print_table(
        [
            "latency",
            "answers sent at the kill",
            "stored",
            "in flight",
            "asked after the restart",
            "stored ones asked again",
        ],
        [
            [
                f"{latency:g} s",
                *(f"{figures[key]:.0f}" for key in ("answered", "stored", "flying", "asked", "repeated")),
            ]
            for latency, figures in kills
        ],
    )
    return 1 if any(figures["repeated"] for _, figures in kills) else 0


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    for cells in (head, ["---"] * len(head), *rows):
        print(f"| {' | '.join(cells)} |")
    print()


if __name__ == "__main__":
    sys.exit(main())
