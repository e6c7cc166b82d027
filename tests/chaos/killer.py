"""Runs evokd in real processes, or in forked ones with a word student, and kills them when told to."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.chaos.remote import ROOT

KILLED = -signal.SIGKILL
LINGER = 10.0
"""Seconds that a student process may take to notice that its parent is gone."""
_MARK = "EVOKD_CHAOS"


@dataclass(frozen=True)
class Life:
    """One process from its start to its end; times in seconds of the monotonic clock."""

    args: tuple[str, ...]
    start: float
    end: float
    code: int
    """Exit code; negative for a signal."""
    out: str
    err: str
    orphans: int = 0
    """Processes that it had started and that were still there some seconds after its end."""

    @property
    def killed(self) -> bool:
        """Whether it was killed before it could end."""
        return self.code == KILLED

    @property
    def last_line(self) -> str:
        """The last thing that it said to people."""
        return (self.err.strip().splitlines() or [""])[-1]


class Launcher(Protocol):
    """A way to run evokd."""

    def __call__(
        self,
        *args: str,
        kill_after: float | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 600,
    ) -> Life:
        """Run a command; with `kill_after` it is killed after so many seconds, if it is still there."""

    def close(self) -> None:
        """Give up what the launcher holds."""


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without keys and proxies, for processes that compute on one thread."""
    foreign = ("OPENAI_", "AZURE_", "ANTHROPIC_", "LANGSMITH_", "LANGCHAIN_", "EVOKD_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(foreign) and not name.upper().endswith(("_API_KEY", "_PROXY"))
    }
    return {**kept, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "400", **(extra or {})}


class Processes:
    """Real processes: `python main.py ...` with the student that the settings name, in a session of their own.

    Args:
        folder: where the output of the commands goes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def begin(
        self, *args: str, env: Mapping[str, str] | None = None
    ) -> tuple["subprocess.Popen[bytes]", Path, float, str]:
        """Start a command; returns the process, where its output goes, when it began, and the mark of its children."""
        self._count += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        log = self._folder / f"{self._count:03d}"
        mark = uuid.uuid4().hex
        command = [sys.executable, str(ROOT / "main.py"), *args]
        start = time.monotonic()
        with log.with_suffix(".out").open("wb") as out, log.with_suffix(".err").open("wb") as err:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=clean_environment({**(env or {}), _MARK: mark}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        return process, log, start, mark

    def finish(
        self,
        args: Sequence[str],
        begun: tuple["subprocess.Popen[bytes]", Path, float, str],
        kill_after: float | None = None,
        timeout: float = 600,
    ) -> Life:
        """Wait for a command that was begun, or kill it."""
        process, log, start, mark = begun
        limit = timeout if kill_after is None else kill_after
        try:
            process.wait(max(0.0, start + limit - time.monotonic()))
        except subprocess.TimeoutExpired:
            # the process alone: what it has started must end by itself
            process.kill()
            process.wait()
        end = time.monotonic()
        if kill_after is None and process.returncode == KILLED and end - start >= timeout:
            raise TimeoutError(f"evokd {' '.join(args)}: not over after {timeout:.0f} s; see {log}.err")
        return Life(
            tuple(args),
            start,
            end,
            process.returncode,
            _read(log.with_suffix(".out")),
            _read(log.with_suffix(".err")),
            len(_wait_for_children(mark)),
        )

    def __call__(
        self,
        *args: str,
        kill_after: float | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 600,
    ) -> Life:
        return self.finish(args, self.begin(*args, env=env), kill_after, timeout)

    def close(self) -> None:
        """There is nothing to give up."""


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")


def _wait_for_children(mark: str) -> list[int]:
    """Processes that carry a mark in their environment, once those that end by themselves have had the time to."""
    patience = time.monotonic() + LINGER
    while found := find_marked(mark):
        if time.monotonic() > patience:
            for pid in found:
                os.kill(pid, signal.SIGKILL)
            return found
        time.sleep(0.05)
    return []


def find_marked(mark: str) -> list[int]:
    """Processes (zombies left out) whose environment carries a mark."""
    wanted = f"{_MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            alive = b"\x00" in (folder / "cmdline").read_bytes()
            if alive and wanted in (folder / "environ").read_bytes().split(b"\x00"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


class Forks:
    """Forked processes in which everything is loaded already, with a student that counts words.

    Args:
        folder: where the output of the commands goes.
        student: a name in `tests.graph.toy.STUDENTS`.
    """

    def __init__(self, folder: Path, student: str) -> None:
        self._folder, self._student = folder, student
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.zygote"],
            cwd=ROOT,
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ready = False

    def __call__(
        self,
        *args: str,
        kill_after: float | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float = 600,
    ) -> Life:
        if not self._ready:
            self._read_answer()
            self._ready = True
        self._count += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        files = {name: str(self._folder / f"{self._count:03d}.{name}") for name in ("out", "err")}
        start = time.monotonic()
        request = {"args": list(args), "student": self._student, "env": dict(env or {}), **files}
        pid = self._ask(request)["pid"]
        timer = threading.Timer(timeout if kill_after is None else kill_after, _kill, (pid,))
        timer.start()
        code = self._ask({"wait": pid})["code"]
        timer.cancel()
        end = time.monotonic()
        if kill_after is None and code == KILLED and end - start >= timeout:
            raise TimeoutError(f"evokd {' '.join(args)}: not over after {timeout:.0f} s; see {files['err']}")
        return Life(tuple(args), start, end, code, _read(Path(files["out"])), _read(Path(files["err"])))

    def _ask(self, request: Mapping[str, object]) -> dict[str, int]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read_answer()

    def _read_answer(self) -> dict[str, int]:
        assert self._process.stdout is not None
        answer: dict[str, int] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process that forks."""
        self._process.communicate(timeout=60)
