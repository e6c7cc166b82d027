"""Run a student that was exported to ONNX (`evokd export --format onnx`). Light: onnxruntime and numpy, no torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evokd.messages import InputError

MODEL = "model.onnx"
"""Weights in float32."""
MODEL_INT8 = "model_int8.onnx"
"""The same with matrices in whole numbers of 8 bits."""
INPUTS = ("input_ids", "attention_mask")
OUTPUT = "logits"
SLOW_FUSIONS = ("LayerNormFusion", "SkipLayerNormFusion")
"""Rewritings of onnxruntime whose operators take longer than what they replace: a seventh of the whole time."""
SUB_WORDS = 512
"""Sub-words computed at once, padding counted in."""

Logits = NDArray[np.float32]


def is_onnx(folder: Path) -> bool:
    """Whether a student folder holds an ONNX model, so that torch is not needed to answer with it."""
    return (folder / MODEL).is_file()


def open_session(folder: Path, int8: bool = False, threads: int | None = None) -> Any:
    """Open a session of onnxruntime on the CPU.

    Args:
        folder: of the exported student.
        int8: whether to take the smaller and faster weights, whose answers differ now and then.
        threads: CPU threads; None: as many as there are cores.

    Raises:
        InputError: onnxruntime is not installed, or the folder has no such model, or a damaged one.
    """
    try:
        import onnxruntime
    except ImportError as exc:
        raise InputError("an ONNX model needs the package onnxruntime: pip install 'evokd[onnx]'") from exc
    path = folder / (MODEL_INT8 if int8 else MODEL)
    if not path.is_file():
        raise InputError(f"{folder}: holds no {path.name}; make one with: evokd export RUN --format onnx --to DIR")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0  # 0: onnxruntime counts the cores itself
    # Threads that spin while they wait take the time of other processes, and gain little on more than a few texts.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors alone
    providers = ["CPUExecutionProvider"]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers, disabled_optimizers=list(SLOW_FUSIONS))
    except Exception as exc:  # onnxruntime has a class of its own for every way in which a file can be damaged
        reason = " ".join(str(exc).split())[:200]
        raise InputError(f"{path}: cannot be opened ({reason}); export the student again") from exc


def run(session: Any, input_ids: NDArray[np.int64], attention_mask: NDArray[np.int64]) -> Logits:
    """Compute logits: (texts, classes), or (texts, sub-words, classes) where words are answered one by one.

    Args:
        session: of `open_session`.
        input_ids: (texts, sub-words).
        attention_mask: (texts, sub-words), 0 where there is padding.
    """
    logits: Logits = session.run([OUTPUT], {"input_ids": input_ids, "attention_mask": attention_mask})[0]
    return logits


def compute_logits(
    session: Any, encodings: Sequence[Mapping[str, Sequence[int]]], padding: int, at_once: int = SUB_WORDS
) -> list[Logits]:
    """Compute the logits of texts, those of like length together: (classes,) or (sub-words, classes) of each.

    Args:
        session: of `open_session`.
        encodings: of each text `input_ids` and `attention_mask`, a number per sub-word.
        padding: id of the padding token.
        at_once: sub-words computed at once, padding counted in.
    """
    lengths = [len(encoding["input_ids"]) for encoding in encodings]
    order = sorted(range(len(encodings)), key=lambda place: lengths[place])
    answers: dict[int, Logits] = {}
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and lengths[order[end]] * (end + 1 - start) <= at_once:
            end += 1
        group = order[start:end]
        rows = run(session, *_pad([encodings[place] for place in group], lengths[group[-1]], padding))
        for place, row in zip(group, rows, strict=True):
            answers[place] = row[: lengths[place]] if row.ndim > 1 else row
        start = end
    return [answers[place] for place in range(len(encodings))]


def _pad(
    encodings: Sequence[Mapping[str, Sequence[int]]], length: int, padding: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Put encodings into two tables, padded on the right."""
    ids = np.full((len(encodings), length), padding, dtype=np.int64)
    mask = np.zeros((len(encodings), length), dtype=np.int64)
    for row, encoding in enumerate(encodings):
        given = len(encoding["input_ids"])
        ids[row, :given] = encoding["input_ids"]
        mask[row, :given] = encoding["attention_mask"]
    return ids, mask
