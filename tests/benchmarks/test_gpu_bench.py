"""The benchmark of training and prediction runs to its end on a CPU, and its figures are those of what was done."""

import json

import pytest
import torch

from benchmarks.gpu_bench import main, measure_matrix_rate
from benchmarks.gpu_subjects import SIZES, TINY, CountingTokenizer, draw_encodings


@pytest.mark.filterwarnings("ignore")  # of the Trainer
def test_the_tiny_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--tiny", "--device", "cpu", "--json", "--batch", "4"])
    figures = json.loads(capsys.readouterr().out)
    assert [figure["what"] for figure in figures] == ["evokd", "fast", "trainer", "predict", "pipeline"]
    for figure in figures:
        assert figure["seconds"] > 0
        assert figure["sub_words"] > 0
        assert 0 < figure["of_the_chip"] < 1
        assert figure["gigabytes"] is None
    done = [figure["seconds"] * figure["sub_words"] for figure in figures]
    assert done[0] == pytest.approx(done[1])
    assert done[3] == pytest.approx(done[4])


def test_products_are_counted_as_papers_do() -> None:
    model = TINY.build()
    linear = 2 * (4 * 32 * 32 + 2 * 32 * 64) + 32 * 32 + 32 * 2
    assert TINY.count_products(model, 10) == 2 * 10 * (linear + 2 * 10 * 32 * 2)


def test_padding_is_counted() -> None:
    tokenizer = CountingTokenizer(8)
    rows = [{"input_ids": [4] * length, "attention_mask": [1] * length} for length in (3, 5)]
    assert tokenizer.pad(rows, return_tensors="pt")["input_ids"].shape == (2, 8)
    assert (tokenizer.sub_words, tokenizer.padding) == (8, 0.5)
    tokenizer.clear()
    assert tokenizer.sub_words == 0


def test_sizes_are_those_of_their_names() -> None:
    with torch.device("meta"):
        counts = {name: sum(one.numel() for one in subject.build().parameters()) for name, subject in SIZES.items()}
    assert counts["22M"] == pytest.approx(22e6, rel=0.1)
    assert counts["150M"] == pytest.approx(150e6, rel=0.1)
    assert counts["400M"] == pytest.approx(400e6, rel=0.1)
    assert max(len(row["input_ids"]) for row in draw_encodings(500, 64)) == 64
    assert measure_matrix_rate(torch.device("cpu"), torch.float32, 64) > 0
