"""Random encoders of the kinds that people take, of two layers, over the toy vocabulary of `tests.student.conftest`."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AlbertConfig,
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    DebertaConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ModernBertConfig,
    MPNetConfig,
    RobertaConfig,
    XLMRobertaConfig,
    XLMRobertaXLConfig,
)

_SIZE: Mapping[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
_DISENTANGLED: Mapping[str, Any] = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "pad_token_id": 0}
_BEHIND: Mapping[str, Any] = {**_SIZE, "max_position_embeddings": 66, "pad_token_id": 0, "type_vocab_size": 1}
"""These count positions from behind the padding's id."""
ARCHITECTURES: dict[str, tuple[type[Any], Mapping[str, Any]]] = {
    "modernbert": (
        ModernBertConfig,
        {
            **_SIZE,
            "pad_token_id": 0,
            "cls_token_id": 2,
            "sep_token_id": 3,
            "bos_token_id": 2,
            "eos_token_id": 3,
            "local_attention": 8,
            "global_attn_every_n_layers": 2,
        },
    ),
    "deberta": (DebertaConfig, {**_SIZE, **_DISENTANGLED, "max_relative_positions": -1}),
    "deberta-v2": (
        DebertaV2Config,
        # As DeBERTa v3 has it.
        {
            **_SIZE,
            **_DISENTANGLED,
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "position_biased_input": False,
            "type_vocab_size": 0,
            "max_relative_positions": -1,
        },
    ),
    "xlm-roberta": (XLMRobertaConfig, _BEHIND),
    "xlm-roberta-xl": (XLMRobertaXLConfig, _BEHIND),
    "roberta": (RobertaConfig, _BEHIND),
    "mpnet": (MPNetConfig, {**_BEHIND, "pad_token_id": 1, "max_position_embeddings": 66}),
    "distilbert": (
        DistilBertConfig,
        {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 64},
    ),
    "electra": (ElectraConfig, {**_SIZE, "embedding_size": 16}),
    "albert": (AlbertConfig, {**_SIZE, "embedding_size": 16, "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}),
}


def build_architecture(kind: str, tiny: Path, folder: Path, **changes: Any) -> Path:
    """Write a random encoder of a kind, with the tokenizer of the tiny student.

    Args:
        kind: a key of `ARCHITECTURES`.
        tiny: folder of the tiny student.
        folder: where to write.
        changes: of the configuration.
    """
    make, options = ARCHITECTURES[kind]
    config = make(vocab_size=len(AutoTokenizer.from_pretrained(tiny)), **{**options, **changes})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(folder)
    for path in tiny.glob("*token*.json"):
        shutil.copyfile(path, folder / path.name)
    assert AutoConfig.from_pretrained(folder).model_type == kind
    return folder
