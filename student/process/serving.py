"""The child's side of a process that trains students: loads torch, answers requests line by line. Light until asked.

A line of standard input is a request, `{"id": any, "call": name, "body": {...}}`. Lines of standard output answer it
under its id: any number of `{"id", "event": {...}}`, then one `{"id", "result": any}` or `{"id", "error": {"message",
"code"}}`, whose code is the exit code that the error stands for. Once ready the process says `{"ready": true}`.
`student.process.child` is the parent's side.
"""

import json
import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, TextIO

from evokd.messages.imports import without_gc

Emit = Callable[[Mapping[str, Any]], None]
"""Sends an event to the parent."""
Handler = Callable[[dict[str, Any]], Any]
"""Answers the body of a request with a JSON value."""


def serve(load_handlers: Callable[[Emit], Mapping[str, Handler]]) -> None:
    """Answer requests, one after another, until standard input closes; then the process ends, whatever it is doing.

    Args:
        load_handlers: imports what the calls need, and gives the handler of each call.
    """
    lines, replies = _open_pipes()
    request: dict[str, Any] = {}

    def emit(event: Mapping[str, Any]) -> None:
        _write(replies, {"id": request["id"], "event": event})

    with without_gc():
        handlers = load_handlers(emit)
    _write(replies, {"ready": True})
    while True:
        request = json.loads(lines.get())
        _write(replies, {"id": request["id"], **_answer(request, handlers)})


def load_torch() -> None:
    """Import what predictions need, which is nearly all that trainings need; takes seconds."""
    from transformers.utils import logging

    import evokd.student.predict  # noqa: F401

    logging.disable_progress_bar()
    logging.set_verbosity_error()


def _answer(request: Mapping[str, Any], handlers: Mapping[str, Handler]) -> dict[str, Any]:
    from evokd.messages import EvokdError

    try:
        return {"result": handlers[request["call"]](request["body"])}
    except EvokdError as exc:
        return {"error": {"message": str(exc), "code": exc.exit_code}}
    except Exception as exc:  # the border of the process: whatever it is, the parent must hear of it
        traceback.print_exc()
        return {"error": {"message": f"{type(exc).__name__}: {exc}".splitlines()[0], "code": EvokdError.exit_code}}


def _open_pipes() -> tuple["queue.SimpleQueue[bytes]", TextIO]:
    """Take over the pipes to the parent: lines that come in, and where answers go.

    What anybody prints from here on goes to standard error, what anybody reads is empty. Ctrl-C is for the parent, who
    decides what becomes of this process; once the parent is gone it ends at once, also in the middle of its work.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, lines), daemon=True).start()
    return lines, replies


def _read(requests: BinaryIO, lines: "queue.SimpleQueue[bytes]") -> None:
    for line in requests:
        lines.put(line)
    # The parent is gone: no one wants the answer of what may be running.
    os._exit(0)


def _write(replies: TextIO, message: Mapping[str, Any]) -> None:
    """Send a line to the parent, at once."""
    replies.write(json.dumps(message, ensure_ascii=False, allow_nan=False) + "\n")
    replies.flush()
