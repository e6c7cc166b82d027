"""Features of a pretrained encoder, cached from call to call.

A student of which only the output layer was fitted reads its texts with the weights of its base. The input of that
layer is then the same for a text in every training and prediction, so it is computed once in the life of the process,
and the base is loaded once. Texts are computed together with texts of the same length alone, without padding: on a CPU
the features of a text are then the same bits whatever else is computed, so nothing depends on what is in the cache.
That holds with one thread; with more, the last bits may differ with the number of texts computed together.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from evokd.student.base import find_local, fingerprint
from evokd.student.compute import reproducible
from evokd.student.tasks.network import TaskNetwork, TextPiece, load_base
from evokd.student.tokenizer import match_padding, open_tokenizer

FEATURE_BATCH = 64
"""Pieces computed at once, where memory allows."""
FEATURE_BYTES = 256 * 2**20
"""Bytes of features that are cached, on the CPU."""
_PIECE_BYTES = 150
"""Bytes of Python objects per sub-word of a cached piece, about."""
_ENCODERS = 2
"""Bases in memory; more than one where tasks or sets of labels take turns."""
_COMPARISONS = 64
"""Comparisons of students with a base that are remembered."""
_WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class CachedFeatures:
    """The input of the output layer for one text."""

    pieces: tuple[TextPiece, ...]
    features: tuple[torch.Tensor, ...]
    """Of each piece, (features,) or (sub-words, features), float32, on the CPU."""

    @property
    def size(self) -> int:
        """Bytes, about."""
        sub_words = sum(len(piece.inputs["input_ids"]) for piece in self.pieces)
        return sum(item.nbytes for item in self.features) + _PIECE_BYTES * sub_words


class FeatureCache:
    """The features used last, up to a number of bytes (an LRU cache)."""

    def __init__(self, limit: int) -> None:
        """Begin empty.

        Args:
            limit: bytes; 0 caches nothing.
        """
        self.limit = limit
        self.size = 0
        self._entries: OrderedDict[Hashable, CachedFeatures] = OrderedDict()

    def __len__(self) -> int:
        """Count the cached texts."""
        return len(self._entries)

    def get(self, key: Hashable) -> CachedFeatures | None:
        """Give the entry of a key, which is now the newest; None where there is none."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Hashable, entry: CachedFeatures) -> None:
        """Add an entry; the oldest go where there is no room."""
        if key in self._entries or entry.size > self.limit:
            return
        self._entries[key] = entry
        self.size += entry.size
        while self.size > self.limit:
            _, oldest = self._entries.popitem(last=False)
            self.size -= oldest.size

    def clear(self) -> None:
        """Remove all entries."""
        self._entries.clear()
        self.size = 0


CACHE = FeatureCache(FEATURE_BYTES)


