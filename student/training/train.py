"""Train the student: the whole network, or its output layer alone."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from evokd.student.base import find_local, locate
from evokd.student.compute import pick_device, pick_precision, reproducible, set_threads
from evokd.student.features import FEATURE_BATCH, Encoder, find_encoder, open_encoder, read_features
from evokd.student.memory import halve, release
from evokd.student.protocol import StudentError, TrainJob, TrainResult
from evokd.student.save import read_record, save_student
from evokd.student.student_settings import StudentSettings
from evokd.student.tasks.base import TaskCodec
from evokd.student.tasks.network import TaskNetwork
from evokd.student.tasks.registry import codec, make_network
from evokd.student.tokenizer import match_padding, open_tokenizer
from evokd.student.training.finetune import FullTraining, TrainingSet, clear_output
from evokd.student.training.linear_head import write_layer
from evokd.student.training.retry import Diverged, RetryState
from evokd.student.training.samples import TrainingSamples, gather
from evokd.student.training.vocabulary import small_vocabulary


@dataclass(frozen=True)
class _TrainOutcome:
    """What a try has reached."""

    steps: int
    samples: int
    loss: float
    precision: torch.dtype
    doubted: int


def train(job: TrainJob) -> TrainResult:
    """Train a student and write it to `job.out`; the same job gives the same weights on one machine.

    Where memory runs short, or the loss is not a number, it is tried again from the start's weights: with fewer texts
    at once, or at a lower rate.

    Raises:
        InputError: the base or the device asked for is not there.
        StudentError: the start has other labels, or no try went well.
    """
    began = time.monotonic()
    settings = job.settings
    device = pick_device(settings.device)
    set_threads(settings.threads)
    tune = _choose_tune(job)
    batch = FEATURE_BATCH if tune == "head" else settings.batch
    trials = RetryState(halve(batch, job.halvings), settings.rate)
    while (done := _try(job, tune, device, trials)) is None:
        release()
    return TrainResult(
        steps=done.steps,
        samples=done.samples,
        seconds=round(time.monotonic() - began, 3),
        loss=done.loss,
        doubted=done.doubted,
        tune=tune,
        device=device.type,
        precision=str(done.precision).removeprefix("torch."),
        rate=None if tune == "head" else trials.rate,
        at_once=trials.batch,
        faults=trials.faults,
    )


def _try(job: TrainJob, tune: str, device: torch.device, trials: RetryState) -> _TrainOutcome | None:
    """Make one try; None after a fault that another one may heal.

    A function of its own: once it is left, no frame of the error keeps the tensors of the failed try.
    """
    try:
        return _train(job, tune, device, trials)
    except Exception as exc:
        if not trials.mend(exc):
            raise
    return None


def _train(job: TrainJob, tune: str, device: torch.device, trials: RetryState) -> _TrainOutcome:
    task = codec(job.task, job.labels)
    network = make_network(task)
    samples = gather(job, network)
    with reproducible(job.seed):
        source = _check_start(job.start, job) if job.start else locate(job.settings.base)
        untouched = _read_tune(job.start) == "head"
        fits = tune == "head" or (untouched and job.settings.fit_first)
        encoder = _find_encoder(job, network) if tune == "head" or samples.doubtful else None
        if tune == "head" and encoder is not None:
            return _train_kept(samples, task, encoder, device, trials.batch)
        model = network.load(source).to(device)
        tokenizer = open_tokenizer(source, not network.whole)
        match_padding(model, tokenizer)
        limit = min(job.settings.length, tokenizer.model_max_length)
        data, doubted = samples.encode(task, network.cut(tokenizer, samples.texts, limit)), 0

        def look() -> list[torch.Tensor]:
            if encoder is not None:
                return encoder.see(samples.texts, limit, device, trials.batch)[1]
            return read_features(model, network.output_layer(model), tokenizer, data.encodings, trials.batch)

        seen = look() if fits or samples.doubtful else []
        if samples.doubtful:
            data, doubted = samples.relabel(data, seen)
        precision = torch.float32
        if fits:
            steps, loss = _fit_output(samples, network.output_layer(model), seen, data)
        elif untouched:
            clear_output(network, model)
        if tune == "full":
            precision = pick_precision(job.settings.precision, device)
            with small_vocabulary(model, data.encodings, tokenizer.pad_token_id or 0) as encodings:
                data = replace(data, encodings=encodings)
                training = FullTraining(network, model, tokenizer, data, _settings(job), precision)
                steps, loss = training.run(job.seed, trials.rate, trials.batch)
    save_student(model, tokenizer, job, tune, network.pipeline)
    return _TrainOutcome(steps, data.count, loss, precision, doubted)


def _train_kept(
    samples: TrainingSamples, task: TaskCodec, encoder: Encoder, device: torch.device, at_once: int
) -> _TrainOutcome:
    """Fit the output layer of a base that is kept in memory, on features of which most may be kept as well."""
    job, network = samples.job, encoder.network
    pieces, seen = encoder.see(samples.texts, job.settings.length, device, at_once)
    data, doubted = samples.encode(task, pieces), 0
    if samples.doubtful:
        data, doubted = samples.relabel(data, seen)
    steps, loss = _fit_output(samples, encoder.layer, seen, data)
    said = {"base": job.settings.base, "sha256": encoder.fingerprint}
    save_student(encoder.model, encoder.tokenizer, job, "head", network.pipeline, said)
    return _TrainOutcome(steps, data.count, loss, torch.float32, doubted)


def _settings(job: TrainJob) -> StudentSettings:
    """Give the settings of a full training; one that goes on from the start may be shorter."""
    settings = job.settings
    if job.start is None or settings.update_steps is None:
        return settings
    return settings.model_copy(update={"steps": settings.update_steps, "passes": 0.0})


def _find_encoder(job: TrainJob, network: TaskNetwork) -> Encoder | None:
    """Find the base whose untouched encoder the head is fitted on; None where the start's is another one."""
    if job.start is not None:
        return find_encoder(network, Path(job.start), read_record(Path(job.start)))
    source = find_local(job.settings.base)
    return None if source is None else open_encoder(network, job.labels, source)


def _choose_tune(job: TrainJob) -> str:
    if job.settings.tune != "auto":
        return job.settings.tune
    if _read_tune(job.start) == "full":
        return "full"
    samples = {sample.id for sample in (*job.examples, *job.replay)}
    return "head" if len(samples) / len(job.labels) < job.settings.head_until else "full"


def _read_tune(start: str | None) -> str:
    """Say how far the start was trained: "head" also for the base, whose encoder is as untouched."""
    return "head" if start is None else str(read_record(Path(start))["tune"])


def _check_start(start: str, job: TrainJob) -> str:
    record = read_record(Path(start))
    if record["task"] != job.task:
        raise StudentError(f"cannot continue from {start}: it was trained for {record['task']}, the task is {job.task}")
    if record["labels"] != job.labels:
        raise StudentError(f"cannot continue from {start}: it has labels {record['labels']}, the task has {job.labels}")
    return start


def _fit_output(
    samples: TrainingSamples, layer: torch.nn.Linear, seen: Sequence[torch.Tensor], data: TrainingSet
) -> tuple[int, float]:
    fitted = samples.fit(data, seen, layer.out_features)
    if not math.isfinite(fitted.loss):
        # No rate acts here: the features were no numbers.
        raise Diverged("loss", 0)
    write_layer(layer, fitted)
    return fitted.calls, fitted.loss
