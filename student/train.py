"""Train the student: the whole network, or its output layer alone."""

import math
import random
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from student.base import locate
from student.batches import plan_batches
from student.compute import autocast, pick_device, pick_precision, reproducible, set_threads
from student.head import fit_head, read_features
from student.jobs import StudentError, TrainExample, TrainJob, TrainResult
from student.network import TaskNetwork
from student.save import read_record, save_student
from student.tasks import TaskCodec, codec
from student.vocabulary import small_vocabulary

_WARM_UP = 0.1
"""Share of the steps in which the rate rises from 0."""
_OUTPUT_RATE = 10.0
"""Rate of the output layer, in rates of the rest: it begins at zero and has the longest way to go."""
_DECAY = 0.01
"""Weight decay of matrices."""
_CLIP = 1.0
"""Largest norm of the gradient."""


@dataclass(frozen=True)
class _Set:
    """The samples of a training as the network takes them, a row per piece."""

    count: int
    """Samples."""
    encodings: list[dict[str, Any]]
    targets: list[torch.Tensor]
    weights: torch.Tensor
    classes: torch.Tensor | None
    groups: list[str]
    older: list[bool]


def train(job: TrainJob) -> TrainResult:
    """Train a student and write it to `job.out`; the same job gives the same weights on one machine.

    Raises:
        InputError: the base or the device asked for is not there.
        StudentError: the start has other labels, or the loss is not a number.
    """
    began = time.monotonic()
    settings = job.settings
    task = codec(job.task, job.labels)
    device = pick_device(settings.device)
    set_threads(settings.threads)
    tune = _choose_tune(job)
    with reproducible(job.seed):
        source = _check_start(job.start, job) if job.start else locate(settings.base)
        network = task.network()
        model = network.load(source).to(device)
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        data = _encode(job, task, network, tokenizer)
        if tune == "head":
            precision = torch.float32
            steps, loss = _fit_output(network, model, tokenizer, data, job)
        else:
            if _read_tune(job.start) == "head":
                _clear_output(network, model)
            precision = pick_precision(settings.precision, device)
            with small_vocabulary(model, data.encodings, tokenizer.pad_token_id or 0) as encodings:
                data = replace(data, encodings=encodings)
                steps, loss = _train_all(network, model, tokenizer, data, job, precision)
    if not math.isfinite(loss):
        raise StudentError(f"the training loss became {loss}; lower student.rate ({settings.rate:g})")
    save_student(model, tokenizer, job, tune, network.pipeline)
    return TrainResult(
        steps=steps,
        samples=data.count,
        seconds=round(time.monotonic() - began, 3),
        loss=loss,
        tune=tune,
        device=device.type,
        precision=str(precision).removeprefix("torch."),
    )


def _choose_tune(job: TrainJob) -> str:
    if job.settings.tune != "auto":
        return job.settings.tune
    if _read_tune(job.start) == "full":
        return "full"
    return "head" if len(_samples(job)) / len(job.labels) < job.settings.head_until else "full"


def _read_tune(start: str | None) -> str:
    """Say how far the start was trained: "head" also for the base, whose encoder is as untouched."""
    return "head" if start is None else str(read_record(Path(start))["tune"])


def _samples(job: TrainJob) -> list[TrainExample]:
    """All samples, the new ones first, each id once."""
    known: dict[str, TrainExample] = {}
    for sample in [*job.examples, *job.replay]:
        known.setdefault(sample.id, sample)
    return list(known.values())


def _check_start(start: str, job: TrainJob) -> str:
    record = read_record(Path(start))
    if record["task"] != job.task:
        raise StudentError(f"cannot continue from {start}: it was trained for {record['task']}, the task is {job.task}")
    if record["labels"] != job.labels:
        raise StudentError(f"cannot continue from {start}: it has labels {record['labels']}, the task has {job.labels}")
    return start