@dataclass(frozen=True, eq=False)
class Encoder:
    """A loaded base with an output layer that may be overwritten; all other weights stay as they are."""

    fingerprint: str
    """Of the base's files."""
    network: TaskNetwork
    model: torch.nn.Module
    tokenizer: Any

    @cached_property
    def layer(self) -> torch.nn.Linear:
        """The output layer."""
        return self.network.output_layer(self.model)

    @cached_property
    def layer_name(self) -> str:
        """What the weights of the output layer are called, without the last part."""
        layer = self.layer
        name: str = next(name for name, module in self.model.named_modules() if module is layer)
        return name

    def features(
        self, texts: Sequence[str], limit: int, device: torch.device, at_once: int
    ) -> tuple[list[TextPiece], list[torch.Tensor]]:
        """Give the pieces of texts, in order, and the input of the output layer for each; computes what is not cached.

        Args:
            texts: the texts.
            limit: sub-words read at once.
            device: where to compute.
            at_once: pieces computed at once.

        Returns:
            Pieces, and features of each: (features,) or (sub-words, features), float32, on the CPU.
        """
        setup = (self.fingerprint, self.network.pipeline, limit, device.type, torch.get_num_threads())
        cached = {text: CACHE.get((*setup, text)) for text in texts}
        new = [text for text, entry in cached.items() if entry is None]
        entries = {text: entry for text, entry in cached.items() if entry is not None}
        for text, entry in zip(new, self._compute(new, limit, device, at_once), strict=True):
            entries[text] = entry
            CACHE.put((*setup, text), entry)
        pieces = [replace(piece, text=i) for i, text in enumerate(texts) for piece in entries[text].pieces]
        return pieces, [features for text in texts for features in entries[text].features]

    def encodes_for(self, folder: Path) -> bool:
        """Say whether a student's weights are the base's in every bit, all but the output layer's."""
        path = folder / _WEIGHTS
        if not path.is_file():
            return False
        state = path.stat()
        return self._compare_once(path, state.st_ino, state.st_size, state.st_mtime_ns)

    def read_layer(self, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
        """Read the output layer of a student: (classes, features) and (classes,), float64."""
        with safe_open(folder / _WEIGHTS, framework="pt") as file:
            weight = file.get_tensor(f"{self.layer_name}.weight").double()
            if self.layer.bias is None:
                return weight, weight.new_zeros(len(weight))
            return weight, file.get_tensor(f"{self.layer_name}.bias").double()

    @cached_property
    def _compare_once(self) -> Callable[[Path, int, int, int], bool]:
        """`_compare`, once for one state of a file: inode, bytes, nanoseconds of the last change."""
        return lru_cache(maxsize=_COMPARISONS)(lambda path, _inode, _size, _changed: self._compare(path))

    def _compare(self, path: Path) -> bool:
        weights, layer = self.model.state_dict(), f"{self.layer_name}."
        with safe_open(path, framework="pt") as file:
            if set(file.keys()) != set(weights):
                return False
            return all(
                file.get_slice(name).get_shape() == list(value.shape)
                if name.startswith(layer)
                else torch.equal(file.get_tensor(name), value)
                for name, value in weights.items()
            )

    def _compute(self, texts: Sequence[str], limit: int, device: torch.device, at_once: int) -> list[CachedFeatures]:
        if not texts:
            return []
        pieces = self.network.cut(self.tokenizer, texts, min(limit, self.tokenizer.model_max_length))
        try:
            self.model.to(device)
            rows = compute_features(self.model, self.layer, self.tokenizer, [piece.inputs for piece in pieces], at_once)
        finally:
            # Between calls the memory of a GPU is for others.
            self.model.to("cpu")
        by_text: list[list[tuple[TextPiece, torch.Tensor]]] = [[] for _ in texts]
        for piece, row in zip(pieces, rows, strict=True):
            by_text[piece.text].append((piece, row.cpu()))
        return [CachedFeatures(tuple(p for p, _ in part), tuple(f for _, f in part)) for part in by_text]


def open_encoder(network: TaskNetwork, labels: Sequence[str], source: str) -> Encoder | None:
    """Load a base for a task, or give the one that is in memory.

    Args:
        network: the task's.
        labels: the task's labels.
        source: folder of the base.

    Returns:
        None where the base lacks weights other than the output layer's, which every training draws anew.
    """
    return _load_encoder(type(network), tuple(labels), source, fingerprint(source))


@lru_cache(maxsize=_ENCODERS)
def _load_encoder(
    network_type: type[TaskNetwork], labels: tuple[str, ...], source: str, version: str
) -> Encoder | None:
    network = network_type(labels)
    with reproducible(seed=0):
        model, drawn = load_base(network, source)
    output_layer = {id(parameter) for parameter in network.output_layer(model).parameters()}
    weights = model.state_dict(keep_vars=True)
    if any(id(weights.get(name)) not in output_layer for name in drawn):
        return None
    tokenizer = open_tokenizer(source, not network.classifies_texts)
    match_padding(model, tokenizer)
    return Encoder(version, network, model.eval(), tokenizer)


def find_encoder(network: TaskNetwork, folder: Path, record: Mapping[str, Any]) -> Encoder | None:
    """Find the base that a student encodes texts with, if its weights are still the base's in every bit.

    Args:
        network: the task's.
        folder: of the student.
        record: its `evokd.json`.

    Returns:
        None where the record names no base, the base is not on this machine, or the student's weights differ from it.
    """
    recorded = record.get("encoder")
    if not isinstance(recorded, dict) or not isinstance(recorded.get("base"), str):
        return None
    source = find_local(recorded["base"])
    if source is None or fingerprint(source) != recorded.get("sha256"):
        return None
    encoder = open_encoder(network, record["labels"], source)
    return encoder if encoder is not None and encoder.encodes_for(folder) else None


def compute_features(
    model: torch.nn.Module,
    layer: torch.nn.Linear,
    tokenizer: Any,
    encodings: Sequence[dict[str, Any]],
    at_once: int = FEATURE_BATCH,
) -> list[torch.Tensor]:
    """Compute the input of the output layer for each piece, without dropout: (features,) or (sub-words, features).

    Pieces of one length are computed together, so that none is padded: on a CPU the features of a piece are then the
    same bits whatever it is computed with, if there is one thread.

    Args:
        model: the student.
        layer: its output layer.
        tokenizer: its tokenizer.
        encodings: tokenizer output per piece.
        at_once: pieces computed at once.
    """
    inputs: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0].detach()))
    device = next(model.parameters()).device
    lengths = [len(encoding["input_ids"]) for encoding in encodings]
    order = sorted(range(len(encodings)), key=lambda i: lengths[i])
    model.eval()
    try:
        with torch.inference_mode():
            for _, group in groupby(order, key=lambda i: lengths[i]):
                alike = list(group)
                for start in range(0, len(alike), at_once):
                    chosen = [encodings[i] for i in alike[start : start + at_once]]
                    logits = model(**tokenizer.pad(chosen, return_tensors="pt").to(device)).logits
                    inputs[-1] = _select_sub_word(inputs[-1], layer, logits)
    finally:
        hook.remove()
    # Cloned outside of inference mode, so that a layer can be fitted on it.
    rows = [row.clone() for batch in inputs for row in batch]
    features = dict(zip(order, rows, strict=True))
    return [features[i] for i in range(len(encodings))]


def _select_sub_word(inputs: torch.Tensor, layer: torch.nn.Linear, logits: torch.Tensor) -> torch.Tensor:
    """Select the sub-word that the model answers by, where its layer reads all of them: decoders answer by the last.

    Args:
        inputs: of the layer, (batch, features) or (batch, sub-words, features).
        layer: the output layer.
        logits: of the model, (batch, classes) or (batch, sub-words, classes).

    Returns:
        (batch, features), or `inputs` where words are answered one by one.
    """
    if inputs.ndim == logits.ndim:
        return inputs
    # Not by calling the layer: its hook would take that for a further batch.
    answers = torch.nn.functional.linear(inputs, layer.weight, layer.bias)
    positions = (answers - logits[:, None]).abs().sum(-1).argmin(-1)
    return inputs[torch.arange(len(inputs), device=inputs.device), positions]
