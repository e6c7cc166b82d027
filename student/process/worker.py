"""The student process: trains, predicts, embeds, appraises. It alone imports torch; see `student.process.serving`."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from evokd.student.process.serving import Emit, Handler, load_torch, serve

_OOM_SCORE = 500
"""How readily Linux ends the process when memory runs out, -1000 to 1000; others begin at 0."""

_REPORT_EVERY = 2.0


def main() -> None:
    """Serve requests until standard input closes."""
    _raise_oom_score()
    serve(_load_handlers)


def _report_steps(emit: Emit) -> Callable[[int, int], None]:
    """Make a function that tells the parent of the steps of a training, at most once in `_REPORT_EVERY` seconds."""
    told = time.monotonic()

    def report(step: int, steps: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _REPORT_EVERY:
            told = time.monotonic()
            emit({"step": step, "steps": steps})

    return report


def _raise_oom_score() -> None:
    """Ask Linux to end this process rather than the parent, or anything else, when memory runs out."""
    score = Path("/proc/self/oom_score_adj")
    with suppress(OSError):
        score.write_text(str(max(_OOM_SCORE, int(score.read_text(encoding="ascii")))), encoding="ascii", newline="\n")


def _load_handlers(emit: Emit) -> dict[str, Handler]:
    load_torch()
    from evokd.student.memory import release
    from evokd.student.predict import predict
    from evokd.student.protocol import PredictJob

    handlers: dict[str, Handler] = {
        "train": lambda body: _train(body, emit),
        "predict": lambda body: [item.model_dump(mode="json") for item in predict(PredictJob.model_validate(body))],
        "embed": _embed,
        "embed_file": _embed_file,
        "doubt": _doubt,
        "appraise": _appraise,
        "calibrate": _calibrate,
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


# What trains is imported when it is first called: who wants answers alone need not wait for it.


def _train(body: dict[str, Any], emit: Emit) -> Any:
    from evokd.student.protocol import TrainJob
    from evokd.student.training.train import train

    return train(TrainJob.model_validate(body), _report_steps(emit)).model_dump(mode="json")


def _embed(body: dict[str, Any]) -> Any:
    from evokd.student.embedding import embed
    from evokd.student.protocol import EmbedJob

    return embed(EmbedJob.model_validate(body))


def _embed_file(body: dict[str, Any]) -> Any:
    from evokd.student.embedding import embed_file
    from evokd.student.protocol import EmbedFileJob

    return embed_file(EmbedFileJob.model_validate(body))


def _doubt(body: dict[str, Any]) -> Any:
    from evokd.student.protocol import DoubtJob
    from evokd.student.training.label_doubts import doubt_labels

    return doubt_labels(DoubtJob.model_validate(body)).model_dump(mode="json")


def _appraise(body: dict[str, Any]) -> Any:
    from evokd.student.protocol import AppraiseJob
    from evokd.student.training.group_effects import appraise

    return appraise(AppraiseJob.model_validate(body)).model_dump(mode="json")


def _calibrate(body: dict[str, Any]) -> Any:
    from evokd.student.calibration import calibrate
    from evokd.student.protocol import CalibrateJob

    found = calibrate(CalibrateJob.model_validate(body))
    return None if found is None else found.model_dump(mode="json")


if __name__ == "__main__":
    main()
