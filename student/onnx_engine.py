"""Run a student that was exported to ONNX (`evokd export --format onnx`). Light: onnxruntime and numpy, no torch."""

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
