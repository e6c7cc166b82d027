"""Bases that cannot work are found by their files; those that can are made to."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast, pipeline

from evokd.messages import InputError
from evokd.student.base import check_student
from evokd.student.base_config import count_positions, read_length
from evokd.student.predict import predict
from evokd.student.protocol import PredictJob
from evokd.student.tokenizer import open_tokenizer
from evokd.student.training.train import train
from tests.student.conftest import MakeJob, write_texts
from tests.student.training.test_train import ner, write_sentences

BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no kind": ({"model_type": None}, "model_type"),
    "remote code": ({"model_type": "own", "auto_map": {"AutoModel": "own.Model"}}, "code of its own"),
    "unknown kind": ({"model_type": "foobert"}, "does not know model_type 'foobert'"),
    "pictures": ({"model_type": "vit"}, "kind 'vit' does not classify texts"),
    "encoder and decoder": ({"model_type": "bart", "is_encoder_decoder": True}, "encoder with a decoder"),
    "too few positions": ({"max_position_embeddings": 4}, "4 sub-words at once"),
}


def change(path: Path, **values: Any) -> None:
    said = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**said, **values}), encoding="utf-8")


@pytest.mark.parametrize(("values", "told"), BROKEN.values(), ids=BROKEN)
def test_a_base_of_a_kind_that_cannot_work(
    tiny_student: Path, tmp_path: Path, values: dict[str, Any], told: str
) -> None:
    folder = Path(shutil.copytree(tiny_student, tmp_path / "m"))
    change(folder / "config.json", **values)
    with pytest.raises(InputError, match=told):
        check_student(str(folder))


def test_code_beside_a_model_that_transformers_knows_is_not_needed(tiny_student: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_student, tmp_path / "m"))
    change(folder / "config.json", auto_map={"AutoModel": "own.Model"})
    check_student(str(folder))


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_configuration_that_is_no_json_object(tiny_student: Path, tmp_path: Path, text: str) -> None:
    folder = Path(shutil.copytree(tiny_student, tmp_path / "m"))
    (folder / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"config\.json: .*JSON"):
        check_student(str(folder))


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512}, 512),
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "gpt2", "n_positions": 1024}, 1024),
        ({"model_type": "xlnet", "max_position_embeddings": -1}, None),
        ({"model_type": "t5"}, None),
    ],
)
def test_positions_are_counted(config: dict[str, Any], positions: int | None) -> None:
    assert count_positions(config) == positions


def build_decoder(folder: Path, positions: int = 32) -> Path:
    """Write a random decoder whose tokenizer has no padding token."""
    letters = pre_tokenizers.ByteLevel.alphabet()
    bpe = Tokenizer(models.BPE({"<|end|>": 0, **{letter: n for n, letter in enumerate(sorted(letters), 1)}}, []))
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|end|>").save_pretrained(folder)
    size = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": positions}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        GPT2Model(GPT2Config(vocab_size=257, bos_token_id=0, eos_token_id=0, **size)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("tune", ["head", "full"])
@pytest.mark.parametrize("task", ["classification", "ner"])
def test_a_base_without_padding_and_with_few_positions_is_trained(
    make_job: MakeJob, tmp_path: Path, task: str, tune: str
) -> None:
    changes = {"base": str(build_decoder(tmp_path / "base")), "tune": tune, "steps": 2}
    job = make_job(**changes) if task == "classification" else ner(make_job, **changes)
    train(job)
    assert len(predict(PredictJob(folder=job.out, texts=["the cat " * 40, "a"]))) == 2
    config = json.loads(Path(job.out, "config.json").read_text(encoding="utf-8"))
    tokenizer = json.loads(Path(job.out, "tokenizer_config.json").read_text(encoding="utf-8"))
    assert config["pad_token_id"] == 0
    assert (tokenizer["pad_token"], tokenizer["model_max_length"]) == ("<|end|>", 32)


@pytest.mark.parametrize("tune", ["head", "full"])
def test_plain_transformers_reads_of_a_long_text_what_the_student_reads(make_job: MakeJob, tune: str) -> None:
    job = make_job(tune=tune, max_length=16)
    train(job)
    texts = [*(row.text for row in write_texts(4, 5)), "the cat " * 12 + "drill " * 40]
    plain = pipeline("text-classification", model=job.out, device="cpu")(texts, truncation=True)
    for one, other in zip(predict(PredictJob(folder=job.out, texts=texts)), plain, strict=True):
        assert one.answer == other["label"]
        assert one.confidence == pytest.approx(other["score"], abs=5e-5)
    assert "truncation=True" in Path(job.out, "README.md").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")  # the toy one has no mark of sub-words
def test_plain_transformers_finds_the_entities_as_the_card_says(make_job: MakeJob) -> None:
    job = ner(make_job, steps=60, max_length=16)
    train(job)
    assert 'aggregation_strategy="first", stride=4' in Path(job.out, "README.md").read_text(encoding="utf-8")
    find = pipeline("token-classification", model=job.out, device="cpu", aggregation_strategy="first", stride=4)
    texts = [row.text for length in (5, 30) for row in write_sentences(4, length, length)]
    # where the likeliest tag of a word is not a well-formed one, the student takes the likeliest well-formed tags
    sure = [(text, one) for text, one in zip(texts, predict(PredictJob(folder=job.out, texts=texts)), strict=True)]
    sure = [(text, one) for text, one in sure if one.confidence > 0.5]
    assert len(sure) > len(texts) / 2
    for text, one in sure:
        plain = [(item["start"], item["end"], item["entity_group"]) for item in find(text)]
        assert plain == [(item["start"], item["end"], item["label"]) for item in one.answer]


def test_a_student_as_a_base_reads_as_much_as_its_weights_can(make_job: MakeJob, tmp_path: Path) -> None:
    first = make_job(max_length=16, steps=2, tune="full")
    train(first)
    assert open_tokenizer(first.out).model_max_length == read_length(Path(first.out)) == 64
    second = make_job("second", base=first.out, max_length=32, steps=2, tune="full")
    train(second)
    assert json.loads(Path(second.out, "evokd.json").read_text(encoding="utf-8"))["max_length"] == 32
