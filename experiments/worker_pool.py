"""Worker processes that do the jobs of an experiment; each stays with a domain as long as there is work on it."""

import json
import queue
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from evokd.messages import EvokdError
from evokd.student.process.child import child_command, child_options, encode_request

Tell = Callable[[Mapping[str, Any]], None]

_PARKS = 3
"""Exit code of a job whose teacher cannot be reached: the others would fare no better."""
_TRIES = 2
"""Processes that a job may end before it is given up."""


class Interrupted(EvokdError):
    """Ctrl-C or another signal; what was done stays done."""

    def __init__(self, message: str, code: int = 130) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc]  # of this signal, not of the class


@dataclass(frozen=True)
class PoolJob:
    """Something that a worker does in one go."""

    id: str
    kind: str
    """`run` or `baseline`."""
    group: str
    """Jobs of one group share caches."""
    name: str
    """For people."""
    body: Mapping[str, Any]


@dataclass(frozen=True)
class JobFailure:
    """A job that could not be done."""

    job: PoolJob
    message: str
    code: int


class _Worker:
    """One process, and what it is busy with."""

    def __init__(
        self, program: Sequence[str], log: Path, inbox: "queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]]"
    ) -> None:
        with log.open("ab") as file:
            self.process = subprocess.Popen(child_command(program), **child_options(file))
        self.job: PoolJob | None = None
        self.group: str | None = None
        self._listener = threading.Thread(target=self._listen, args=(inbox,), daemon=True)
        self._listener.start()

    def _listen(self, inbox: "queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]]") -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            inbox.put((self, json.loads(line)))
        self.process.wait()
        inbox.put((self, None))

    def give(self, job: PoolJob) -> None:
        """Hand a job over."""
        self.job, self.group = job, job.group
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has died; the listener tells
            self.process.stdin.write(encode_request(job.id, job.kind, job.body))
            self.process.stdin.flush()

    def end(self) -> None:
        """End the process and its pipes."""
        self.process.kill()
        self.process.wait()
        self._listener.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()


class WorkerPool:
    """Does jobs on several processes, one after another on each."""

    program: ClassVar[tuple[str, ...]] = ("-m", "evokd.experiments.worker")
    """What Python runs in a process; the experiment's folder is its last argument."""

    def __init__(self, out: Path, processes: int, tell: Tell) -> None:
        """Prepare; nothing is started.

        Args:
            out: the experiment's folder.
            processes: processes at most.
            tell: called with an event (`started`, `cycle`, `done`, `failed`, `repeated`) as things happen.
        """
        self._out = out
        self._processes = processes
        self._tell = tell
        self._inbox: queue.SimpleQueue[tuple[_Worker, dict[str, Any] | None]] = queue.SimpleQueue()
        self._waiting: list[PoolJob] = []
        self._workers: list[_Worker] = []
        self._tries: dict[str, int] = {}
        self._failures: list[JobFailure] = []

    def work(self, jobs: Sequence[PoolJob]) -> list[JobFailure]:
        """Do all jobs; returns those that could not be done.

        Raises:
            KeyboardInterrupt: after every process has ended.
        """
        self._waiting = list(jobs)
        self._out.mkdir(parents=True, exist_ok=True)
        try:
            self._workers = [self._start() for _ in range(min(self._processes, len(jobs)))]
            for worker in self._workers:
                self._next(worker)
            while any(worker.job for worker in self._workers):
                worker, message = self._inbox.get()
                self._take(worker, message)
        finally:
            for worker in self._workers:
                worker.end()
        return self._failures

    def _start(self) -> _Worker:
        return _Worker((*self.program, str(self._out)), self._out / "workers.log", self._inbox)

    def _next(self, worker: _Worker) -> None:
        job = self._choose(worker)
        worker.job = None
        if job is not None:
            self._waiting.remove(job)
            self._tell({"event": "started", "job": job})
            worker.give(job)

    def _choose(self, worker: _Worker) -> PoolJob | None:
        """A job of the worker's own group, else of a group that nobody is at, else of the fullest one."""
        sizes: dict[str, int] = {}
        for job in self._waiting:
            sizes[job.group] = sizes.get(job.group, 0) + 1
        if not sizes:
            return None
        taken = {other.group for other in self._workers if other is not worker and other.job}
        rest = [group for group in sizes if group not in taken]
        if worker.group in sizes:
            group = worker.group
        elif rest:
            group = rest[0]
        else:
            group = max(sizes, key=lambda name: sizes[name])
        return next(job for job in self._waiting if job.group == group)

    def _take(self, worker: _Worker, message: Mapping[str, Any] | None) -> None:
        job = worker.job
        if message is None:
            self._on_worker_death(worker)
        elif job is None or message.get("id") != job.id:
            return
        elif "event" in message:
            self._tell({**message["event"], "event": "cycle", "job": job})
        else:
            if "error" in message:
                self._fail(JobFailure(job, **message["error"]))
            else:
                self._tell({"event": "done", "job": job})
            self._next(worker)

    def _fail(self, failure: JobFailure) -> None:
        self._failures.append(failure)
        self._tell({"event": "failed", "job": failure.job, "message": failure.message})
        if failure.code == _PARKS:
            self._waiting.clear()

    def _on_worker_death(self, worker: _Worker) -> None:
        """A process has died: its job is done again in a new one, a limited number of times."""
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        worker.end()
        job = worker.job
        if job is None:
            return
        self._tries[job.id] = self._tries.get(job.id, 0) + 1
        if self._tries[job.id] < _TRIES:
            self._tell({"event": "repeated", "job": job})
            self._waiting.insert(0, job)
        else:
            message = f"its process died {_TRIES} times (exit code {worker.process.returncode})"
            self._fail(JobFailure(job, f"{message}; see {self._out / 'workers.log'}", 1))
        if self._waiting:
            fresh = self._start()
            fresh.group = worker.group
            self._workers.append(fresh)
            self._next(fresh)
