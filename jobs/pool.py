"""Jobs handed out to workers, one after another to each; a worker stays with a group as long as there is work on it."""

import queue
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evokd.messages import EvokdError

Tell = Callable[[Mapping[str, Any]], None]

_PARKS = 3
"""Exit code of a job that found no teacher: the others would fare no better."""

_SILENCE = 60.0
"""Seconds after which it is told that no worker is ready yet."""


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
    """Which of the worker's handlers does it, such as `run` or `baseline`."""
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


@dataclass(frozen=True)
class Death:
    """How a worker died."""

    cause: str
    """Such as `exit code 7`."""
    advice: str = ""
    """Where to look, such as `see bench/workers.log`."""
    with_its_node: bool = False
    """Whether the machine went away; then the job is not to blame."""


class Worker(ABC):
    """Does one job at a time and puts what comes of it into an inbox: `(worker, message)`, None when it has died.

    Messages are `{"ready": true}`, `{"unfit": why}` (it cannot do any job), and for a job `{"id", "event"}`, then
    `{"id", "result"}` or `{"id", "error": {"message", "code"}}`. An event `{"warning": message}` is for people.
    """

    def __init__(self) -> None:
        self.job: PoolJob | None = None
        self.group: str | None = None
        self.is_ready = True
        """Whether it takes jobs; one that still has to find its machine does not."""

    @abstractmethod
    def give(self, job: PoolJob) -> None:
        """Hand a job over."""

    @abstractmethod
    def end(self) -> None:
        """End it, whatever it is doing."""

    @abstractmethod
    def tell_death(self) -> Death:
        """Say how it died."""


Inbox = queue.SimpleQueue[tuple[Worker, Mapping[str, Any] | None]]


class JobPool(ABC):
    """Does jobs on several workers."""

    tries = 2
    """Workers that a job may end before it is given up."""
    node_tries = 5
    """Machines that may go away under a job before it is given up."""

    def __init__(self, size: int, tell: Tell) -> None:
        """Prepare; nothing is started.

        Args:
            size: workers at most.
            tell: called with an event (`started`, `cycle`, `warning`, `done`, `failed`, `repeated`, `unfit`,
                `waiting`).
        """
        self._size = size
        self._tell = tell
        self._inbox: Inbox = queue.SimpleQueue()
        self._waiting: list[PoolJob] = []
        self._workers: list[Worker] = []
        self._deaths: dict[tuple[str, bool], int] = {}
        self._failures: list[JobFailure] = []
        self._unfit = ""

    @abstractmethod
    def _start(self) -> Worker:
        """Start a worker."""

    def work(self, jobs: Sequence[PoolJob]) -> list[JobFailure]:
        """Do all jobs; returns those that could not be done.

        Raises:
            EvokdError: no worker is fit for them.
            KeyboardInterrupt: after every worker has ended.
        """
        self._waiting = list(jobs)
        try:
            for _ in range(min(self._size, len(jobs))):
                self._workers.append(self._start())
            self._hand_out()
            while self._waiting or any(worker.job for worker in self._workers):
                if not self._workers:
                    raise EvokdError(self._unfit)
                self._take(*self._receive())
        finally:
            for worker in self._workers:
                worker.end()
        return self._failures

    def _receive(self) -> tuple[Worker, Mapping[str, Any] | None]:
        while not any(worker.is_ready for worker in self._workers):
            try:
                return self._inbox.get(timeout=_SILENCE)
            except queue.Empty:
                self._tell({"event": "waiting"})
        return self._inbox.get()

    def _hand_out(self) -> None:
        for worker in list(self._workers):
            if worker.is_ready and worker.job is None:
                self._next(worker)

    def _next(self, worker: Worker) -> None:
        job = self._choose(worker)
        worker.job = None
        if job is not None:
            self._waiting.remove(job)
            worker.job, worker.group = job, job.group
            self._tell({"event": "started", "job": job})
            worker.give(job)

    def _choose(self, worker: Worker) -> PoolJob | None:
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

    def _take(self, worker: Worker, message: Mapping[str, Any] | None) -> None:
        job = worker.job
        if worker not in self._workers:
            return
        if message is None:
            self._on_death(worker)
        elif "unfit" in message:
            self._on_unfit(worker, str(message["unfit"]))
        elif message.get("ready") and not worker.is_ready:
            worker.is_ready = True
            self._next(worker)
        elif job is not None and message.get("id") == job.id:
            self._take_news(worker, job, message)

    def _take_news(self, worker: Worker, job: PoolJob, message: Mapping[str, Any]) -> None:
        if "event" in message:
            self._tell(_name_event(message["event"], job))
            return
        if "error" in message:
            self._fail(JobFailure(job, **message["error"]))
        else:
            self._tell({"event": "done", "job": job, "result": message["result"]})
        self._next(worker)

    def _fail(self, failure: JobFailure) -> None:
        self._failures.append(failure)
        self._tell({"event": "failed", "job": failure.job, "message": failure.message})
        if failure.code == _PARKS:
            self._waiting.clear()

    def _on_unfit(self, worker: Worker, reason: str) -> None:
        """A worker can do no job: it is not replaced, since its successor may come to the same machine."""
        self._workers.remove(worker)
        worker.end()
        self._unfit = reason
        self._tell({"event": "unfit", "message": reason})

    def _on_death(self, worker: Worker) -> None:
        """A worker has died: its job is done again by another one, a limited number of times."""
        self._workers.remove(worker)
        worker.end()
        job = worker.job
        if job is not None:
            self._repeat(job, worker.tell_death())
        self._hand_out()
        if self._waiting:
            fresh = self._start()
            fresh.group = worker.group
            self._workers.append(fresh)
            self._hand_out()

    def _repeat(self, job: PoolJob, death: Death) -> None:
        key = (job.id, death.with_its_node)
        self._deaths[key] = died = self._deaths.get(key, 0) + 1
        limit = self.node_tries if death.with_its_node else self.tries
        if died < limit:
            self._tell({"event": "repeated", "job": job, "lost_node": death.with_its_node})
            self._waiting.insert(0, job)
            return
        lost = "the machines that did it, or Ray's processes there, went away"
        what = lost if death.with_its_node else "its process died"
        advice = f"; {death.advice}" if death.advice else ""
        self._fail(JobFailure(job, f"{what} {limit} times ({death.cause}){advice}", 1))


def _name_event(event: Mapping[str, Any], job: PoolJob) -> dict[str, Any]:
    """Make what is told of an event of a job."""
    if "warning" in event:
        return {"event": "warning", "job": job, "message": event["warning"]}
    return {**event, "event": "cycle", "job": job}
