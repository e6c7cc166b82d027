"""Answer texts with a trained student."""

from collections.abc import Sequence
from pathlib import Path

import torch

from evokd.student.answering import load_to_answer, open_engine
from evokd.student.compute import pick_device, set_threads
from evokd.student.features import Encoder, find_encoder
from evokd.student.memory import halve, in_batches, with_less
from evokd.student.protocol import Compute, Prediction, PredictJob, StudentError
from evokd.student.record import read_record
from evokd.student.tasks.network import TaskNetwork, TextPiece, cut_padding
from evokd.student.tasks.registry import codec, make_network
from evokd.student.tokenizer import open_tokenizer

_BATCH = 32

_Answered = tuple[list[TextPiece], list[torch.Tensor]]
"""Pieces of texts, and the output for each of them."""


def predict(job: PredictJob) -> list[Prediction]:
    """Answer texts, in float32; with `fast` by `student.answering`.

    Texts are sorted and repeats answered once, so that an answer does not depend on the order of the texts.

    Raises:
        StudentError: the folder is no student, its output is NaN, or memory runs short with one text.
    """
    if job.fast:
        engine = open_engine(Path(job.folder), _prepare(job.compute), job.int8)
        return engine.answer(job.texts, halve(engine.sub_words, job.halvings) if job.halvings else None)
    record = read_record(Path(job.folder))
    network = make_network(codec(record["task"], record["labels"]))
    device = _prepare(job.compute)
    texts = sorted(set(job.texts), key=lambda text: (len(text), text))
    encoder = find_encoder(network, Path(job.folder), record)
    size = halve(_BATCH, job.halvings)
    if encoder is not None:
        pieces, logits = _answer_cached(encoder, Path(job.folder), texts, record["max_length"], device, size)
    else:
        pieces, logits = _answer(network, job.folder, texts, record["max_length"], device, size)
    if not all(bool(item.isfinite().all()) for item in logits):
        raise StudentError(f"{job.folder}: the student's output is NaN; train it at a lower student.rate")
    answers = dict(zip(texts, network.decode(texts, pieces, logits), strict=True))
    return [answers[text] for text in job.texts]


def _answer(
    network: TaskNetwork, folder: str, texts: Sequence[str], limit: int, device: torch.device, size: int
) -> _Answered:
    """Answer with the whole student, from its folder."""
    model = load_to_answer(network, folder, device)
    tokenizer = open_tokenizer(folder, not network.classifies_texts)
    pieces = network.cut(tokenizer, texts, min(limit, tokenizer.model_max_length)) if texts else []

    def compute(part: Sequence[TextPiece]) -> list[torch.Tensor]:
        inputs = [piece.inputs for piece in part]
        with torch.inference_mode():
            batch = model(**tokenizer.pad(inputs, return_tensors="pt").to(device)).logits.cpu()
        return [cut_padding(row, item) for row, item in zip(batch, inputs, strict=True)]

    return pieces, in_batches(pieces, size, compute)


def _answer_cached(
    encoder: Encoder, folder: Path, texts: Sequence[str], limit: int, device: torch.device, size: int
) -> _Answered:
    """Answer with the student's output layer, on features of its base that may be cached."""
    weight, bias = encoder.read_layer(folder)
    (pieces, features), _ = with_less(size, lambda fit: encoder.features(texts, limit, device, fit))
    return pieces, [row.double() @ weight.T + bias for row in features]


def _prepare(compute: Compute) -> torch.device:
    set_threads(compute.threads)
    return pick_device(compute.device)
