"""What a base's configuration files say of it, read without torch: whether it can work, how much it reads at once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evokd.messages import InputError

RECORD = "evokd.json"
"""File by which a folder shows that it is a student of this program."""
LEAST_POSITIONS = 8
"""Sub-words that a base must be able to read at once."""
LARGEST_PAD = 100
"""Id of the padding up to which a training takes only the word vectors that occur (`student.training.vocabulary`)."""
NO_PADDING = "its tokenizer has no padding token, nor an end or unknown token to pad with; add one to the tokenizer"
_BEHIND_PADDING = {
    "roberta",
    "xlm-roberta",
    "xlm-roberta-xl",
    "roberta-prelayernorm",
    "camembert",
    "data2vec-text",
    "mpnet",
    "longformer",
    "ibert",
    "xmod",
    "luke",
    "mluke",
    "lilt",
    "layoutlmv3",
    "markuplm",
    "esm",
}
"""Kinds of models that count positions from behind the padding's id, so that the first of them are never used."""
_USUAL = ("bert", "roberta", "xlm-roberta", "distilbert", "albert", "electra", "deberta-v2", "mpnet", "modernbert")
"""Kinds that need not be looked up."""
_POSITIONS = ("max_position_embeddings", "n_positions")
_PADDINGS = ("pad_token", "eos_token", "unk_token")


def count_positions(config: Mapping[str, Any]) -> int | None:
    """Count the sub-words for which a model has positions; None where nothing limits them.

    Args:
        config: of a transformers model.
    """
    positions = next((config[key] for key in _POSITIONS if isinstance(config.get(key), int)), None)
    if positions is None or positions <= 0:
        return None
    if config.get("model_type") in _BEHIND_PADDING and config.get("position_embedding_type") != "rotary":
        padding = config.get("pad_token_id")
        positions -= (padding if isinstance(padding, int) else 1) + 1
    return int(positions)


def read_length(folder: Path) -> int | None:
    """Read how many sub-words a model can read at once, by its tokenizer and its positions; None: nothing says so.

    The tokenizer of a student says how much it was trained to read, which is no limit of a base.
    """
    positions = count_positions(read_object(folder / "config.json"))
    if positions is not None and (folder / RECORD).is_file():
        return positions
    recorded = read_object(folder / "tokenizer_config.json").get("model_max_length")
    # Where a tokenizer knows no limit, transformers writes a number of thirty digits.
    declared = int(recorded) if isinstance(recorded, int | float) and 0 < recorded < 10**9 else None
    known = [limit for limit in (positions, declared) if limit is not None]
    return min(known) if known else None


def check_config(folder: Path) -> None:
    """Check that a base is of a kind that can become a student.

    Raises:
        InputError: what it lacks and how to mend it.
    """
    config = read_object(folder / "config.json")
    where = f"student.base: {folder}"
    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        raise InputError(f"{where}: config.json does not name a model_type; give a saved transformers model")
    if config.get("auto_map") and not _is_known(kind):
        raise InputError(
            f"{where}: this model needs code of its own (auto_map in config.json), which is not run; choose a base"
            " that transformers knows"
        )
    _check_kind(kind, where)
    if config.get("is_encoder_decoder") is True:
        raise InputError(
            f"{where}: an encoder with a decoder ({kind}) cannot be a student; choose an encoder, such as a BERT"
        )
    positions = read_length(folder)
    if positions is not None and positions < LEAST_POSITIONS:
        raise InputError(
            f"{where}: it reads {max(positions, 0)} sub-words at once, fewer than {LEAST_POSITIONS}; choose another"
        )
    _check_padding(folder, where)


def _check_kind(kind: str, where: str) -> None:
    """Refuse what transformers does not know, or not as a model of texts; rare kinds alone make it load."""
    if kind in _USUAL:
        return
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as CLASSIFIERS

    if not _is_known(kind):
        fault = f"this version of transformers does not know model_type {kind!r}"
        raise InputError(f"{where}: {fault}; choose another base, or update transformers")
    if kind not in CLASSIFIERS:
        fault = f"a model of kind {kind!r} does not classify texts"
        raise InputError(f"{where}: {fault}; choose an encoder, such as a BERT")


def _is_known(kind: str) -> bool:
    """Whether transformers has a model of this kind itself, so that code that lies beside the weights is not needed."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return kind in CONFIG_MAPPING_NAMES


def _check_padding(folder: Path, where: str) -> None:
    """Refuse a tokenizer that is known to have nothing to pad with."""
    tokens: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            tokens.update(read_object(folder / name))
    # A named tokenizer class brings tokens of its own; the generic ones have those that are written down.
    generic = tokens.get("tokenizer_class") in ("PreTrainedTokenizerFast", "TokenizersBackend")
    if generic and not any(tokens.get(key) for key in _PADDINGS):
        raise InputError(f"{where}: {NO_PADDING}")


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object; a file that is not there is an empty one.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as exc:
        reason = " ".join(str(exc).split())[:120]
        raise InputError(f"student.base: {path}: not readable JSON ({reason}); save the model again") from exc
    if not isinstance(value, dict):
        raise InputError(f"student.base: {path}: holds no JSON object; save the model again")
    return value
