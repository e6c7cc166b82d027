"""Compare short trainings in bfloat16 with the same ones in float32: score on their own texts, and loss.

    python -m benchmarks.precision_lag [--steps 20,60,150] [--seeds 2] [--layers 5] [--cold]

float32    all of it
bfloat16   as a run trains where the hardware computes in it: weights float32, products bfloat16
output32   the same, but the output layer computes in float32, so that no logit is rounded

With --layers the base keeps its first layers alone, so it must learn more. With --cold the output layer starts at zero
and is not fitted before (`student.fit_first=false`). Works on a CPU that computes in bfloat16, and on a GPU.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch.nn import functional
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from benchmarks.gpu_tools import Bench
from evokd.student.base import locate
from evokd.student.tasks.sequence_classifier import SequenceClassifier
from evokd.student.training.train import train

WAYS = ("float32", "bfloat16", "output32")


def cut_layers(layers: int, folder: Path) -> str:
    """Write the embedded base with its first layers alone; gives the folder."""
    model: Any = AutoModel.from_pretrained(locate("embedded"))
    model.encoder.layer = model.encoder.layer[:layers]
    model.config.num_hidden_layers = layers
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(locate("embedded")).save_pretrained(folder)
    return str(folder)


@contextmanager
def output_in_float32() -> Iterator[None]:
    """Let the output layers that are trained inside the block compute outside of autocast."""
    find = SequenceClassifier.output_layer

    def find_and_wrap(network: SequenceClassifier, model: torch.nn.Module) -> torch.nn.Linear:
        layer = find(network, model)

        def compute(rows: torch.Tensor) -> torch.Tensor:
            with torch.autocast(rows.device.type, enabled=False):
                return functional.linear(rows.float(), layer.weight, layer.bias)

        layer.forward = compute  # type: ignore[method-assign, assignment]
        return layer

    with patch.object(SequenceClassifier, "output_layer", find_and_wrap):
        yield


def compare(bench: Bench, steps: int, seed: int, cold: bool) -> dict[str, tuple[float, float]]:
    """Train in every way; gives accuracy on the texts of the training, and the mean loss of its last tenth."""
    found = {}
    for way in WAYS:
        precision = "float32" if way == "float32" else "bfloat16"
        job = bench.job(
            "classification", way, tune="full", steps=steps, min_epochs=0, fit_first=not cold, precision=precision
        )
        with output_in_float32() if way == "output32" else nullcontext():
            result = train(job.model_copy(update={"seed": seed}))
        found[way] = (bench.score(job), result.loss)
        shutil.rmtree(job.out)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", default="20,60,150", help="lengths of trainings")
    parser.add_argument("--seeds", type=int, default=2, help="seeds 1 to N")
    parser.add_argument("--layers", type=int, help="layers of the base that are kept; default: all")
    parser.add_argument("--cold", action="store_true", help="start at a zero output layer")
    asked = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    print(f"{'steps':>5}{'seed':>6}" + "".join(f"{way:>18}" for way in WAYS), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        base = cut_layers(asked.layers, Path(folder, "base")) if asked.layers else "embedded"
        bench = Bench(base, Path(folder))
        for steps in map(int, asked.steps.split(",")):
            for seed in range(1, asked.seeds + 1):
                found = compare(bench, steps, seed, asked.cold)
                cells = "".join(f"{score:9.3f} ({loss:.4f})" for score, loss in found.values())
                print(f"{steps:5}{seed:6}{cells}", flush=True)


if __name__ == "__main__":
    main()
