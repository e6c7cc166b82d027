"""Batches as OpenAI publishes them: files are uploaded, batches made, looked at, cancelled; outcomes are files."""

import asyncio
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from evokd.simulator.bodies import read_body, write_json
from evokd.simulator.requests import RequestError

URL = "/v1/chat/completions"
"""What the requests of a batch are sent to; nothing else is served by batch."""
LARGEST_FILE = 200 * 2**20
"""Bytes of a file at most."""
MOST_KEPT = 2**30
"""Bytes of all files at most; the oldest go first."""
MOST_ROWS = 50_000
"""Requests of a batch at most."""
LARGEST_REQUEST = 2**16
"""Bytes of a request that makes a batch."""
_STEPS = ("validating", "in_progress", "finalizing")
_VALIDATED, _PROCESSED = 0.1, 0.9
"""Shares of a batch's time after which it is validated, and processed."""
_UNDONE = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed: the batch was cancelled."),
}

Complete = Callable[[dict[str, Any]], dict[str, Any]]
"""Body of a request -> body of its response; raises `RequestError`."""


def _never(_batch: int, _row: int) -> int | None:
    return None


def _complete_all(_batch: int) -> str:
    return "completed"


@dataclass(frozen=True)
class BatchScript:
    """How batches go; both functions count from 0."""

    seconds: float = 0.0
    """Time that a batch takes; 0: each look takes it one status further."""
    fail: Callable[[int, int], int | None] = _never
    """Number of a batch and of one of its requests -> HTTP status with which that request fails."""
    end: Callable[[int], str] = _complete_all
    """Number of a batch -> completed, expired, cancelled (half of the requests are done) or failed (none)."""


@dataclass
class _Batch:
    number: int
    id: str
    file: str
    metadata: Mapping[str, str]
    created: float
    began: float
    rows: Sequence[dict[str, Any]] = ()
    status: str = "validating"
    files: dict[str, str | None] = field(default_factory=lambda: {"output_file_id": None, "error_file_id": None})
    counts: tuple[int, int] = (0, 0)
    """Requests that are done, and that have failed."""
    errors: list[dict[str, Any]] = field(default_factory=list)

    def tell(self) -> dict[str, Any]:
        """The batch as the API shows it."""
        done, failed = self.counts
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": URL,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.file,
            "completion_window": "24h",
            "status": self.status,
            **self.files,
            "created_at": int(self.created),
            "expires_at": int(self.created) + 24 * 3600,
            "request_counts": {"total": len(self.rows), "completed": done, "failed": failed},
            "metadata": dict(self.metadata),
        }


