"""Embed texts with a base: by its whole encoder, or by its table of sub-words alone, which is far quicker."""

import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel

from evokd.messages.files import replacing
from evokd.student.base import fingerprint, locate
from evokd.student.compute import pick_device, set_threads
from evokd.student.memory import halve, in_batches
from evokd.student.protocol import EmbedFileJob, EmbedJob
from evokd.student.tokenizer import open_tokenizer

_BATCH = 32
_GPU_BATCH = 512
"""Texts that a GPU computes at once, of many texts."""
_LENGTH = 256
"""Sub-words of a text that an embedding reads."""
_DIGITS = 6


def embed(job: EmbedJob) -> list[list[float]]:
    """Embed texts: mean of the encoder's last states over the text's sub-words, scaled to length 1.

    With one thread of a CPU a text's embedding is the same bits whatever other texts come with it: none is padded.

    Raises:
        InputError: the base is no model.
        StudentError: memory runs short with one text.
    """
    set_threads(job.compute.threads)
    device = pick_device(job.compute.device)
    rows = _encode(job.base, job.texts, device, halve(_BATCH, job.halvings))
    return [[round(x, _DIGITS) for x in row.tolist()] for row in rows]


def embed_file(job: EmbedFileJob) -> int:
    """Embed texts into a .npy file, (texts, features) in half precision; it appears whole or not at all.

    The vectors of kind `encoder` are those of `embed`. Those of kind `words` are the mean of the vectors that the base
    has for a text's sub-words, before any layer, scaled to length 1; a text without any is 0.

    Returns:
        The number of features.

    Raises:
        InputError: the base is no model.
        StudentError: memory runs short with one text.
        OSError: the file cannot be written.
    """
    set_threads(job.compute.threads)
    if job.kind == "words":
        rows = _average_words(job.base, job.texts)
    else:
        device = pick_device(job.compute.device)
        size = _BATCH if device.type == "cpu" else _GPU_BATCH
        rows = np.stack(_encode(job.base, job.texts, device, halve(size, job.halvings)))
    path = Path(job.out)
    with replacing(path, path.with_suffix(f".{os.getpid()}.part")) as file:
        np.save(file, rows.astype(np.float16))
    return int(rows.shape[1])


def _encode(base: str, texts: Sequence[str], device: torch.device, size: int) -> list[NDArray[np.float32]]:
    """Embed texts by the whole encoder, in their order; a vector per text."""
    source = locate(base)
    model, tokenizer = _open_reader(source, fingerprint(source))
    limit = min(_LENGTH, tokenizer.model_max_length)
    pieces = tokenizer(list(texts), truncation=True, max_length=limit)["input_ids"]
    vectors: dict[tuple[int, ...], NDArray[np.float32]] = {}

    def compute(part: Sequence[tuple[int, ...]]) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            ids = torch.tensor(part, device=device)
            states = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            return list(torch.nn.functional.normalize(states.mean(1), dim=-1).cpu().numpy())

    model.to(device)
    try:
        keys = sorted({tuple(piece) for piece in pieces}, key=lambda key: (len(key), key))
        for _, alike in groupby(keys, key=len):
            group = list(alike)
            vectors.update(zip(group, in_batches(group, size, compute), strict=True))
    finally:
        # Between calls the memory of a GPU is for others.
        model.to("cpu")
    return [vectors[tuple(piece)] for piece in pieces]


def _average_words(base: str, texts: Sequence[str]) -> NDArray[np.float32]:
    """Average the vectors of each text's sub-words, (texts, features)."""
    source = locate(base)
    model, tokenizer = _open_reader(source, fingerprint(source))
    pieces = tokenizer(
        list(texts), truncation=True, max_length=_LENGTH, add_special_tokens=False, return_attention_mask=False
    )["input_ids"]
    sizes = torch.tensor([len(piece) for piece in pieces])
    ids = torch.from_numpy(np.concatenate([np.asarray(piece, dtype=np.int64) for piece in pieces]))
    with torch.inference_mode():
        table = model.get_input_embeddings().weight
        means = torch.nn.functional.embedding_bag(ids, table, sizes.cumsum(0) - sizes, mode="mean")
        rows: NDArray[np.float32] = torch.nn.functional.normalize(means, dim=-1).numpy()
    return rows


@lru_cache(maxsize=1)
def _open_reader(source: str, _version: str) -> tuple[Any, Any]:
    """Load an encoder and its tokenizer, once as long as its files stay the same."""
    model = AutoModel.from_pretrained(source, trust_remote_code=False, use_safetensors=True, dtype=torch.float32)
    return model.eval(), open_tokenizer(source)
