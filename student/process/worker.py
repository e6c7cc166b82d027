"""The student process: JSON lines in, JSON lines out; it alone imports torch.

A request is `{"id": n, "call": "train" | "predict" | "embed" | "appraise", "body": {...}}`, an answer
`{"id": n, "result": ...}` or `{"id": n, "error": {"message": ..., "input": whether the user's input is at fault}}`.
Once ready it says `{"ready": true}`. It ends when its standard input closes, also in the middle of a training.
"""

import json
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from evokd.student.process.pipes import open_pipes, prepare_process, send

Handler = Callable[[dict[str, Any]], Any]

_OFFER = 500
"""How readily the process goes when memory runs out, -1000 to 1000; others begin at 0."""


def main() -> None:
    """Serve requests until standard input closes."""
    lines, replies = open_pipes()
    _offer_itself()
    handlers = _load_handlers()
    send(replies, {"ready": True})
    while True:
        send(replies, _answer(lines.get(), handlers))


def _offer_itself() -> None:
    """Ask Linux to end this process rather than the parent, or anything else, when memory runs out."""
    wish = Path("/proc/self/oom_score_adj")
    with suppress(OSError):
        wish.write_text(str(max(_OFFER, int(wish.read_text(encoding="ascii")))), encoding="ascii", newline="\n")


def _load_handlers() -> dict[str, Handler]:
    prepare_process()
    from evokd.student.memory import release
    from evokd.student.predict import embed, predict
    from evokd.student.protocol import AppraiseJob, EmbedJob, PredictJob, TrainJob
    from evokd.student.training.group_effects import appraise
    from evokd.student.training.train import train

    handlers: dict[str, Handler] = {
        "train": lambda body: train(TrainJob.model_validate(body)).model_dump(mode="json"),
        "predict": lambda body: [item.model_dump(mode="json") for item in predict(PredictJob.model_validate(body))],
        "embed": lambda body: embed(EmbedJob.model_validate(body)),
        "appraise": lambda body: appraise(AppraiseJob.model_validate(body)).model_dump(mode="json"),
    }

    def release_after(handler: Handler) -> Handler:
        def handle(body: dict[str, Any]) -> Any:
            try:
                return handler(body)
            finally:
                # Between calls the memory is for others: a teacher on the same GPU, the parent, the next training.
                release()

        return handle

    return {name: release_after(handler) for name, handler in handlers.items()}


def _answer(line: bytes, handlers: dict[str, Handler]) -> dict[str, Any]:
    from evokd.messages import EvokdError, InputError

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


if __name__ == "__main__":
    main()
