"""A process that does pieces of a backtest: JSON lines in, JSON lines out; torch is loaded once for all of them.

A request is `{"piece": "cell" | "ceiling", "out": folder, "body": {...}}`. Answers are `{"ready": true}`, then per
piece any number of `{"event": {...}}` and one `{"result": {...}}` or `{"error": message, "code": exit code}`. The
process ends when its standard input closes, also in the middle of a piece, which can be gone on with.
"""

import functools
import json
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evokd.student.process.pipes import open_pipes, prepare_process, send

if TYPE_CHECKING:
    from evokd.experiments.execution import DomainCache

Send = Callable[[Mapping[str, Any]], None]

TOLD = ("run_started", "run_resumed", "trained")
"""Events that the parent hears of."""


def main() -> None:
    """Do pieces until standard input closes."""
    lines, replies = open_pipes()
    prepare_process()
    tell = functools.partial(send, replies)
    tell({"ready": True})
    while True:
        tell(_answer(json.loads(lines.get()), tell))


def _answer(request: Mapping[str, Any], tell: Send) -> dict[str, Any]:
    from evokd.messages import EvokdError

    try:
        return {"result": _work(request, tell)}
    except EvokdError as exc:
        return {"error": str(exc), "code": exc.exit_code}
    except Exception as exc:  # the border of the process: whatever it is, the parent must hear of it
        traceback.print_exc()
        return {"error": f"{type(exc).__name__}: {exc}".splitlines()[0], "code": 1}


def _work(request: Mapping[str, Any], tell: Send) -> dict[str, Any]:
    from evokd.experiments.execution import FullDataBaseline, run_cell, train_ceiling
    from evokd.experiments.spec import ExperimentRun
    from evokd.student.process.local import LocalStudent

    def pass_on(event: Mapping[str, Any]) -> None:
        if event["event"] in TOLD:
            tell({"event": {key: event.get(key) for key in ("event", "cycle", "cycles")}})

    body, out = request["body"], Path(request["out"])
    cell = ExperimentRun(**(body if request["piece"] == "cell" else body["cell"]))
    stock = _open_stock(cell.folder)
    student = LocalStudent(device=cell.settings["student"]["device"], threads=cell.settings["student"]["threads"])
    if request["piece"] == "cell":
        return run_cell(cell, stock, out, student, (pass_on,))
    return train_ceiling(FullDataBaseline(**{**body, "cell": cell}), stock.domain, out, student)


@functools.lru_cache(maxsize=2)
def _open_stock(folder: str) -> "DomainCache":
    from evokd.experiments.execution import DomainCache
    from evokd.experiments.spec import read_domain

    return DomainCache(read_domain(folder))


if __name__ == "__main__":
    main()
