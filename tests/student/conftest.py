"""A tiny random student with a handmade vocabulary, and the toy task that fits it."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

import evokd.student.features
from evokd.student.features import CACHE
from evokd.student.protocol import TrainExample, TrainJob
from evokd.student.student_settings import StudentSettings

LABELS = ["animal", "machine"]
WORDS = {
    "animal": ["cat", "dog", "horse", "bird", "fish", "cow"],
    "machine": ["car", "pump", "drill", "motor", "press", "lathe"],
}
FILLERS = ["the", "a", "my", "old", "new", "big", "is", "was", "here", "there", "loud", "quiet"]


def build_tiny(folder: Path, seed: int = 0) -> Path:
    """Write a random BERT of two layers and a word tokenizer; takes no network and no file of others."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [*special, *WORDS["animal"], *WORDS["machine"], *FILLERS]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"], special, strict=True))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        BertModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an untrained student that trains in a blink."""
    return build_tiny(tmp_path_factory.mktemp("tiny") / "student")


def write_texts(count: int, seed: int) -> list[TrainExample]:
    """Make toy samples: a text is about an animal or a machine."""
    rng = random.Random(seed)
    rows = []
    for i in range(count):
        label = LABELS[i % 2]
        words = [*rng.sample(FILLERS, 2), *rng.sample(WORDS[label], 3)]
        rng.shuffle(words)
        rows.append(TrainExample(id=f"{seed}-{i}", text=" ".join(words), gold=label))
    return rows


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Let no test see what another one has computed."""
    CACHE.clear()
    evokd.student.features._load_encoder.cache_clear()


MakeJob = Callable[..., TrainJob]


@pytest.fixture
def make_job(tiny_student: Path, tmp_path: Path) -> MakeJob:
    """Make a training of the tiny student; keywords of the settings and of the job may be given."""

    def make(name: str = "out", **changes: object) -> TrainJob:
        fields = {"labels": LABELS, "examples": write_texts(24, 1), "seed": 3, "replay": [], "start": None, "card": {}}
        job = {key: changes.pop(key, value) for key, value in fields.items()}
        settings = {"base": str(tiny_student), "tune": "full", "steps": 12, "rate": 5e-3, "device": "cpu", "threads": 1}
        return TrainJob.model_validate(
            {
                **job,
                "task": "classification",
                "out": str(tmp_path / name),
                "settings": StudentSettings.model_validate({**settings, **changes}),
            }
        )

    return make
