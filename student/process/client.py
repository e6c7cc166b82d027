"""The parent's side of the student process: starts it, asks it, starts it anew after a crash. Imports no torch."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from evokd.messages import InputError
from evokd.student.process.child import child_command, child_options, encode_request
from evokd.student.protocol import (
    MEMORY_ADVICE,
    Appraisal,
    AppraiseJob,
    CalibrateJob,
    Calibration,
    Compute,
    DoubtJob,
    DoubtReport,
    EmbedFileJob,
    EmbedJob,
    Job,
    Prediction,
    PredictJob,
    StudentCrashed,
    StudentError,
    TrainExample,
    TrainJob,
    TrainResult,
    VectorKind,
)
from evokd.student.student_settings import Device

__all__ = ["Prediction", "StudentClient", "StudentCrashed", "StudentError", "TrainExample", "TrainJob", "TrainResult"]

_LINE_LIMIT = 2**30
"""Bytes of the longest answer line (embeddings of many texts)."""
_GRACE = 5.0
"""Seconds in which a process must end after its input was closed; then it is killed."""
_KILL = 9
"""Number of SIGKILL, which `signal` does not have on every system."""
_QUOTED = 3
"""Lines of the log that an error quotes."""


class StudentClient:
    """Trains students and predicts with them in one long-lived child process; calls wait for one another.

    A call in which the process dies is made once more, in a new process.
    """

    worker: ClassVar[tuple[str, ...]] = ("-m", "evokd.student.process.worker")
    """What the child's Python runs."""

    on_step: Callable[[int, int], None] | None = None
    """Called now and then in a training of all weights, with the number of the step, from 1, and of all steps."""

    def __init__(self, log: Path, *, device: Device = "auto", threads: int | None = None) -> None:
        """Prepare; nothing is started.

        Args:
            log: file that the process' standard error is appended to.
            device: where to predict and embed; a training has its own in its settings.
            threads: CPU threads of predictions and embeddings; None means all that the process may use.
        """
        self._log = log
        self.compute = Compute(device=device, threads=threads)
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()
        self._calls = 0
        self._log_start = 0

    async def warm_up(self) -> None:
        """Start the process early; it loads torch while the caller goes on."""
        async with self._lock:
            await self._start()

    async def train(self, job: TrainJob) -> TrainResult:
        """Train a student.

        Raises:
            InputError: the base or device asked for is not there.
            StudentCrashed: the process died twice.
            StudentError: the training failed.
        """
        answer, crashes = await self._call("train", job)
        result = TrainResult.model_validate(answer)
        return result.model_copy(update={"faults": [*crashes, *result.faults]})

    async def predict(
        self, folder: Path, texts: Sequence[str], *, fast: bool = False, int8: bool = False
    ) -> list[Prediction]:
        """Answer texts, in their order; `fast` is calibrated, see `student.answering`.

        Raises:
            StudentCrashed: the process died twice.
            StudentError: the folder is no student, or memory runs short.
        """
        if not texts:
            return []
        job = PredictJob(folder=str(folder), texts=list(texts), compute=self.compute, fast=fast, int8=int8)
        answers, _ = await self._call("predict", job)
        return [Prediction.model_validate(item) for item in answers]

    async def embed(self, base: str, texts: Sequence[str]) -> list[list[float]]:
        """Embed texts with the encoder of a base or a student folder: vectors of length 1.

        Raises:
            InputError: the base is no model.
            StudentCrashed: the process died twice.
            StudentError: memory runs short.
        """
        if not texts:
            return []
        rows: list[list[float]]
        rows, _ = await self._call("embed", EmbedJob(base=base, texts=list(texts), compute=self.compute))
        return rows

    async def embed_file(self, base: str, texts: Sequence[str], kind: VectorKind, out: Path) -> None:
        """Embed texts into a .npy file; see `student.embedding.embed_file`.

        Raises:
            InputError: the base is no model.
            StudentCrashed: the process died twice.
            StudentError: memory runs short, or the file cannot be written.
        """
        job = EmbedFileJob(base=base, texts=list(texts), compute=self.compute, kind=kind, out=str(out))
        await self._call("embed_file", job)

    async def appraise(self, job: AppraiseJob) -> Appraisal:
        """Say what groups of samples do to the loss on held texts.

        Raises:
            StudentCrashed: the process died twice.
            StudentError: memory runs short.
        """
        return Appraisal.model_validate((await self._call("appraise", job))[0])

    async def calibrate(self, job: CalibrateJob) -> Calibration | None:
        """Find the temperature of a student; None where there are too few texts.

        Raises:
            StudentCrashed: the process died twice.
            StudentError: the folder is no student, or memory runs short.
        """
        answer, _ = await self._call("calibrate", job.model_copy(update={"compute": self.compute}))
        return None if answer is None else Calibration.model_validate(answer)

    async def doubt(self, job: DoubtJob) -> DoubtReport:
        """Find labels that the other rows contradict.

        Raises:
            StudentCrashed: the process died twice.
            StudentError: memory runs short.
        """
        return DoubtReport.model_validate((await self._call("doubt", job))[0])

    async def close(self) -> None:
        """End the process; a later call would start a new one."""
        async with self._lock:
            await self._end()

    async def _call(self, name: str, job: Job) -> tuple[Any, list[str]]:
        """Call once, and once more if the process dies; returns the answer and a line per crash."""
        try:
            return await self._ask(name, job), []
        except StudentCrashed as exc:
            first = exc
        # A process that is killed was most often too large.
        again = job.model_copy(update={"halvings": job.halvings + first.killed})
        how = "again in a new process" + (" with half as many texts at once" if first.killed else "")
        try:
            return await self._ask(name, again), [f"{first}; {how}"]
        except StudentCrashed as exc:
            advice = f"; free memory on this machine, or {MEMORY_ADVICE}" if exc.killed or first.killed else ""
            message = f"{exc}; it had died before ({first.cause}) and was started {how}{advice}"
            raise StudentCrashed(message, exc.cause, exc.killed) from exc

    async def _ask(self, name: str, job: BaseModel) -> Any:
        async with self._lock:
            process = await self._start()
            self._calls += 1
            request = _write_request(self._calls, name, job)
            try:
                reply = await self._exchange(process, request)
            except BaseException as exc:
                if isinstance(exc, (ConnectionError, EOFError)):
                    await self._end()
                    raise self._crash(name, process.returncode) from exc
                # Also when the wait is cancelled: nobody wants what the process is busy with, so it must not go on.
                await self._kill()
                raise
        if "error" not in reply:
            return reply["result"]
        message = reply["error"]["message"]
        if reply["error"]["code"] == InputError.exit_code:
            raise InputError(message)
        raise StudentError(f"student {name} failed: {message}; see {self._log}")

    async def _exchange(self, process: asyncio.subprocess.Process, line: bytes) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line)
        await process.stdin.drain()
        while True:
            answer = await process.stdout.readline()
            if not answer.endswith(b"\n"):
                raise EOFError("the student process closed its output")
            reply: dict[str, Any] = json.loads(answer)
            if reply.get("id") != self._calls:
                continue
            if "event" not in reply:
                return reply
            if self.on_step is not None:
                self.on_step(reply["event"]["step"], reply["event"]["steps"])

    async def _start(self) -> asyncio.subprocess.Process:
        if self._process is not None and self._process.returncode is None:
            return self._process
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._log_start = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *child_command(self.worker), **child_options(log), limit=_LINE_LIMIT
            )
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _GRACE)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await asyncio.shield(process.wait())

    def _crash(self, name: str, code: int | None) -> StudentCrashed:
        cause = f"exit code {code}"
        if code is not None and code < 0:
            known = {item.value: item.name for item in signal.Signals}
            cause = f"signal {known.get(-code, -code)}"
        message = f"the student process died ({cause}) during {name}; {self._quote_log()}"
        return StudentCrashed(message, cause, killed=code == -_KILL)

    def _quote_log(self) -> str:
        with self._log.open("rb") as file:
            file.seek(self._log_start)
            lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines() if line.strip()]
        return f"its last log lines: {' | '.join(lines[-_QUOTED:])}" if lines else f"it wrote nothing to {self._log}"


def _write_request(request_id: int, call: str, job: BaseModel) -> bytes:
    """Write a request as one line; a job of 20,000 samples is written in a tenth of the time that dictionaries take."""
    try:
        body = job.model_dump_json().encode()
    except ValueError:  # half of a surrogate pair, which UTF-8 does not have, goes as an escape
        return encode_request(request_id, call, job.model_dump(mode="json"))
    return b'{"id": %d, "call": "%s", "body": %s}\n' % (request_id, call.encode(), body)
