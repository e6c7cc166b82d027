from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

from evokd.student.training.vocabulary import small_vocabulary

TEXTS = ["the cat", "my old pump is loud"]


def test_the_small_table_computes_the_same_and_gives_its_vectors_back(tiny_student: Path) -> None:
    model = AutoModel.from_pretrained(tiny_student).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_student)
    encodings = [dict(tokenizer(text)) for text in TEXTS]
    table = model.get_input_embeddings()
    before = table.weight.detach().clone()
    expected = model(**tokenizer.pad(encodings, return_tensors="pt")).last_hidden_state
    with small_vocabulary(model, encodings, tokenizer.pad_token_id) as small:
        assert len(model.get_input_embeddings().weight) == 10
        assert torch.equal(model(**tokenizer.pad(small, return_tensors="pt")).last_hidden_state, expected)
        with torch.no_grad():
            model.get_input_embeddings().weight.add_(1.0)
    assert model.get_input_embeddings() is table
    changed = {i for i, moved in enumerate((table.weight != before).any(1).tolist()) if moved}
    assert changed == {0, *(i for encoding in encodings for i in encoding["input_ids"])}


def test_a_model_that_pads_with_a_late_id_keeps_its_table(tiny_student: Path) -> None:
    model = AutoModel.from_pretrained(tiny_student)
    encodings = [{"input_ids": [2, 5, 3]}]
    with small_vocabulary(model, encodings, 50_256) as kept:
        assert kept == encodings
        assert len(model.get_input_embeddings().weight) > 10
