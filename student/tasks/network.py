"""What a task adds on the torch side: the kind of model, its pieces of text, its targets, its loss, its answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from safetensors import SafetensorError
from transformers import AutoConfig

from evokd.messages import InputError
from evokd.messages.imports import import_quickly
from evokd.student.protocol import Prediction, StudentError, TrainExample

IGNORE = -100
"""Target of what is not learned from (the value that torch's cross-entropy passes over)."""


@dataclass(frozen=True)
class TextPiece:
    """What a network reads at once: a text, or a window of a long one."""

    text: int
    """Index of the text among those given."""
    inputs: dict[str, list[int]]
    """What the tokenizer gave: `input_ids`, `attention_mask` and what else the model takes, a number per sub-word."""
    words: tuple[tuple[int, int, int], ...] = ()
    """(position of a sub-word, first and last number of the words that begin in it), where each word has an answer.

    Mostly one word begins in it; several where a sub-word spans punctuation or a script written without spaces.
    """


class LoadedModel(NamedTuple):
    """A transformers model, and which of its weights its source lacks."""

    model: torch.nn.Module
    drawn: frozenset[str]
    """Names of the weights that the source lacks or has in another shape; drawn from torch's global generator."""


class TaskNetwork(Protocol):
    """The torch side of a `TaskCodec`."""

    pipeline: str
    """What the model hub calls the task."""
    classifies_texts: bool
    """Whether an answer is one class of the whole text; otherwise each word has one."""
    one_class: bool
    """Whether exactly one class is right for each piece or word (softmax); otherwise each class is right or not by
    itself (sigmoid), and a target is a number per class, shape (classes,)."""
    class_labels: tuple[str, ...]
    """Label of each class of the output layer; empty where a word belongs to no entity."""
    l2: float
    """L2 penalty of a fitted output layer; see `student.training.linear_head.fit_rows`."""

    def __init__(self, labels: Sequence[str]) -> None: ...

    def load(self, source: str) -> LoadedModel:
        """Load weights into the task's standard transformers class, float32, on the CPU.

        Args:
            source: folder or hub name.
        """

    def cut(self, tokenizer: Any, texts: Sequence[str], limit: int) -> list[TextPiece]:
        """Cut texts into pieces of at most `limit` sub-words, in order of the texts."""

    def target(self, piece: TextPiece, example: TrainExample) -> torch.Tensor:
        """Make the training target of a piece of an example: shape () or (sub-words,)."""

    def collate(self, targets: Sequence[torch.Tensor]) -> torch.Tensor:
        """Put the targets of a batch into one tensor, shape (batch,) or (batch, sub-words)."""

    def class_weights(self, targets: Sequence[torch.Tensor]) -> torch.Tensor | None:
        """Give each class its weight in a balanced loss, shape (classes,); None where drawing alone balances."""

    def loss(
        self,
        logits: torch.Tensor,
        targets: torch.Tensor,
        smoothing: float,
        classes: torch.Tensor | None,
        batch: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the loss per piece, shape (batch,).

        Args:
            logits: the model's output, first dimension the batch.
            targets: what `collate` gave, or `flatten`.
            smoothing: share of the target that is spread over all classes.
            classes: weight of each class, shape (classes,).
            batch: targets of the whole batch where the pieces are a part of it; None where they are all of it.
        """

    def flatten(
        self, features: Sequence[torch.Tensor], targets: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
        """Line up what the output layer has to learn.

        Args:
            features: what the layer sees of each piece, (features,) or (sub-words, features).
            targets: the target of each piece.

        Returns:
            Features (rows, features), targets (rows,), and the index of each row's piece.
        """

    def output_layer(self, model: torch.nn.Module) -> torch.nn.Linear:
        """Find the linear layer that `head` tuning trains."""

    def decode(
        self, texts: Sequence[str], pieces: Sequence[TextPiece], logits: Sequence[torch.Tensor]
    ) -> list[Prediction]:
        """Turn the output for all pieces of some texts into one answer per text.

        Args:
            texts: the texts.
            pieces: what `cut` made of them.
            logits: output of each piece, (classes,) or (sub-words, classes), padding cut off.
        """


def find_output_layer(model: torch.nn.Module, classes: int) -> torch.nn.Linear:
    """Find the last linear layer with this many outputs.

    Raises:
        StudentError: there is none.
    """
    fitting = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m.out_features == classes]
    if not fitting:
        raise StudentError(f"{type(model).__name__} has no linear output layer; use another base")
    return fitting[-1]


def load_model(kind: Any, source: str, names: Sequence[str], more_layers: int = 0, **options: Any) -> LoadedModel:
    """Load weights into a standard class, from safetensors alone, float32, with the names of its classes.

    Args:
        kind: a class such as `AutoModelForTokenClassification`.
        source: folder or hub name.
        names: of the classes, in the order of the logits.
        more_layers: encoder layers to add, not initialised.
        options: further keys of the configuration.
    """
    import_quickly("transformers.modeling_utils")  # else transformers imports it, and much more, with the model's code
    config = AutoConfig.from_pretrained(
        source,
        trust_remote_code=False,
        num_labels=len(names),
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
        **options,
    )
    if more_layers:  # some kinds of models cannot be given another number
        config.num_hidden_layers += more_layers
    model, report = kind.from_pretrained(
        source,
        config=config,
        ignore_mismatched_sizes=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    misfits = {name for name, *_shapes in report["mismatched_keys"]}
    return LoadedModel(model, frozenset(report["missing_keys"] | misfits))


def load_base(network: TaskNetwork, source: str) -> LoadedModel:
    """Load an untrained student, or one to go on with; only what lies behind the encoder may be missing.

    Raises:
        InputError: transformers cannot load it, or weights of the encoder are missing, or have another shape than its
            configuration says.
    """
    try:
        loaded = network.load(source)
    except (ValueError, LookupError, TypeError, AttributeError, ImportError, ArithmeticError) as exc:
        said = " ".join(str(exc).split())[:200]
        fault = f"transformers cannot load it ({type(exc).__name__}: {said})"
        raise InputError(f"student.base: {source}: {fault}; check its config.json, or choose another base") from exc
    encoder = f"{getattr(loaded.model, 'base_model_prefix', '')}."
    lacking = sorted(name for name in loaded.drawn if name.startswith(encoder) and ".pooler." not in name)
    if lacking:
        fault = f"its weights lack {len(lacking)} of the encoder's tensors or have them in another shape ({lacking[0]})"
        raise InputError(f"student.base: {source}: {fault}; save model and configuration together again")
    return loaded


def load_trained(network: TaskNetwork, folder: Path) -> torch.nn.Module:
    """Load a trained student, all of whose weights must be there, float32, on the CPU, for answering.

    Raises:
        StudentError: a file of its weights is damaged or missing, or belongs to another model.
    """
    try:
        model, drawn = network.load(str(folder))
    except SafetensorError as exc:
        raise StudentError(f"{folder}: a file of its weights is damaged ({exc}); copy the student anew") from exc
    if drawn:
        lacking = min(drawn) + (f" and {len(drawn) - 1} more" if len(drawn) > 1 else "")
        told = f"its weights are those of another model: they lack {lacking}"
        raise StudentError(f"{folder}: {told}; copy all files of the student together")
    return model.eval()


def cut_padding(row: torch.Tensor, inputs: Mapping[str, Sequence[int]]) -> torch.Tensor:
    """Cut what stands for padding off one row of a batch: (sub-words, n) -> (sub-words of the piece, n); (n,) stays."""
    return row[: len(inputs["input_ids"])] if row.ndim > 1 else row
