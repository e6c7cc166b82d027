"""Whether the weights and the tokenizer of a base are whole, read without torch from the heads of their files."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evokd.messages import InputError
from evokd.student.base_config import read_object

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_WORDS = re.compile(r"(word_embeddings?|embed_tokens|tok_embeddings|wte)\.weight$")
"""Names of the table of word vectors."""
_LAYER = re.compile(r"(?:^|\.)(?:encoder\.layer|transformer\.layer|(?:^|model\.)layers)\.(\d+)\.")
"""Names of the weights of a layer, with its number, where layers are counted in one row."""
_LAYERS = ("num_hidden_layers", "n_layers")
"""Keys of a configuration for the number of layers."""
_SIZES = ("embedding_size", "hidden_size", "dim")
"""Keys for the numbers of a word vector."""
_LARGEST_HEAD = 100_000_000
"""Bytes of the largest head that the format allows."""


def check_files(folder: Path) -> None:
    """Check that all files of weights are there and as long as their heads say, and that the tokenizer fits them.

    Raises:
        InputError: names the file, and what is wrong with it.
    """
    most = _count_tokens(folder / "tokenizer.json")
    shapes: dict[str, list[int]] = {}
    for path in _list_weights(folder):
        shapes.update({name: item["shape"] for name, item in _read_head(path).items()})
    _check_shapes(folder, shapes)
    rows = {name: shape[0] for name, shape in shapes.items() if _WORDS.search(name) and shape}
    least = max(rows.values(), default=0)
    if rows and most > least:
        fault = f"its tokenizer has {most:,} sub-words and its weights have rows for {least:,}"
        raise InputError(f"student.base: {folder}: {fault}; save model and tokenizer together again")


def _check_shapes(folder: Path, shapes: Mapping[str, list[int]]) -> None:
    """Compare what can be compared without torch: a layer or a table that the weights lack would be drawn by chance."""
    config = read_object(folder / "config.json")
    layers = {int(found[1]) for found in map(_LAYER.search, shapes) if found}
    declared = next((config[key] for key in _LAYERS if isinstance(config.get(key), int)), None)
    if layers and declared is not None and declared != max(layers) + 1:
        raise _mismatch(folder, f"{declared} layers", f"{max(layers) + 1}")
    for name, shape in shapes.items():
        sizes = [config[key] for key in _SIZES if isinstance(config.get(key), int)]
        if _WORDS.search(name) and len(shape) == 2 and sizes and shape[1] not in sizes:
            raise _mismatch(folder, f"vectors of {sizes[0]:,} numbers", f"{shape[1]:,}")


def _mismatch(folder: Path, declared: str, found: str) -> InputError:
    fault = f"its config.json says {declared}, and its weights have {found}"
    return InputError(f"student.base: {folder}: {fault}; give configuration and weights of one model")


def count_parameters(folder: Path) -> int:
    """Count the numbers in all weights of a base.

    Raises:
        InputError: a file of weights is missing or cut off.
    """
    heads = [_read_head(path) for path in _list_weights(folder)]
    return sum(math.prod(item["shape"]) for head in heads for item in head.values())


def _list_weights(folder: Path) -> list[Path]:
    names = [WEIGHTS]
    if not (folder / WEIGHTS).is_file():
        shards = read_object(folder / INDEX).get("weight_map")
        names = sorted(set(map(str, shards.values()))) if isinstance(shards, dict) else []
        if not names:
            raise InputError(f"student.base: {folder / INDEX}: names no files of weights; save the model again")
    missing = next((name for name in names if not (folder / name).is_file()), None)
    if missing is not None:
        raise _incomplete(folder / missing, f"is missing, though {INDEX} names it")
    return [folder / name for name in names]


def _incomplete(path: Path, fault: str) -> InputError:
    return InputError(f"student.base: {path}: {fault}; give a complete model")


def _read_head(path: Path) -> dict[str, dict[str, Any]]:
    """Read what a file of weights says of its tensors: name -> {"shape", "data_offsets"}."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if start == b"version ":
            raise _incomplete(path, "is a pointer of Git LFS and no weights (fetch them: git lfs pull)")
        length = int.from_bytes(start, "little")
        if len(start) < 8 or not 2 <= length <= min(_LARGEST_HEAD, size):
            raise _incomplete(path, f"is no safetensors file ({size:,} bytes)")
        head = _load(file.read(length))
    if not head:
        raise _incomplete(path, "is no safetensors file (its head names no weights)")
    expected = 8 + length + max(item["data_offsets"][1] for item in head.values())
    if expected != size:
        raise _incomplete(path, f"is cut off: {size:,} bytes of {expected:,}")
    return head


def _load(text: bytes) -> dict[str, dict[str, Any]]:
    """Give the tensors of a head; {} where it is none."""
    try:
        head = json.loads(text)
        tensors = {name: item for name, item in head.items() if name != "__metadata__"}
        return tensors if all(len(item["data_offsets"]) == 2 and "shape" in item for item in tensors.values()) else {}
    except (ValueError, RecursionError, AttributeError, LookupError, TypeError):
        return {}


def _count_tokens(path: Path) -> int:
    """Count the rows that a tokenizer needs: its largest id and one; 0 where there is no such file."""
    if not path.is_file():
        return 0
    content = read_object(path)
    model = content.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if not isinstance(vocabulary, dict | list):
        raise InputError(f"student.base: {path}: holds no tokenizer; save the tokenizer again")
    ids = list(vocabulary.values()) if isinstance(vocabulary, dict) else [len(vocabulary) - 1]
    ids += [item["id"] for item in content.get("added_tokens") or [] if isinstance(item, dict) and "id" in item]
    return 1 + max((number for number in ids if isinstance(number, int)), default=-1)
