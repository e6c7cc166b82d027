"""A BERT classifier that computes in its last layer what it reads: the first sub-word.

The classifier looks at the first sub-word alone. So the last layer needs queries, attention output and the two
feed-forward products for one sub-word of a text instead of all: an eighth less work for a student of seven layers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional


class FirstSubWordLayer(torch.nn.Module):
    """The last layer of a BERT encoder for the first sub-word of each text; it shares the weights of the layer."""

    def __init__(self, layer: Any, heads: int) -> None:
        """Wrap a `BertLayer`.

        Args:
            layer: the last one.
            heads: attention heads.
        """
        super().__init__()
        self.layer, self.heads = layer, heads

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **__: Any
    ) -> torch.Tensor:
        """Compute (texts, sub-words, size) -> (texts, 1, size).

        Args:
            hidden_states: (texts, sub-words, size).
            attention_mask: (texts, 1, 1 or sub-words, sub-words), as transformers makes it for attention; None: all.
        """
        first, attention = hidden_states[:, :1], self.layer.attention.self
        mixed = functional.scaled_dot_product_attention(
            self._part(attention.query(first)),
            self._part(attention.key(hidden_states)),
            self._part(attention.value(hidden_states)),
            attn_mask=None if attention_mask is None else attention_mask[:, :, :1],
            dropout_p=attention.dropout.p if attention.training else 0.0,
        )
        seen = self.layer.attention.output(mixed.transpose(1, 2).reshape(first.shape), first)
        output: torch.Tensor = self.layer.output(self.layer.intermediate(seen), seen)
        return output

    def _part(self, rows: torch.Tensor) -> torch.Tensor:
        """Part rows into heads: (texts, sub-words, size) -> (texts, heads, sub-words, size of a head)."""
        return rows.view(rows.shape[0], -1, self.heads, rows.shape[2] // self.heads).transpose(1, 2)


def read_first_sub_word(model: Any) -> Any:
    """Let a BERT classifier compute its last layer for the first sub-word, in place; other models stay as they are."""
    if _reads_first_sub_word(model):
        layers: Any = model.bert.encoder.layer
        layers[-1] = FirstSubWordLayer(layers[-1], model.config.num_attention_heads)
    return model


@contextmanager
def first_sub_word_read(model: Any) -> Iterator[None]:
    """Let a BERT classifier compute so inside the block, in place; the names of its weights are others there.

    In a training the layer then draws other numbers to drop than if it computed all sub-words, of the same share.
    """
    if not _reads_first_sub_word(model):
        yield
        return
    layers: Any = model.bert.encoder.layer
    whole = layers[-1]
    read_first_sub_word(model)
    try:
        yield
    finally:
        layers[-1] = whole


def _reads_first_sub_word(model: Any) -> bool:
    # By name: the class costs an import that other students do not need.
    return type(model).__name__ == "BertForSequenceClassification" and not model.config.is_decoder
