"""Worker processes on this machine that do the jobs of an experiment."""

import json
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from evokd.jobs.pool import Death, Inbox, JobPool, PoolJob, Tell, Worker
from evokd.student.process.child import child_command, child_options, encode_request

LOG = "workers.log"
"""What worker processes write to standard error, in the experiment's folder."""


class ProcessWorker(Worker):
    """One process."""

    def __init__(self, program: Sequence[str], log: Path, inbox: Inbox) -> None:
        super().__init__()
        self._log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(child_command(program), **child_options(file))
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
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

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

    def _start(self) -> Worker:
        self._out.mkdir(parents=True, exist_ok=True)
        return ProcessWorker((*self.program, str(self._out)), self._out / LOG, self._inbox)
