"""What `benchmarks.gpu_bench` times: encoders of real sizes with random weights, and texts of random words."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoModelForSequenceClassification, BertConfig, ModernBertConfig, PreTrainedTokenizerFast

from evokd.student.record import write_record
from evokd.student.tasks.classification.network import ClassificationNetwork

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_WORDS = 2_000
"""Different words of the texts."""
_LABELS = ("one", "other")
_MODERN: Mapping[str, Any] = {
    "pad_token_id": 0,
    "cls_token_id": 2,
    "sep_token_id": 3,
    "bos_token_id": 2,
    "eos_token_id": 3,
}


@dataclass(frozen=True)
class Subject:
    """An encoder of a size."""

    name: str
    config: Callable[..., Any]
    options: Mapping[str, Any]

    @property
    def network(self) -> ClassificationNetwork:
        """Its task: two labels."""
        return ClassificationNetwork(_LABELS)

    def build(self) -> Any:
        """Make it, with random weights, in float32 on the CPU."""
        torch.manual_seed(0)
        names = dict(enumerate(_LABELS))
        config = self.config(num_labels=len(names), id2label=names, **self.options)
        return AutoModelForSequenceClassification.from_config(config)

    def save(self, folder: Path, length: int) -> Any:
        """Write it as a student; returns the model."""
        model = self.build()
        model.save_pretrained(folder)
        make_tokenizer(length).save_pretrained(folder)
        write_record(folder, {"task": "classification", "labels": list(_LABELS), "max_length": length, "tune": "full"})
        return model

    def count_products(self, model: Any, length: int) -> float:
        """Count the operations of the matrix products of a forward pass for one text: layers, and attention."""
        linear = sum(module.weight.numel() for module in model.modules() if isinstance(module, torch.nn.Linear))
        attention = 2 * length * int(model.config.hidden_size * model.config.num_hidden_layers)
        return 2.0 * length * (linear + attention)


SIZES = {
    "22M": Subject(
        "22M",
        BertConfig,
        {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    ),
    "150M": Subject("150M", ModernBertConfig, _MODERN),
    "400M": Subject(
        "400M",
        ModernBertConfig,
        {
            **_MODERN,
            "hidden_size": 1024,
            "num_hidden_layers": 28,
            "num_attention_heads": 16,
            "intermediate_size": 2624,
        },
    ),
}
TINY = Subject(
    "tiny",
    BertConfig,
    {
        "vocab_size": _WORDS + len(_SPECIAL),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    },
)


def make_tokenizer(length: int) -> PreTrainedTokenizerFast:
    """Make a tokenizer of whole words."""
    names = [*_SPECIAL, *(f"w{number}" for number in range(_WORDS))]
    tokenizer = Tokenizer(models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    keys = ("pad_token", "unk_token", "cls_token", "sep_token")
    special = dict(zip(keys, _SPECIAL, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=length, **special)


def draw_lengths(count: int, most: int) -> list[int]:
    """Draw sub-words per text as short messages have them: many short ones, few long ones."""
    rng = random.Random(0)
    return [min(most, max(6, round(rng.lognormvariate(3.2, 0.6)))) for _ in range(count)]


def draw_encodings(count: int, most: int) -> list[dict[str, list[int]]]:
    """Draw texts as a tokenizer gives them."""
    rng = random.Random(1)
    words = [[rng.randrange(4, _WORDS) for _ in range(length)] for length in draw_lengths(count, most)]
    return [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in words]


def draw_texts(count: int, most: int) -> list[str]:
    """Draw texts of words that `make_tokenizer` knows."""
    rng = random.Random(2)
    lengths = draw_lengths(count, most - 2)
    return [" ".join(f"w{rng.randrange(_WORDS)}" for _ in range(length)) for length in lengths]


class CountingTokenizer:
    """Pads, and counts sub-words and padding."""

    def __init__(self, multiple: int | None) -> None:
        """Begin at zero.

        Args:
            multiple: lengths are padded to a multiple of this.
        """
        self._tokenizer = make_tokenizer(length=512)
        self._multiple = multiple
        self.clear()

    def clear(self) -> None:
        """Count from zero again."""
        self._lengths: Counter[int] = Counter()
        self._computed = 0

    def pad(self, encodings: Sequence[Mapping[str, Any]], return_tensors: str) -> Any:
        """Pad a batch, as a tokenizer does."""
        padded = self._tokenizer.pad(list(encodings), return_tensors=return_tensors, pad_to_multiple_of=self._multiple)
        self.count([len(encoding["input_ids"]) for encoding in encodings])
        self._computed += padded["input_ids"].numel()
        return padded

    def count(self, lengths: Sequence[int]) -> None:
        """Count texts by their sub-words."""
        self._lengths.update(lengths)

    @property
    def sub_words(self) -> int:
        """Sub-words of all texts, padding left out."""
        return sum(length * count for length, count in self._lengths.items())

    @property
    def padding(self) -> float | None:
        """Share of padding in what was computed; None where nothing was padded here."""
        return 1 - self.sub_words / self._computed if self._computed else None

    def add_up(self, cost: Callable[[int], float]) -> float:
        """Add up what all texts cost, each by its length."""
        return sum(cost(length) * count for length, count in self._lengths.items())
