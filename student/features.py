"""Features of an untouched encoder, kept in memory from call to call.

A student of which only the output layer was fitted reads its texts with the weights of its base. What that layer sees
of a text is then the same in every training and prediction, so it is computed once in the life of the process, and the
base is loaded once. Texts are computed together with texts of the same length alone, without padding: on a CPU the
features of a text are then the same bits whatever else is asked for, so nothing depends on what was kept before.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from evokd.student.base import find_local, fingerprint
from evokd.student.compute import reproducible
from evokd.student.tasks.network import TaskNetwork, TextPiece
from evokd.student.tokenizer import match_padding, open_tokenizer

FEATURE_BATCH = 64
"""Pieces whose features are computed at once, where memory allows."""
FEATURE_BYTES = 256 * 2**20
"""Bytes of features that are kept, on the CPU."""
_PIECE_BYTES = 150
"""What one sub-word of a kept piece takes in Python objects, about."""
_ENCODERS = 2
"""Bases that are kept; more than one where tasks or sets of labels take turns."""
_COMPARED = 64
"""Files of weights whose comparison is remembered."""
_WEIGHTS = "model.safetensors"


@dataclass(frozen=True)
class CachedFeatures:
    """What the output layer sees of a text."""

    pieces: tuple[TextPiece, ...]
    features: tuple[torch.Tensor, ...]
    """Of each piece, (features,) or (sub-words, features), float32, on the CPU."""

    @property
    def size(self) -> int:
        """Bytes, about."""
        words = sum(len(piece.inputs["input_ids"]) for piece in self.pieces)
        return sum(item.nbytes for item in self.features) + _PIECE_BYTES * words


class FeatureCache:
    """Keeps what was asked for last, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        """Begin empty.

        Args:
            limit: bytes; 0 keeps nothing.
        """
        self.limit = limit
        self.size = 0
        self._kept: OrderedDict[Hashable, CachedFeatures] = OrderedDict()

    def __len__(self) -> int:
        """Count the texts that are kept."""
        return len(self._kept)

    def get(self, key: Hashable) -> CachedFeatures | None:
        """Give what is kept under a key, which is now the newest."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: Hashable, seen: CachedFeatures) -> None:
        """Keep something, and let the oldest go where there is no room."""
        if key in self._kept or seen.size > self.limit:
            return
        self._kept[key] = seen
        self.size += seen.size
        while self.size > self.limit:
            _, oldest = self._kept.popitem(last=False)
            self.size -= oldest.size

    def clear(self) -> None:
        """Let everything go."""
        self._kept.clear()
        self.size = 0


CACHE = FeatureCache(FEATURE_BYTES)


@dataclass(frozen=True, eq=False)
class Encoder:
    """A loaded base with an output layer that may be overwritten; everything else stays as it is."""

    fingerprint: str
    """Of the base's files."""
    network: TaskNetwork
    model: torch.nn.Module
    tokenizer: Any
    _known: dict[Hashable, bool] = field(default_factory=dict)
    """Files of weights that were compared with the base's."""

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

    def see(
        self, texts: Sequence[str], limit: int, device: torch.device, at_once: int
    ) -> tuple[list[TextPiece], list[torch.Tensor]]:
        """Give the pieces of texts, in order, and what the output layer sees of each.

        Args:
            texts: the texts.
            limit: sub-words read at once.
            device: where to compute what is not kept.
            at_once: pieces computed at once.

        Returns:
            Pieces, and features of each: (features,) or (sub-words, features), float32, on the CPU.
        """
        about = (self.fingerprint, self.network.pipeline, limit, device.type, torch.get_num_threads())
        known = {text: CACHE.get((*about, text)) for text in texts}
        new = [text for text, seen in known.items() if seen is None]
        found = {text: seen for text, seen in known.items() if seen is not None}
        for text, seen in zip(new, self._compute(new, limit, device, at_once), strict=True):
            found[text] = seen
            CACHE.put((*about, text), seen)
        pieces = [replace(piece, text=i) for i, text in enumerate(texts) for piece in found[text].pieces]
        return pieces, [features for text in texts for features in found[text].features]

    def reads(self, folder: Path) -> bool:
        """Say whether a student's weights are the base's, all but the output layer's."""
        path = folder / _WEIGHTS
        if not path.is_file():
            return False
        state = path.stat()
        key = (path, state.st_ino, state.st_size, state.st_mtime_ns)
        if key not in self._known:
            if len(self._known) >= _COMPARED:
                self._known.clear()
            self._known[key] = self._compare(path)
        return self._known[key]

    def read_layer(self, folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
        """Read the output layer of a student: (classes, features) and (classes,), float64."""
        with safe_open(folder / _WEIGHTS, framework="pt") as file:
            weight = file.get_tensor(f"{self.layer_name}.weight").double()
            if self.layer.bias is None:
                return weight, weight.new_zeros(len(weight))
            return weight, file.get_tensor(f"{self.layer_name}.bias").double()

    def _compare(self, path: Path) -> bool:
        own, layer = self.model.state_dict(), f"{self.layer_name}."
        with safe_open(path, framework="pt") as file:
            if set(file.keys()) != set(own):
                return False
            return all(
                file.get_slice(name).get_shape() == list(value.shape)
                if name.startswith(layer)
                else torch.equal(file.get_tensor(name), value)
                for name, value in own.items()
            )

    def _compute(self, texts: Sequence[str], limit: int, device: torch.device, at_once: int) -> list[CachedFeatures]:
        if not texts:
            return []
        pieces = self.network.cut(self.tokenizer, texts, min(limit, self.tokenizer.model_max_length))
        try:
            self.model.to(device)
            rows = read_features(self.model, self.layer, self.tokenizer, [piece.inputs for piece in pieces], at_once)
        finally:
            # Between calls the memory of a GPU is for others.
            self.model.to("cpu")
        own: list[list[tuple[TextPiece, torch.Tensor]]] = [[] for _ in texts]
        for piece, row in zip(pieces, rows, strict=True):
            own[piece.text].append((piece, row.cpu()))
        return [CachedFeatures(tuple(p for p, _ in part), tuple(f for _, f in part)) for part in own]


def open_encoder(network: TaskNetwork, labels: Sequence[str], source: str) -> Encoder | None:
    """Load a base for a task, or give the one that is kept.

    Args:
        network: the task's.
        labels: the task's labels.
        source: folder of the base.

    Returns:
        None where the base lacks weights other than the output layer's, which every training draws anew.
    """
    key = (network.pipeline, tuple(labels), source, fingerprint(source))
    if key not in _encoders:
        model = _load(network, source)
        encoder = None
        if model is not None:
            tokenizer = open_tokenizer(source, not network.whole)
            match_padding(model, tokenizer)
            encoder = Encoder(key[-1], network, model, tokenizer)
        _encoders[key] = encoder
        while len(_encoders) > _ENCODERS:
            _encoders.popitem(last=False)
    _encoders.move_to_end(key)
    return _encoders[key]


_encoders: OrderedDict[Hashable, Encoder | None] = OrderedDict()


def _load(network: TaskNetwork, source: str) -> torch.nn.Module | None:
    """Load twice with other random numbers: what differs is no part of the base."""
    models = []
    for seed in (0, 1):
        with reproducible(seed):
            models.append(network.load(source).eval())
    model, other = models
    own = {id(item) for item in network.output_layer(model).parameters()}
    others = dict(other.state_dict(keep_vars=True))
    for name, value in model.state_dict(keep_vars=True).items():
        if id(value) not in own and not torch.equal(value, others[name]):
            return None
    return model


def find_encoder(network: TaskNetwork, folder: Path, record: Mapping[str, Any]) -> Encoder | None:
    """Find the base that a student reads with, if its weights are still the base's in every bit.

    Args:
        network: the task's.
        folder: of the student.
        record: its `evokd.json`.

    Returns:
        None where the record names no base, the base is not on this machine, or the student has weights of its own.
    """
    said = record.get("encoder")
    if not isinstance(said, dict) or not isinstance(said.get("base"), str):
        return None
    source = find_local(said["base"])
    if source is None or fingerprint(source) != said.get("sha256"):
        return None
    encoder = open_encoder(network, record["labels"], source)
    return encoder if encoder is not None and encoder.reads(folder) else None


def read_features(
    model: torch.nn.Module,
    layer: torch.nn.Linear,
    tokenizer: Any,
    encodings: Sequence[dict[str, Any]],
    at_once: int = FEATURE_BATCH,
) -> list[torch.Tensor]:
    """Compute what the output layer sees of each piece, without dropout: (features,) or (sub-words, features).

    Pieces of one length are computed together, so that none is padded: on a CPU the features of a piece are then the
    same bits whatever it is computed with.

    Args:
        model: the student.
        layer: its output layer.
        tokenizer: its tokenizer.
        encodings: tokenizer output per piece.
        at_once: pieces computed at once.
    """
    seen: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
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
                    seen[-1] = _answered(seen[-1], layer, logits)
    finally:
        hook.remove()
    rows = [row for batch in seen for row in batch]
    found: dict[int, torch.Tensor] = {}
    for i, row in zip(order, rows, strict=True):
        # Outside of inference mode, so that a layer can be fitted on it.
        found[i] = row.clone()
    return [found[i] for i in range(len(encodings))]


def _answered(inputs: torch.Tensor, layer: torch.nn.Linear, logits: torch.Tensor) -> torch.Tensor:
    """Keep the sub-word that the model answers by, where its layer sees all of them: decoders answer by the last.

    Args:
        inputs: of the layer, (batch, features) or (batch, sub-words, features).
        layer: the output layer.
        logits: of the model, (batch, classes) or (batch, sub-words, classes).

    Returns:
        (batch, features), or `inputs` where words are answered one by one.
    """
    if inputs.ndim == logits.ndim:
        return inputs
    # not by calling the layer: its hook would take that for a further batch
    answers = torch.nn.functional.linear(inputs, layer.weight, layer.bias)
    places = (answers - logits[:, None]).abs().sum(-1).argmin(-1)
    return inputs[torch.arange(len(inputs), device=inputs.device), places]
