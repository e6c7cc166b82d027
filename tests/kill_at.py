"""Runs evokd in a process that kills or interrupts itself at a chosen event of a chosen node.

    python -m tests.kill_at EVENT NODE COUNT -- run DOMAIN ...      one command, killed with SIGKILL
    python -m tests.kill_at serve                                   requests as JSON lines on standard input

As a server it makes one run, which loads everything heavy, and forks for each request, so that many kills cost
little. A request holds `args`, `log` (file that takes what the command prints), and perhaps `event`, `node`, `count`,
`signal` and `student` (a name in `tests.graph.toy.STUDENTS`); the answer is `{"code": n}`, negative for a signal.

In place of an event a request may name a `call` such as `tracing.ledger.Ledger.put_cycle_record`: the process is
killed right after the count-th one, or, with `fault` (a name in `errno`), that one and all after it fail instead. With
`limit` no file can grow beyond so many bytes.
"""

import asyncio
import contextlib
import errno
import importlib
import json
import os
import resource
import signal
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import evokd.graph.build
import evokd.graph.open_context
import evokd.tracing.events
from evokd.cli import main
from tests.graph.toy import QUICK, STUDENTS, write_domain

_LAST_THREADS = 20.0
"""Seconds in which the threads of the first run must have ended."""


def run_killed(request: dict[str, Any]) -> int:
    """Run one command in this process; returns its exit code if it lives to give one."""
    if request.get("student"):
        evokd.graph.open_context.StudentClient = STUDENTS[request["student"]]  # type: ignore[assignment, misc]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process in the background inherits that it is ignored
    if request.get("event"):
        _set_trap(request["event"], request["node"], request["count"], request.get("signal", signal.SIGKILL))
    if request.get("call"):
        _trap_call(request["call"], request["count"], request.get("fault"))
    if request.get("limit"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["limit"], resource.RLIM_INFINITY))
    return main.run_cli(request["args"])


def _set_trap(event: str, node: str, count: int, number: int) -> None:
    """Raise a signal when the event of the node is logged for the count-th time, after it was written."""
    log = evokd.tracing.events.EventLog.__call__
    seen = 0

    def trap(self: evokd.tracing.events.EventLog, event_name: str, /, **fields: Any) -> None:
        nonlocal seen
        log(self, event_name, **fields)
        if event_name == event and node in (fields.get("node"), fields.get("role")):
            seen += 1
            if seen == count:
                os.kill(os.getpid(), number)

    evokd.tracing.events.EventLog.__call__ = trap  # type: ignore[method-assign]


def _trap_call(path: str, count: int, fault: str | None) -> None:
    """Kill the process after the count-th call of a function or method, or let that one and all later ones fail."""
    owner, name = _find(path)
    real = getattr(owner, name)
    seen = 0

    def strike(after: bool) -> None:
        nonlocal seen
        seen += not after
        if fault and not after and seen >= count:
            code = getattr(errno, fault)
            raise OSError(code, os.strerror(code))
        if not fault and after and seen == count:
            os.kill(os.getpid(), signal.SIGKILL)

    async def trap_async(*args: Any, **options: Any) -> Any:
        strike(after=False)
        result = await real(*args, **options)
        strike(after=True)
        return result

    def trap(*args: Any, **options: Any) -> Any:
        strike(after=False)
        result = real(*args, **options)
        strike(after=True)
        return result

    setattr(owner, name, trap_async if asyncio.iscoroutinefunction(real) else trap)


def _find(path: str) -> tuple[Any, str]:
    """The object that holds what a dotted path names, and the last name."""
    parts = path.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            owner: Any = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:-1]:
            owner = getattr(owner, part)
        return owner, parts[-1]
    raise ValueError(f"{path}: names nothing")


def _serve() -> None:
    _warm_up()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if not child:
            _become(request)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps({"code": os.waitstatus_to_exitcode(status)}) + "\n")
        sys.stdout.flush()


def _warm_up() -> None:
    """Make one run here, so that no child loads modules and builds validators that all of them need."""
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        runs = ["--runs-dir", str(Path(folder, "runs"))]
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            client = evokd.graph.open_context.StudentClient
            code = run_killed(
                {"args": ["run", str(write_domain(Path(folder, "domain"))), *QUICK, *runs], "student": "words"}
            )
            evokd.graph.open_context.StudentClient = client  # type: ignore[misc]
    assert code == 0
    until = time.monotonic() + _LAST_THREADS
    while threading.active_count() > 1 and time.monotonic() < until:
        time.sleep(0.01)  # threads that were told to end are not waited for by all who made them
    assert threading.active_count() == 1, f"a child would not have the other threads: {threading.enumerate()}"


def _become(request: dict[str, Any]) -> None:
    code = 70
    try:
        file = os.open(Path(request["log"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(file, 1)
        os.dup2(file, 2)
        code = run_killed(request)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        _serve()
    else:
        event, node, count, _, *args = sys.argv[1:]
        sys.exit(run_killed({"event": event, "node": node, "count": int(count), "args": args}))
