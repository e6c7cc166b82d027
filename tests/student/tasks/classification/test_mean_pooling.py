import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from evokd.student.features import compute_features
from evokd.student.tasks.classification.network import ClassificationNetwork

TEXTS = ["the cat", "my old dog was here", "a loud new pump is there and here and there"]


@pytest.fixture
def sentence_encoder(tiny_student: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(tiny_student, tmp_path / "encoder"))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}), encoding="utf-8")
    return folder


def test_the_added_layer_gives_the_normed_mean_of_the_encoder(sentence_encoder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(sentence_encoder)
    network = ClassificationNetwork(["a", "b"])
    model = network.load(str(sentence_encoder)).model
    encodings = [dict(tokenizer(text)) for text in TEXTS]
    features = torch.stack(compute_features(model, network.output_layer(model), tokenizer, encodings))
    encoder = AutoModel.from_pretrained(sentence_encoder).eval()
    with torch.inference_mode():
        means = torch.stack(
            [encoder(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0) for text in TEXTS]
        )
    expected = torch.tanh(0.3 * torch.nn.functional.layer_norm(means, means.shape[1:]))
    torch.testing.assert_close(features, expected, atol=0.02, rtol=0)


def test_other_bases_are_taken_as_they_are(tiny_student: Path, sentence_encoder: Path) -> None:
    network = ClassificationNetwork(["a", "b"])
    layers = [len(network.load(str(folder)).model.bert.encoder.layer) for folder in (tiny_student, sentence_encoder)]  # type: ignore
    assert layers == [2, 3]
