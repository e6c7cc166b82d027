from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

from evokd.student.first_sub_word import FirstSubWordLayer, first_sub_word_read, read_first_sub_word

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


@pytest.mark.parametrize("padding", [True, False])
def test_gradients_are_those_of_the_whole_layer(tiny_student: Path, padding: bool) -> None:
    """Without dropout, whose draws differ."""
    mask = (IDS != 0).long() if padding else torch.ones_like(IDS)
    gradients = []
    for reads_first in (False, True):
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_pretrained(tiny_student).eval()
        with first_sub_word_read(model) if reads_first else nullcontext():
            model(input_ids=IDS, attention_mask=mask, labels=torch.tensor([0, 1, 0])).loss.backward()
        gradients.append({name: parameter.grad for name, parameter in model.named_parameters()})
    whole, first = gradients
    assert whole.keys() == first.keys()
    for name, gradient in whole.items():
        torch.testing.assert_close(first[name], gradient, msg=name)


def test_it_drops_out_in_training_alone_and_the_whole_layer_is_back_behind_the_block(tiny_student: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(tiny_student)
    layer = model.bert.encoder.layer[-1]
    for module in model.modules():  # of all dropout, that of the last layer's attention stays
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    layer.attention.self.dropout.p = 0.5
    with first_sub_word_read(model):
        assert isinstance(model.bert.encoder.layer[-1], FirstSubWordLayer)
        for mode, is_repeated in ((True, False), (False, True)):
            model.train(mode)
            one, two = (model(input_ids=IDS).logits for _ in range(2))
            assert torch.equal(one, two) is is_repeated
    assert model.bert.encoder.layer[-1] is layer


def test_a_training_whose_model_reads_every_sub_word_stays(tiny_student: Path) -> None:
    model = AutoModelForTokenClassification.from_pretrained(tiny_student)
    with first_sub_word_read(model):
        assert not any(isinstance(module, FirstSubWordLayer) for module in model.modules())