def _encode(job: TrainJob, task: TaskCodec, network: TaskNetwork, tokenizer: Any) -> _Set:
    samples = _samples(job)
    limit = min(job.settings.max_length, tokenizer.model_max_length)
    pieces = network.cut(tokenizer, [sample.text for sample in samples], limit)
    owners = [samples[piece.text] for piece in pieces]
    targets = [network.target(piece, owner) for piece, owner in zip(pieces, owners, strict=True)]
    counts = Counter(label for sample in samples for label in task.labels_in(sample.gold))
    new = {sample.id for sample in job.examples}
    return _Set(
        count=len(samples),
        encodings=[piece.inputs for piece in pieces],
        targets=targets,
        weights=torch.tensor([owner.weight for owner in owners], dtype=torch.float32),
        classes=network.class_weights(targets) if job.settings.balance else None,
        # A text with several labels is drawn for the rarest of them.
        groups=[min(task.labels_in(owner.gold), key=lambda x: (counts[x], x), default="") for owner in owners],
        older=[owner.id not in new for owner in owners],
    )


def _fit_output(
    network: TaskNetwork, model: torch.nn.Module, tokenizer: Any, data: _Set, job: TrainJob
) -> tuple[int, float]:
    layer = network.output_layer(model)
    weights = data.weights
    if job.settings.balance:
        sizes = Counter(data.groups)
        weights = weights / torch.tensor([float(sizes[group]) for group in data.groups])
    seen = read_features(model, layer, tokenizer, data.encodings)
    features, targets, pieces = network.flatten(seen, data.targets)
    return fit_head(network, layer, features, targets, weights[pieces], job.settings.label_smoothing, data.classes)


def _clear_output(network: TaskNetwork, model: torch.nn.Module) -> None:
    """Let a full training of an untouched encoder begin at equal logits.

    Measured: 60 steps reach more from here than from a fitted output layer, which leaves little loss to learn from, and
    than from random values.
    """
    layer = network.output_layer(model)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()


def _train_all(
    network: TaskNetwork, model: torch.nn.Module, tokenizer: Any, data: _Set, job: TrainJob, dtype: torch.dtype
) -> tuple[int, float]:
    # A plain loop: transformers.Trainer would need a sampler, a collator and a callback of ours as well, it seeds the
    # global generators, and importing it takes longer (5 s) than the whole start of this process (2.5 s).
    settings = job.settings
    steps = max(settings.steps, math.ceil(settings.passes * data.older.count(False) / settings.batch))
    lengths = [len(encoding["input_ids"]) for encoding in data.encodings]
    batches = plan_batches(
        data.groups,
        lengths,
        data.older,
        steps=steps,
        batch=settings.batch,
        replay=settings.replay,
        balance=settings.balance,
        rng=random.Random(job.seed),
    )
    device = next(model.parameters()).device
    classes = None if data.classes is None else data.classes.to(device)
    optimizer = torch.optim.AdamW(_parameters(network, model, settings.rate), lr=settings.rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate_at(step, steps))
    losses: list[torch.Tensor] = []
    model.train()
    for places in batches:
        inputs = tokenizer.pad([data.encodings[i] for i in places], return_tensors="pt").to(device)
        targets = network.collate([data.targets[i] for i in places]).to(device)
        weights = data.weights[places].to(device)
        with autocast(device, dtype):
            logits = model(**inputs).logits
        loss = (network.loss(logits, targets, settings.label_smoothing, classes) * weights).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
        losses.append(loss.detach())
    tail = losses[-max(1, steps // 10) :]
    return steps, float(torch.stack(tail).mean())


def _parameters(network: TaskNetwork, model: torch.nn.Module, rate: float) -> list[dict[str, Any]]:
    output = list(network.output_layer(model).parameters())
    inner = [p for p in model.parameters() if p.requires_grad and not any(p is q for q in output)]
    # Biases and norms are not decayed, as is usual.
    return [
        {"params": [p for p in inner if p.ndim > 1], "weight_decay": _DECAY},
        {"params": [p for p in inner if p.ndim <= 1], "weight_decay": 0.0},
        {"params": output, "weight_decay": _DECAY, "lr": rate * _OUTPUT_RATE},
    ]


def _rate_at(step: int, steps: int) -> float:
    """Linear up to 1 during the warm-up, then linear down to 0 behind the last step."""
    warm = max(1, round(steps * _WARM_UP))
    return (step + 1) / warm if step < warm else (steps - step) / max(1, steps - warm)
