"""What runs at once gain by sharing one limiter: wall time, and the most calls in flight that a server saw.

python -m benchmarks.shared_limits --runs 4 --jobs 2 --concurrency 4 --latency 1

It serves the rehearsal teacher over HTTP, after a fixed time and with 429 beyond a number of calls in flight, and does
the same experiment three times: with one limiter, with fixed shares, with all limits for every run. Before that it
measures how long it takes to get leave for a call, and two processes that train and call in turns, without any work.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from evokd.agents.llm.limiter_client import LimiterClient
from evokd.agents.llm.limiter_server import serve_limiters
from evokd.agents.llm.limiter_wire import LimiterAddress
from evokd.agents.llm.teacher_settings import LimitSettings
from evokd.jobs.pool import PoolJob

LimitTogether = Callable[[Sequence[PoolJob], str, int], AbstractContextManager[list[PoolJob]]]
_DOMAIN = "support_tickets"


class SlowApp:
    """An ASGI app that answers late, refuses what is too much at once, and counts."""

    def __init__(self, app: Any, latency: float, room: int) -> None:
        self._app, self._latency, self._room = app, latency, room
        self.counts = dict.fromkeys(("in_flight", "most", "calls", "refused"), 0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].endswith("/completions"):
            await (self._tell(send) if scope["path"] == "/counts" else self._app(scope, receive, send))
            return
        counts = self.counts
        counts["calls"] += 1
        counts["in_flight"] += 1
        counts["most"] = max(counts["most"], counts["in_flight"])
        try:
            if counts["in_flight"] > self._room:
                counts["refused"] += 1
                await _respond(send, 429, b'{"error": {"message": "too many requests"}}')
            else:
                await asyncio.sleep(self._latency)
                await self._app(scope, receive, send)
        finally:
            counts["in_flight"] -= 1

    async def _tell(self, send: Any) -> None:
        await _respond(send, 200, json.dumps(self.counts).encode())
        self.counts.update(most=0, calls=0, refused=0)


async def _respond(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def make_teacher(domain: str) -> Any:
    """Make the app of a rehearsal teacher that answers from the corpus of a domain."""
    from evokd.experiments.spec import read_domain
    from evokd.graph.setup.simulated_teacher import make_corpus
    from evokd.simulator.app import create_app
    from evokd.simulator.rehearsal_settings import RehearsalSettings

    return create_app(make_corpus(read_domain(domain)), RehearsalSettings(), 0)


def serve(latency: float, room: int) -> None:
    """Serve on a free port, which is the first line, until the process is ended."""
    import uvicorn

    from evokd.messages.loopback import listen

    app = SlowApp(make_teacher(_DOMAIN), latency, room)
    listener = listen(0)
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws="none")
    uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def _fixed_shares(jobs: Sequence[PoolJob], host: str, workers: int) -> Iterator[list[PoolJob]]:
    """Make every run keep to its share, by a driver that cannot be reached."""
    nowhere = asdict(LimiterAddress(host, 1, "", workers))
    yield [replace(job, body={**job.body, "limiters": nowhere}) if job.kind == "run" else job for job in jobs]


def _every_run_all(jobs: Sequence[PoolJob], host: str, workers: int) -> AbstractContextManager[list[PoolJob]]:
    """Let every run use all limits."""
    return nullcontext(list(jobs))


def measure(name: str, port: int, given: argparse.Namespace, limit: LimitTogether | None) -> None:
    """Do the experiment once, and print what it took."""
    from evokd.cli import main

    with tempfile.TemporaryDirectory() as folder:
        command = ["bench", _DOMAIN, "--presets", "evokd", "--seeds", str(given.runs), "--jobs", str(given.jobs)]
        command += ["--teacher", "m", "--base-url", f"http://127.0.0.1:{port}/v1", "--tune", "head", "--no-full-shot"]
        command += ["--shots", "1", "--budget-samples", str(given.samples), "--out", str(Path(folder) / "out")]
        command += ["--set", f"teacher.concurrency={given.concurrency}", "--quiet", *given.more]
        began = time.monotonic()
        with patch("evokd.experiments.driver.limit_together", limit) if limit else nullcontext():
            code = main.run_cli(command)
        seconds = time.monotonic() - began
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/counts") as answer:
        counts = json.load(answer)
    told = f"{counts['calls']} calls, at most {counts['most']} in flight, {counts['refused']} refused"
    print(f"{name}: {seconds:.1f} s, {told}, exit code {code}", flush=True)


async def ask_for_leave(address: LimiterAddress, calls: int) -> None:
    """Print how long it takes to get leave for a call."""
    client = LimiterClient(address, print)
    limiter = client.limit("http://127.0.0.1:9/v1", 4, LimitSettings())
    took = []
    for _ in range(calls + 20):
        began = time.perf_counter()
        async with limiter.slot(100):
            took.append(time.perf_counter() - began)
        limiter.answered("labeler", 0.0)
    await client.close()
    # the first ones are spread over time, as those of a limiter in the process are
    cuts = statistics.quantiles(took[20:], n=100)
    print(f"leave for a call: median {cuts[49] * 1e3:.2f} ms, 99 % below {cuts[98] * 1e3:.2f} ms", flush=True)


async def take_turns(address: LimiterAddress, pause: float) -> None:
    """Train and call in turns, as a run does: both are waiting here, five seconds and twenty calls of one second."""
    client = LimiterClient(address, lambda *_: None)
    limiter = client.limit("http://127.0.0.1:9/v1", 4, LimitSettings())

    async def call() -> None:
        async with limiter.slot(100):
            await asyncio.sleep(1.0)

    await asyncio.sleep(pause)
    for _ in range(4):
        await asyncio.gather(*(call() for _ in range(20)))
        await asyncio.sleep(5.0)
    await client.close()


def measure_turns(program: Sequence[str], name: str, address: LimiterAddress) -> None:
    """Let two processes take turns, the second half a round later, and print the seconds."""
    order = [*program, "--ask", json.dumps(asdict(address)), "--turns"]
    began = time.monotonic()
    callers = [subprocess.Popen([*order, pause]) for pause in ("0", "5")]
    if any(caller.wait() for caller in callers):
        raise SystemExit("a process has failed")
    print(f"two processes in turns, {name}: {time.monotonic() - began:.1f} s", flush=True)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=4, help="of the experiment; 0: none")
    parser.add_argument("--jobs", type=int, default=2, help="runs at once")
    parser.add_argument("--samples", type=int, default=60, help="budget of a run")
    parser.add_argument("--concurrency", type=int, default=4, help="teacher.concurrency")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds of an answer")
    parser.add_argument("--room", type=int, default=4, help="calls in flight beyond which the server answers 429")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    parser.add_argument("--turns", type=float, help=argparse.SUPPRESS)
    parser.add_argument("more", nargs="*", help="further options of `evokd bench`")
    given = parser.parse_args()
    if given.serve:
        serve(given.latency, given.room)
        return
    if given.ask:
        address = LimiterAddress(**json.loads(given.ask))
        asyncio.run(ask_for_leave(address, 2_000) if given.turns is None else take_turns(address, given.turns))
        return
    program = [sys.executable, "-m", "benchmarks.shared_limits"]
    with serve_limiters("127.0.0.1", 2) as address:
        subprocess.run([*program, "--ask", json.dumps(asdict(address))], check=True)
        measure_turns(program, "one limiter", address)
        measure_turns(program, "fixed shares", replace(address, port=1))
    if not given.runs:
        return
    command = [*program, "--serve", "--latency", str(given.latency), "--room", str(given.room)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        measure("one limiter", port, given, None)
        measure("fixed shares", port, given, _fixed_shares)
        measure("all limits for every run", port, given, _every_run_all)
        server.kill()


if __name__ == "__main__":
    main()
