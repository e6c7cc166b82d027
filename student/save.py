"""Write a trained student as a folder that plain transformers loads."""

import shutil
from pathlib import Path
from typing import Any

from evokd.student.card import write_card
from evokd.student.protocol import TrainJob
from evokd.student.record import write_record
from evokd.student.tokenizer import limit_length


def save_student(
    model: Any, tokenizer: Any, job: TrainJob, tune: str, pipeline: str, encoder: dict[str, str] | None = None
) -> None:
    """Write weights, tokenizer, `evokd.json` and model card; the folder appears whole or not at all.

    Args:
        model: a transformers model.
        tokenizer: its tokenizer.
        job: the training.
        tune: what was trained, head or full.
        pipeline: what the model hub calls the task.
        encoder: where all weights but the output layer's are a base's: its name (`base`) and fingerprint (`sha256`).
    """
    out = Path(job.out)
    # One fixed name per folder: what a killed training left is cleared by the next one.
    partial, old = out.with_name(f".{out.name}.partial"), out.with_name(f".{out.name}.old")
    for leftover in (partial, old):
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir(parents=True)
    model.save_pretrained(partial)  # transformers 5 writes safetensors only
    tokenizer.save_pretrained(partial)
    length = min(job.settings.length, tokenizer.model_max_length)
    limit_length(partial, length)
    # safetensors writes for the owner alone; the weights are no more private than the files beside them.
    for weights in partial.glob("*.safetensors"):
        weights.chmod((partial / "config.json").stat().st_mode)
    record: dict[str, Any] = {
        "task": job.task,
        "labels": job.labels,
        "max_length": length,
        "tune": tune,
    }
    if encoder is not None:
        record["encoder"] = encoder
    write_record(partial, record)
    (partial / "README.md").write_text(write_card(job, tune, pipeline, length), encoding="utf-8", newline="\n")
    if out.exists():
        out.rename(old)
    partial.rename(out)
    shutil.rmtree(old, ignore_errors=True)
