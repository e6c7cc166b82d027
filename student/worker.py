"""The student process: JSON lines in, JSON lines out; it alone imports torch.

A request is `{"id": n, "call": "train" | "predict" | "embed", "body": {...}}`, an answer `{"id": n, "result": ...}` or
`{"id": n, "error": {"message": ..., "input": whether the user's input is at fault}}`. Once ready it says
`{"ready": true}`. It ends when its standard input closes, also in the middle of a training.
"""

import gc
import json
import os
import queue
import signal
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO

Handler = Callable[[dict[str, Any]], Any]

_OFFER = 500
"""How readily the process goes when memory runs out, -1000 to 1000; others begin at 0."""


def main() -> None:
    """Serve requests until standard input closes."""
    # Ctrl-C is for the parent; it decides what becomes of this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _offer_itself()
    requests, replies = _claim_pipes()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, lines), daemon=True).start()
    handlers = _load_handlers()
    _send(replies, {"ready": True})
    while True:
        _send(replies, _answer(lines.get(), handlers))


def _offer_itself() -> None:
    """Ask Linux to end this process rather than the parent, or anything else, when memory runs out."""
    wish = Path("/proc/self/oom_score_adj")
    with suppress(OSError):
        wish.write_text(str(max(_OFFER, int(wish.read_text(encoding="ascii")))), encoding="ascii")


def _claim_pipes() -> tuple[BinaryIO, TextIO]:
    """Take the real pipes; what anybody prints from here on goes to standard error, what anybody reads is empty."""
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    return requests, replies


def _read(requests: BinaryIO, lines: "queue.SimpleQueue[bytes]") -> None:
    for line in requests:
        lines.put(line)
    # The parent is gone: end at once, no one wants the answer of what may be running.
    os._exit(0)


def _load_handlers() -> dict[str, Handler]:
    # cuBLAS computes reproducibly only with this set before it starts.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    from transformers.utils import logging

    from student.jobs import EmbedJob, PredictJob, TrainJob
    from student.memory import release
    from student.predict import embed, predict
    from student.train import train

    # Bars and the report that a new output layer is new would bury what matters in the log.
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    handlers: dict[str, Handler] = {
        "train": lambda body: train(TrainJob.model_validate(body)).model_dump(mode="json"),
        "predict": lambda body: [item.model_dump(mode="json") for item in predict(PredictJob.model_validate(body))],
        "embed": lambda body: embed(EmbedJob.model_validate(body)),
    }

    def release_after(handler: Handler) -> Handler:
        def handle(body: dict[str, Any]) -> Any:
            try:
                return handler(body)
            finally:
                # Between calls the memory is for others: a teacher on the same GPU, the parent, the next training.
                release()

        return handle

    # What is loaded by now stays; without this, looking for garbage takes longer than a small prediction.
    gc.freeze()
    return {name: release_after(handler) for name, handler in handlers.items()}


def _answer(line: bytes, handlers: dict[str, Handler]) -> dict[str, Any]:
    from agents.messages import EvokdError, InputError

    request = json.loads(line)
    try:
        result = handlers[request["call"]](request["body"])
    except EvokdError as exc:
        return {"id": request["id"], "error": {"message": str(exc), "input": isinstance(exc, InputError)}}
    except Exception as exc:  # the border of the process: whatever it is, the parent must hear of it
        traceback.print_exc()
        message = f"{type(exc).__name__}: {exc}".splitlines()[0]
        return {"id": request["id"], "error": {"message": message, "input": False}}
    return {"id": request["id"], "result": result}


def _send(replies: TextIO, message: dict[str, Any]) -> None:
    replies.write(json.dumps(message, ensure_ascii=False, allow_nan=False) + "\n")
    replies.flush()


if __name__ == "__main__":
    main()
