"""A process that does pieces of a backtest: JSON lines in, JSON lines out; torch is loaded once for all of them.

A request is `{"piece": "cell" | "ceiling", "out": folder, "body": {...}}`. Answers are `{"ready": true}`, then per
piece any number of `{"event": {...}}` and one `{"result": {...}}` or `{"error": message, "code": exit code}`. The
process ends when its standard input closes, also in the middle of a piece, which can be gone on with.
"""

import functools
import json
import os
import queue
import signal
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

if TYPE_CHECKING:
    from graph.backtest.execute import Stock

TOLD = ("run_started", "run_resumed", "trained")
"""Events that the parent hears of."""


def main() -> None:
    """Do pieces until standard input closes."""
    # Ctrl-C is for the parent; it decides what becomes of this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, replies = _claim_pipes()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests, lines), daemon=True).start()
    from student.local import prepare_process

    prepare_process()
    send = functools.partial(_send, replies)
    send({"ready": True})
    while True:
        send(_answer(json.loads(lines.get()), send))


def _claim_pipes() -> tuple[BinaryIO, TextIO]:
    """Take the real pipes; what anybody prints from here on goes to standard error."""
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
    # The parent is gone: end at once. Whatever is going on can be gone on with later.
    os._exit(0)


def _answer(request: Mapping[str, Any], send: Any) -> dict[str, Any]:
    from agents.messages import EvokdError

    try:
        return {"result": _work(request, send)}
    except EvokdError as exc:
        return {"error": str(exc), "code": exc.exit_code}
    except Exception as exc:  # the border of the process: whatever it is, the parent must hear of it
        traceback.print_exc()
        return {"error": f"{type(exc).__name__}: {exc}".splitlines()[0], "code": 1}


def _work(request: Mapping[str, Any], send: Any) -> dict[str, Any]:
    from graph.backtest.cells import Cell
    from graph.backtest.execute import Ceiling, run_cell, train_ceiling
    from student.local import LocalStudent

    def tell(event: Mapping[str, Any]) -> None:
        if event["event"] in TOLD:
            send({"event": {key: event.get(key) for key in ("event", "cycle", "cycles")}})

    body, out = request["body"], Path(request["out"])
    cell = Cell(**(body if request["piece"] == "cell" else body["cell"]))
    stock = _open_stock(cell.folder)
    student = LocalStudent(device=cell.settings["student"]["device"], threads=cell.settings["student"]["threads"])
    if request["piece"] == "cell":
        return run_cell(cell, stock, out, student, (tell,))
    return train_ceiling(Ceiling(**{**body, "cell": cell}), stock.domain, out, student)


@functools.lru_cache(maxsize=2)
def _open_stock(folder: str) -> "Stock":
    from graph.backtest.cells import read_domain
    from graph.backtest.execute import Stock

    return Stock(read_domain(folder))


def _send(replies: TextIO, message: Mapping[str, Any]) -> None:
    replies.write(json.dumps(message, ensure_ascii=False) + "\n")
    replies.flush()


if __name__ == "__main__":
    main()
