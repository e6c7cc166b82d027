"""Worker processes on this machine that do the jobs of an experiment."""

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from evokd.jobs.pool import Death, Inbox, JobPool, PoolJob, Tell, Worker
from evokd.student.gpus import VISIBLE, list_gpus
from evokd.student.process.child import close_pipes, encode_request, start_child

LOG = "workers.log"
"""What worker processes write to standard error, in the experiment's folder."""


class ProcessWorker(Worker):
    """One process."""

    def __init__(self, program: Sequence[str], log: Path, inbox: Inbox, gpu: str | None = None) -> None:
        super().__init__()
        self._log = log
        self.gpu = gpu
        """The one GPU that the process sees, as `CUDA_VISIBLE_DEVICES` names it; None: what this process sees."""
        self.process = start_child(program, log, {} if gpu is None else {VISIBLE: gpu})
        self._listener = threading.Thread(target=self._listen, args=(inbox,), daemon=True)
        self._listener.start()

    def _listen(self, inbox: Inbox) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            inbox.put((self, json.loads(line)))
        self.process.wait()
        inbox.put((self, None))

    def give(self, job: PoolJob) -> None:
        """Hand a job over."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it has died; the listener tells
            self.process.stdin.write(encode_request(job.id, job.kind, job.body))
            self.process.stdin.flush()

    def end(self) -> None:
        """End the process and its pipes."""
        self.process.kill()
        self.process.wait()
        self._listener.join()
        close_pipes(self.process)

    def tell_death(self) -> Death:
        """Say how the process ended."""
        return Death(f"exit code {self.process.returncode}", f"see {self._log}")


class WorkerPool(JobPool):
    """Does jobs on several processes of this machine."""

    program: ClassVar[tuple[str, ...]] = ("-m", "evokd.experiments.worker")
    """What Python runs in a process; the experiment's folder is its last argument."""

    def __init__(self, out: Path, processes: int, tell: Tell) -> None:
        """Prepare; nothing is started.

        Args:
            out: the experiment's folder.
            processes: processes at most.
            tell: called with an event; see `JobPool`.
        """
        super().__init__(processes, tell)
        self._out = out

    @cached_property
    def _gpus(self) -> list[str]:
        return list_gpus()

    def _start(self) -> Worker:
        self._out.mkdir(parents=True, exist_ok=True)
        program, log = (*self.program, str(self._out)), self._out / LOG
        return ProcessWorker(program, log, self._inbox, self._choose_gpu())

    def _choose_gpu(self) -> str | None:
        """Choose the GPU that the fewest workers have, the first of these; None where there are not several."""
        if len(self._gpus) < 2:
            return None
        taken = [worker.gpu for worker in self._workers if isinstance(worker, ProcessWorker)]
        return min(self._gpus, key=taken.count)
