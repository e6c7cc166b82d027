"""What the processes of this program that load torch have in common: their set-up, their pipes. Light until asked."""

import gc
import json
import os
import queue
import signal
import threading
from collections.abc import Mapping
from typing import Any, BinaryIO, TextIO

ENVIRONMENT = {
    # Threads that wait by spinning slow a step down twentyfold as soon as anything else wants a core.
    "OMP_WAIT_POLICY": "passive",
    # oneDNN keeps code for every shape of batch it has met, 1024 of them by default: a gigabyte, filled over many
    # trainings. Measured: a quarter of them costs no time.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "256",
    "LRU_CACHE_CAPACITY": "256",
}
"""Of the child, where the user has set nothing else."""


def prepare_process() -> None:
    """Set up a process for training in it; before anything imports torch."""
    # cuBLAS computes reproducibly only with this set before it starts.
    for name, value in {**ENVIRONMENT, "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}.items():
        os.environ.setdefault(name, value)
    from transformers.utils import logging

    import evokd.student.predict
    import evokd.student.training.train  # noqa: F401

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    # What is loaded by now stays; without this, looking for garbage takes longer than a small prediction.
    gc.freeze()


def open_pipes() -> tuple["queue.SimpleQueue[bytes]", TextIO]:
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


def send(replies: TextIO, message: Mapping[str, Any]) -> None:
    """Send a message to the parent, at once."""
    replies.write(json.dumps(message, ensure_ascii=False, allow_nan=False) + "\n")
    replies.flush()
