"""Mean pooling inside a standard BERT classifier, by one more layer.

transformers' BERT classifiers read the first sub-word alone. A sentence encoder is trained to be read by the mean over
all sub-words, and its first one says far less. The mean is written as one more ordinary layer, so the saved student
stays a plain `BertForSequenceClassification`: queries and keys of zero attend to all sub-words alike, values pass
through, and the attention's output is scaled so high that the residual (the first sub-word) drowns in it; the layer's
norm then sets the length. The pooler is a small multiple of the identity, where tanh is nearly straight.
"""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig
from transformers.utils import cached_file

_LOUD = 100.0
"""Scale of the mean against the residual."""
_STRAIGHT = 0.3
"""Scale of the pooler's input; normed features stay where tanh bends little."""


def wants_mean(source: str) -> bool:
    """Say whether a base is a BERT sentence encoder that is read by the mean (its `1_Pooling/config.json` says so)."""
    record = cached_file(
        source,
        "1_Pooling/config.json",
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if record is None:
        return False
    pooling = json.loads(Path(record).read_text(encoding="utf-8"))
    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    return config.model_type == "bert" and pooling.get("pooling_mode_mean_tokens") is True


def write_mean(model: Any) -> tuple[str, ...]:
    """Write the mean into the last layer and the pooler of a `BertForSequenceClassification`, in place.

    Returns:
        What the names of the weights that were written begin with.
    """
    layer = model.bert.encoder.layer[-1]
    size = model.config.hidden_size
    with torch.no_grad():
        for linear in (layer.attention.self.query, layer.attention.self.key, layer.output.dense):
            linear.weight.zero_()
        for linear, scale in (
            (layer.attention.self.value, 1.0),
            (layer.attention.output.dense, _LOUD),
            (model.bert.pooler.dense, _STRAIGHT),
        ):
            linear.weight.copy_(torch.eye(size) * scale)
        # It feeds into zeros and is trained from there; drawn alike for every seed, so that the encoder stays the same.
        always = torch.Generator().manual_seed(0)
        layer.intermediate.dense.weight.normal_(0.0, model.config.initializer_range, generator=always)
        for module in (layer, model.bert.pooler):
            for name, parameter in module.named_parameters():
                if name.endswith("bias"):
                    parameter.zero_()
        for norm in (layer.attention.output.LayerNorm, layer.output.LayerNorm):
            norm.weight.fill_(1.0)
    return f"bert.encoder.layer.{len(model.bert.encoder.layer) - 1}.", "bert.pooler."