class BatchDesk:
    """Files and batches of a server, in memory.

    Args:
        complete: answers a request.
        script: how batches go.
    """

    def __init__(self, complete: Complete, script: BatchScript) -> None:
        self._complete, self._script = complete, script
        self._files: dict[str, tuple[str, bytes]] = {}
        self._count = 0
        self._batches: dict[str, _Batch] = {}
        self._lock = asyncio.Lock()
        self.answered: list[str] = []
        """`custom_id` of every request that got a reply, and so is charged for, in order."""

    @property
    def batches(self) -> list[dict[str, Any]]:
        """All batches, in order."""
        return [batch.tell() for batch in self._batches.values()]

    @property
    def routes(self) -> list[Route]:
        """What the server adds to its own paths."""
        return [
            Route("/v1/files", self._upload, methods=["POST"]),
            Route("/v1/files", self._list_files),
            Route("/v1/files/{file}/content", self._download),
            Route("/v1/batches", self._make, methods=["POST"]),
            Route("/v1/batches", self._list),
            Route("/v1/batches/{batch}", self._look),
            Route("/v1/batches/{batch}/cancel", self._cancel, methods=["POST"]),
        ]

    # -------------------------------------------------------------------------------------------------------- files

    async def _upload(self, request: Request) -> Response:
        fields = _read_form(request.headers.get("content-type", ""), await read_body(request, LARGEST_FILE))
        if fields.get("purpose") != b"batch" or "file" not in fields:
            raise RequestError("files: send the fields `purpose` (batch) and `file`", "purpose")
        name = self._keep("batch", fields["file"])
        return write_json(self._tell_file(name))

    def _keep(self, purpose: str, content: bytes) -> str:
        self._count += 1
        name = f"file-{self._count}"
        self._files[name] = (purpose, content)
        while len(self._files) > 1 and sum(len(kept) for _, kept in self._files.values()) > MOST_KEPT:
            self._files.pop(next(iter(self._files)))
        return name

    def _tell_file(self, name: str) -> dict[str, Any]:
        purpose, content = self._files[name]
        shape = {"object": "file", "bytes": len(content), "created_at": 0, "filename": f"{name}.jsonl"}
        return {"id": name, "purpose": purpose, "status": "processed", **shape}

    async def _list_files(self, _: Request) -> Response:
        return write_json({"object": "list", "data": [self._tell_file(name) for name in self._files]})

    async def _download(self, request: Request) -> Response:
        name = request.path_params["file"]
        if name not in self._files:
            raise RequestError(f"No such File object: {name}", "id", 404)
        return Response(self._files[name][1], media_type="application/octet-stream")

    # ------------------------------------------------------------------------------------------------------ batches

    async def _make(self, request: Request) -> Response:
        try:
            wanted = json.loads(await read_body(request, LARGEST_REQUEST))
            file, metadata = wanted["input_file_id"], wanted.get("metadata") or {}
            is_served = (wanted["endpoint"], wanted["completion_window"]) == (URL, "24h")
        except (ValueError, LookupError, TypeError) as exc:
            raise RequestError("batches: send input_file_id, endpoint and completion_window", None) from exc
        if not isinstance(metadata, dict):
            raise RequestError("metadata: expected an object", "metadata")
        if not is_served:
            raise RequestError(f"batches: {URL} within 24h is all that is served", "endpoint")
        if not isinstance(file, str) or file not in self._files:
            raise RequestError(f"No such File object: {file}", "input_file_id")
        number = len(self._batches)
        batch = _Batch(number, f"batch_{number + 1}", file, metadata, time.time(), time.monotonic())
        self._batches[batch.id] = batch
        return write_json(batch.tell())

    async def _list(self, request: Request) -> Response:
        newest = list(self._batches.values())[::-1]
        after, limit = request.query_params.get("after"), request.query_params.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100:
            raise RequestError("limit: expected a number from 1 to 100", "limit")
        most = int(limit)
        names = [batch.id for batch in newest]
        start = names.index(after) + 1 if after in names else 0
        page = newest[start : start + most]
        ends = {"first_id": page[0].id, "last_id": page[-1].id} if page else {}
        more = start + most < len(newest)
        return write_json({"object": "list", "data": [batch.tell() for batch in page], "has_more": more, **ends})

    async def _look(self, request: Request) -> Response:
        batch = self._find(request)
        async with self._lock:
            await run_in_threadpool(self._advance, batch)
        return write_json(batch.tell())

    async def _cancel(self, request: Request) -> Response:
        batch = self._find(request)
        if batch.status not in _STEPS:
            raise RequestError(f"Cannot cancel a batch with status '{batch.status}'.", None, 409)
        batch.status = "cancelling"
        return write_json(batch.tell())

    def _find(self, request: Request) -> _Batch:
        name = request.path_params["batch"]
        if name not in self._batches:
            raise RequestError(f"No batch found with id '{name}'.", None, 404)
        return self._batches[name]

    def _advance(self, batch: _Batch) -> None:
        """Take a batch to the status that it has by now."""
        if batch.status not in (*_STEPS, "cancelling") or (not batch.rows and not self._validate(batch)):
            return
        if batch.status == "cancelling":
            self._end(batch, "cancelled")
            return
        share = self._measure(batch)
        if share >= 1:
            self._end(batch, self._script.end(batch.number))
            return
        batch.status = _STEPS[(share >= _VALIDATED) + (share >= _PROCESSED)]
        processed = min(1.0, max(0.0, (share - _VALIDATED) / (_PROCESSED - _VALIDATED)))
        batch.counts = (math.floor(processed * len(batch.rows)), 0)

    def _measure(self, batch: _Batch) -> float:
        """The share of a batch's time that is over."""
        if self._script.seconds > 0:
            return (time.monotonic() - batch.began) / self._script.seconds
        return {"validating": (_VALIDATED + _PROCESSED) / 2, "in_progress": _PROCESSED, "finalizing": 1.0}[batch.status]

    def _validate(self, batch: _Batch) -> bool:
        """Read the requests of a batch; one that is wrong lets the batch fail."""
        try:
            batch.rows = tuple(_read_requests(self._files.get(batch.file, ("", b""))[1]))
            if self._script.end(batch.number) == "failed":
                raise _Invalid("token_limit_exceeded", "Enqueued token limit reached.", None)
        except _Invalid as exc:
            code, message, line = exc.args
            batch.errors = [{"code": code, "message": message, "param": None, "line": line}]
            batch.status = "failed"
            return False
        return True

    def _end(self, batch: _Batch, status: str) -> None:
        count = len(batch.rows)
        done, lost = (count, None) if status == "completed" else (count // 2, _UNDONE[status])
        outputs: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for number, row in enumerate(batch.rows):
            outcome: dict[str, Any] = {"id": f"{batch.id}_{number}", "custom_id": row["custom_id"], "error": None}
            if number >= done and lost is not None:
                errors.append(outcome | {"response": None, "error": {"code": lost[0], "message": lost[1]}})
                continue
            answer, body = self._answer(row["body"], self._script.fail(batch.number, number))
            response = {"status_code": answer, "request_id": f"req_{number}", "body": body}
            (outputs if answer == 200 else errors).append(outcome | {"response": response})
            if answer == 200:
                self.answered.append(row["custom_id"])
        for key, lines in (("output_file_id", outputs), ("error_file_id", errors)):
            if lines:
                content = "".join(json.dumps(line) + "\n" for line in lines)
                batch.files[key] = self._keep("batch_output", content.encode())
        batch.status, batch.counts = status, (len(outputs), len(errors))

    def _answer(self, body: dict[str, Any], fails: int | None) -> tuple[int, dict[str, Any]]:
        if fails is not None:
            return fails, {"error": {"message": "The server had an error.", "type": "server_error", "code": None}}
        try:
            return 200, self._complete(body)
        except RequestError as exc:
            error = {"message": str(exc), "type": "invalid_request_error", "param": exc.param, "code": None}
            return exc.status, {"error": error}


class _Invalid(Exception):
    """What is wrong with a file of requests: code, message, line."""


def _read_requests(content: bytes) -> Iterator[dict[str, Any]]:
    names, models = set(), set()
    lines = content.rstrip(b"\n").split(b"\n")
    if len(lines) > MOST_ROWS:
        raise _Invalid("too_many_tasks", f"more than {MOST_ROWS} requests", None)
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            name, model = row["custom_id"], row["body"]["model"]
            if not (isinstance(name, str) and isinstance(model, str)):
                raise ValueError("both are texts")
        except (ValueError, LookupError, TypeError) as exc:
            raise _Invalid("invalid_json_line", "This line is not parseable as valid JSON.", number) from exc
        if name in names:
            raise _Invalid("duplicate_custom_id", f"The custom_id '{name}' has already been used.", number)
        if (row.get("method"), row.get("url")) != ("POST", URL):
            raise _Invalid("invalid_url", "The URL does not match the batch endpoint.", number)
        names.add(name)
        models.add(model)
        if len(models) > 1:
            raise _Invalid("mismatched_model", "A batch holds requests to a single model.", number)
        yield row


def _read_form(content_type: str, body: bytes) -> dict[str, bytes]:
    """Read a form of several parts: name -> content."""
    message = message_from_bytes(b"Content-Type: " + content_type.encode("latin-1") + b"\r\n\r\n" + body)
    fields = {}
    for part in message.get_payload() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition") if not isinstance(part, str) else None
        content = part.get_payload(decode=True) if not isinstance(part, str) else None
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content
    return fields
