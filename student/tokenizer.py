"""Load a tokenizer as the student needs it: it pads, and it knows how much the weights can read at once."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoTokenizer

from evokd.messages import InputError
from evokd.student.base_config import NO_PADDING, RECORD, count_positions


def open_tokenizer(source: str, words: bool = False) -> Any:
    """Load a tokenizer.

    Without a padding token it pads with the token that ends a text, which the attention mask hides. Its
    `model_max_length` is what the weights have positions for.

    Args:
        source: folder or hub name.
        words: whether words are answered one by one; then the places of sub-words are needed, padding on the right.

    Raises:
        InputError: it cannot pad, or cannot say where its sub-words lie.
    """
    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if tokenizer.pad_token is None:
        raise InputError(f"student.base: {source}: {NO_PADDING}")
    if words and not tokenizer.is_fast:
        raise InputError(
            f"student.base: {source}: its tokenizer does not say where in a text its sub-words lie, which finding"
            " entities needs; choose a base with a tokenizer.json"
        )
    if words:
        tokenizer.padding_side = tokenizer.truncation_side = "right"
    positions = count_positions(AutoConfig.from_pretrained(source, trust_remote_code=False).to_dict())
    if positions is not None:
        # What a student was trained to read is no limit of its base.
        declared = sys.maxsize if Path(source, RECORD).is_file() else tokenizer.model_max_length
        tokenizer.model_max_length = min(declared, positions)
    return tokenizer


def match_padding(model: torch.nn.Module, tokenizer: Any) -> None:
    """Tell a model by which token its tokenizer pads, where its configuration does not say; in place.

    Decoders find the end of a text by it.
    """
    config: Any = model.config
    for part in (config, config.get_text_config()):
        if part.pad_token_id is None:
            part.pad_token_id = tokenizer.pad_token_id


def limit_length(folder: Path, length: int) -> None:
    """Write into a saved tokenizer how many sub-words the student reads, so that others cut texts where it does."""
    path = folder / "tokenizer_config.json"
    said = json.loads(path.read_text(encoding="utf-8"))
    said["model_max_length"] = length
    path.write_text(json.dumps(said, ensure_ascii=False, indent=2) + "\n", encoding="utf-8", newline="\n")
