"""Calibrate a student: divide its logits by a temperature, so that answers of which it is 80 % sure are right in 80 %.

Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv 1706.04599). The temperature changes no answer.
"""

from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

from evokd.student.answering import open_engine
from evokd.student.compute import pick_device, set_threads
from evokd.student.protocol import CalibrateJob, Calibration
from evokd.student.tasks.network import IGNORE, TaskNetwork, TextPiece
from evokd.student.tasks.registry import codec, make_network

LEAST_ROWS = 20
"""With fewer examples the temperature would be chance."""
_RANGE = (0.25, 8.0)
"""Temperatures that are considered."""


def calibrate(job: CalibrateJob) -> Calibration | None:
    """Find the temperature at which the student's probabilities fit labelled texts that it has not learned from.

    Returns:
        Temperature and mean loss per text (or word) in nats without and with it; None for fewer than `LEAST_ROWS`.

    Raises:
        StudentError: the folder is no student, its output is NaN, or memory runs short.
    """
    if len(job.examples) < LEAST_ROWS:
        return None
    set_threads(job.compute.threads)
    engine = open_engine(Path(job.folder), pick_device(job.compute.device))
    network = make_network(codec(job.task, job.labels))
    pieces, logits = engine.compute([example.text for example in job.examples])
    rows, targets = _line_up(network, job, pieces, logits)
    if not len(targets):
        return None

    mean_loss = _cross_entropy if network.one_class else _binary_cross_entropy

    def loss(log_temperature: float) -> float:
        return mean_loss(rows / np.exp(log_temperature), targets)

    best = minimize_scalar(loss, bounds=tuple(np.log(_RANGE)), method="bounded")
    return Calibration(
        temperature=round(float(np.exp(best.x)), 4),
        rows=len(job.examples),
        loss_before=round(loss(0.0), 4),
        loss_after=round(float(best.fun), 4),
    )


def _cross_entropy(logits: np.ndarray, targets: np.ndarray) -> float:
    """Mean over rows; logits (rows, classes), targets (rows,)."""
    return float(-log_softmax(logits, axis=1)[np.arange(len(targets)), targets].mean())


def _binary_cross_entropy(logits: np.ndarray, targets: np.ndarray) -> float:
    """Mean over rows of the sum over independent labels; both (rows, labels)."""
    return float(-(targets * log_expit(logits) + (1 - targets) * log_expit(-logits)).sum(axis=1).mean())


def _line_up(
    network: TaskNetwork, job: CalibrateJob, pieces: list[TextPiece], logits: list[torch.Tensor]
) -> tuple[np.ndarray, np.ndarray]:
    """Give logits (rows, classes) and right classes (rows,) of everything that has a right answer.

    Of independent labels, the targets are (rows, labels).
    """
    targets = [network.target(piece, job.examples[piece.text]) for piece in pieces]
    rows, right, _ = network.flatten(logits, targets)
    if not network.one_class:
        return rows.double().numpy(), right.numpy()
    known = right != IGNORE
    return rows[known].double().numpy(), right[known].numpy()
