"""What a full training of a student needs of memory, computed from the base's files. Light: no torch.

Activations follow Korthikanti et al., "Reducing Activation Recomputation in Large Transformer Models" (2022), section
4.1: per layer and sub-word 8 vectors of the hidden size, 2 of the intermediate size, masks of dropout, and per head a
row of attention before and behind its dropout.
"""

from dataclasses import dataclass
from pathlib import Path

from evokd.student.base_config import LARGEST_PAD, read_object
from evokd.student.base_files import count_parameters
from evokd.student.student_settings import StudentSettings

LARGE = 300_000_000
"""Parameters above which adapters are advised."""
_FLOAT32 = 4
_BFLOAT16 = 2
_MOMENTS = 2 * _FLOAT32
"""Bytes that AdamW keeps per trained parameter."""
_USED_WORDS = 8_192
"""Sub-words of the vocabulary that samples use, about; the others are not trained (`student.training.vocabulary`)."""
_GATED = {"modernbert": 2}
"""Kinds whose feed-forward layer has a gate: as many numbers again."""
_DISENTANGLED = 3
"""Rows of attention that DeBERTa keeps, in those of other encoders: texts and two kinds of positions."""


@dataclass(frozen=True)
class EncoderShape:
    """Sizes of an encoder."""

    parameters: int
    words: int
    """Rows of the table of word vectors."""
    word_size: int
    """Numbers per word vector."""
    layers: int
    hidden: int
    intermediate: int
    heads: int
    is_disentangled: bool = False
    """Whether attention looks at texts and positions apart, as DeBERTa's does."""
    trains_all_words: bool = False


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes that a training needs at its peak, without what torch and the driver need for themselves."""

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        """Sum of the parts."""
        return self.weights + self.gradients + self.optimizer + self.activations


def read_shape(folder: Path) -> EncoderShape | None:
    """Read the sizes of a base from its configuration and the heads of its weights; None where they are not named."""
    config = read_object(folder / "config.json")

    def find(*names: str) -> int | None:
        return next((config[name] for name in names if isinstance(config.get(name), int)), None)

    hidden = find("hidden_size", "dim", "n_embd", "d_model")
    layers, heads = find("num_hidden_layers", "n_layers", "n_layer"), find("num_attention_heads", "n_heads", "n_head")
    words = find("vocab_size")
    if hidden is None or layers is None or heads is None or words is None:
        return None
    kind, padding = str(config.get("model_type")), find("pad_token_id") or 0
    return EncoderShape(
        parameters=count_parameters(folder),
        words=words,
        word_size=find("embedding_size") or hidden,
        layers=layers,
        hidden=hidden,
        intermediate=(find("intermediate_size", "hidden_dim", "n_inner") or 4 * hidden) * _GATED.get(kind, 1),
        heads=heads,
        is_disentangled=kind.startswith("deberta"),
        trains_all_words=padding > LARGEST_PAD,
    )


def compute_need(
    shape: EncoderShape, settings: StudentSettings, *, texts: int, length: int, is_bfloat16: bool
) -> MemoryNeed:
    """Compute what full training needs.

    Args:
        shape: of the base.
        settings: adapters and checkpointing count.
        texts: computed at once.
        length: sub-words of each.
        is_bfloat16: whether the forward pass computes in bfloat16; weights and the optimizer stay float32.
    """
    trained = _count_trained(shape, settings)
    adapters = trained if settings.lora.rank else 0
    # The copies in bfloat16 are kept until the gradients are computed.
    copies = _BFLOAT16 * (shape.parameters - shape.words * shape.word_size) if is_bfloat16 else 0
    return MemoryNeed(
        weights=_FLOAT32 * (shape.parameters + adapters) + copies,
        gradients=_FLOAT32 * trained,
        optimizer=_MOMENTS * trained,
        activations=texts * length * _count_activations(shape, settings, length, is_bfloat16),
    )


def _count_trained(shape: EncoderShape, settings: StudentSettings) -> int:
    if settings.lora.rank:
        # Matrices per layer: four of attention, and two between the hidden and the intermediate size.
        ends = 4 * 2 * shape.hidden + 2 * (shape.hidden + shape.intermediate)
        return settings.lora.rank * ends * shape.layers
    unused = 0 if shape.trains_all_words else max(0, shape.words - _USED_WORDS)
    return shape.parameters - unused * shape.word_size


def _count_activations(shape: EncoderShape, settings: StudentSettings, length: int, is_bfloat16: bool) -> int:
    """Bytes that are kept per sub-word until the gradients are computed."""
    row = shape.heads * length * (_DISENTANGLED if shape.is_disentangled else 1)
    if is_bfloat16:
        # Norms stay float32, and so does attention by torch's plain kernel, which repeats bit for bit; each matrix
        # product keeps a copy of its input.
        layer = 32 * shape.hidden + 4 * shape.intermediate + (5 if shape.is_disentangled else 9) * row
    else:
        layer = (8 * _FLOAT32 + 2) * shape.hidden + 2 * _FLOAT32 * shape.intermediate + 9 * row
    kept = layer * shape.layers
    if settings.gradient_checkpointing:
        # The input of each layer, and one layer at a time.
        kept = _FLOAT32 * shape.hidden * shape.layers + layer
    embeddings = 3 * _FLOAT32 * shape.hidden
    return kept + embeddings
