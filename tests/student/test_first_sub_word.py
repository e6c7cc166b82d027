from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from evokd.student.first_sub_word import FirstSubWordLayer, read_first_sub_word

IDS = torch.tensor([[2, 5, 7, 9, 11, 3], [2, 6, 3, 0, 0, 0], [2, 8, 10, 3, 0, 0]])


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("padding", [True, False])
def test_logits_are_those_of_the_whole_layer(tiny_student: Path, attention: str, padding: bool) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(tiny_student, attn_implementation=attention).eval()
    mask = (IDS != 0).long() if padding else torch.ones_like(IDS)
    with torch.inference_mode():
        expected = model(input_ids=IDS, attention_mask=mask).logits
        assert read_first_sub_word(model) is model
        assert isinstance(model.bert.encoder.layer[-1], FirstSubWordLayer)
        torch.testing.assert_close(model(input_ids=IDS, attention_mask=mask).logits, expected)


def test_the_last_layer_gives_one_row_per_text(tiny_student: Path) -> None:
    model = read_first_sub_word(AutoModelForSequenceClassification.from_pretrained(tiny_student).eval())
    assert model.bert(input_ids=IDS).last_hidden_state.shape == (3, 1, 32)


def test_a_model_that_reads_every_sub_word_stays(tiny_student: Path) -> None:
    model = AutoModelForTokenClassification.from_pretrained(tiny_student)
    layers = list(read_first_sub_word(model).bert.encoder.layer)
    assert not any(isinstance(layer, FirstSubWordLayer) for layer in layers)
