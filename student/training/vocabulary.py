"""Train with the few word vectors that the samples use, instead of the whole table.

Half of a small encoder's weights are word vectors, and a training touches a tenth of them; the rest costs time in the
gradient, its norm and the optimizer, and gains nothing. Measured: a third of a training's time.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from evokd.student.base_config import LARGEST_PAD


@contextmanager
def small_vocabulary(model: nn.Module, encodings: Sequence[dict[str, Any]], pad: int) -> Iterator[list[dict[str, Any]]]:
    """Give the model a table of the sub-words that occur; afterwards the full table is back, with their new vectors.

    Args:
        model: a transformers model.
        encodings: tokenizer output per text.
        pad: id of the padding.

    Yields:
        The encodings with ids of the small table; they are valid inside the block alone.
    """
    table = model.get_input_embeddings()  # type: ignore[operator]
    if type(table) is not nn.Embedding or not 0 <= pad <= LARGEST_PAD:
        yield list(encodings)
        return
    # Ids up to the padding's keep their place, since some models tell padding by its id; a late one is not worth it.
    used = sorted({*range(pad + 1), *(i for encoding in encodings for i in encoding["input_ids"])})
    new_ids = {old: new for new, old in enumerate(used)}
    rows = torch.tensor(used, device=table.weight.device)
    chosen = table.weight.detach()[rows].clone()
    small = nn.Embedding(len(used), table.embedding_dim, padding_idx=table.padding_idx, _weight=chosen)
    model.set_input_embeddings(small)  # type: ignore[operator]
    try:
        yield [{**encoding, "input_ids": [new_ids[i] for i in encoding["input_ids"]]} for encoding in encodings]
    finally:
        model.set_input_embeddings(table)  # type: ignore[operator]
        with torch.no_grad():
            table.weight[rows] = small.weight
