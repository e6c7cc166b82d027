"""An experiment's worker on a machine of a cluster: the same process as here, so that its figures are the same.

The machines share the experiment's folder and everything the runs read; that is looked at before anything is trained.
"""

import json
import os
import subprocess
import time
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from evokd.experiments.execution import plan_experiment_run
from evokd.experiments.spec import ExperimentRun, make_run, read_domain
from evokd.experiments.worker_pool import WorkerPool
from evokd.graph.setup.run_folder import ResumeError
from evokd.jobs.node import ProcessDiedError
from evokd.messages import InputError
from evokd.student.process.child import close_pipes, encode_request, start_child

_PATIENCE = 120.0
"""Seconds for which a run may still be locked by a machine that went away: as long as a file server remembers it."""
_PAUSE = 5.0


def check_node(body: Mapping[str, Any]) -> None:
    """See whether this machine would make the very runs that were planned.

    Args:
        body: `out`, the experiment's folder; `token`, a file in it; `runs`, one per domain; `keys`, names of variables.

    Raises:
        InputError: says what is missing or different here.
    """
    out = Path(body["out"])
    if not (out / body["token"]).is_file():
        raise InputError(f"does not see the folder {out} of the experiment; choose an --out that all machines share")
    missing = [name for name in body["keys"] if not os.environ.get(name)]
    if missing:
        raise InputError(f"{missing[0]} is not set there; set it before `ray start` on every machine")
    for record in body["runs"]:
        run = ExperimentRun(**record)
        planned = make_run(run.arm, plan_experiment_run(run, read_domain(run.folder)))
        if planned.id != run.id:
            raise InputError(
                f"would not make the same runs of {run.domain}: its data, prompts, or versions of evokd, torch or"
                " transformers differ; install the same versions, and share the domain's folder"
            )


def open_worker(body: Mapping[str, Any]) -> "ProcessOnNode":
    """Start a worker process on this machine."""
    return ProcessOnNode(Path(body["out"]), Path(body["log"]))


class ProcessOnNode:
    """A worker process, asked over its pipes; it ends when this process ends."""

    program = WorkerPool.program

    def __init__(self, out: Path, log: Path) -> None:
        self._out, self._log = out, log
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        return start_child((*self.program, str(self._out)), self._log)

    def do(self, job_id: str, kind: str, body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Do a job; where a machine that went away still holds the run, wait for it to be freed.

        Raises:
            ProcessDiedError: the process died.
        """
        until = time.monotonic() + _PATIENCE
        while True:
            answer = yield from self._ask(job_id, kind, body)
            is_held = answer.get("error", {}).get("code") == ResumeError.exit_code
            if not is_held or time.monotonic() >= until:
                yield answer
                return
            time.sleep(_PAUSE)

    def _ask(
        self, job_id: str, kind: str, body: Mapping[str, Any]
    ) -> Generator[Mapping[str, Any], None, dict[str, Any]]:
        if self._process.poll() is not None:
            self.close()
            self._process = self._start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(encode_request(job_id, kind, body))
            self._process.stdin.flush()
        except BrokenPipeError as exc:
            raise ProcessDiedError(self._tell_end()) from exc
        for line in self._process.stdout:
            message: dict[str, Any] = json.loads(line)
            if message.pop("id", None) != job_id:
                continue
            if "event" not in message:
                return message
            yield message
        raise ProcessDiedError(self._tell_end())

    def close(self) -> None:
        """End the process and its pipes."""
        self._process.kill()
        self._process.wait()
        close_pipes(self._process)

    def _tell_end(self) -> str:
        return f"exit code {self._process.wait()}"
