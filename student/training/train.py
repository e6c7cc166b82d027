"""Train the student: the whole network, or its output layer alone."""

import copy
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch

from evokd.student.base import find_local, locate
from evokd.student.compute import pick_device, pick_precision, reproducible, set_threads
from evokd.student.features import FEATURE_BATCH, Encoder, compute_features, find_encoder, open_encoder
from evokd.student.first_sub_word import first_sub_word_read, read_first_sub_word
from evokd.student.memory import halve, release
from evokd.student.packed_linear import pack_linear_layers
from evokd.student.protocol import StudentError, TrainJob, TrainResult
from evokd.student.record import read_record
from evokd.student.save import save_student
from evokd.student.student_settings import StudentSettings
from evokd.student.tasks.base import TaskCodec
from evokd.student.tasks.network import load_base
from evokd.student.tasks.registry import codec, make_network
from evokd.student.tokenizer import match_padding, open_tokenizer
from evokd.student.training.adapters import low_rank_adapters
from evokd.student.training.checkpointing import checkpointed
from evokd.student.training.finetune import FullTraining, OnStep, TrainingSet, clear_layer
from evokd.student.training.linear_head import write_layer
from evokd.student.training.retry import Diverged, RetryState
from evokd.student.training.samples import TrainingSamples, gather
from evokd.student.training.vocabulary import small_vocabulary


@dataclass(frozen=True)
class _Outcome:
    """What an attempt has reached."""

    steps: int
    loss: float
    precision: torch.dtype
    doubted: int


def train(job: TrainJob, on_step: OnStep | None = None) -> TrainResult:
    """Train a student and write it to `job.out`; the same job gives the same weights on one machine.

    Where memory runs short or the training diverges, it is tried again from the start's weights: with fewer texts at
    once, or at a lower learning rate.

    Args:
        job: what to train on.
        on_step: called after every step that changes all weights, with its number, from 1, and the number of all.

    Raises:
        InputError: the base or the device asked for is not there.
        StudentError: the start has other labels, or no attempt went well.
    """
    began = time.monotonic()
    set_threads(job.settings.threads)
    training = _prepare(job, on_step)
    largest = FEATURE_BATCH if training.tune == "head" else job.settings.batch
    retry = RetryState(halve(largest, job.halvings), job.settings.rate)
    while (outcome := _attempt(training, retry)) is None:
        release()
    return TrainResult(
        steps=outcome.steps,
        samples=len(training.samples.examples),
        seconds=round(time.monotonic() - began, 3),
        loss=outcome.loss,
        doubted=outcome.doubted,
        tune=training.tune,
        device=training.device.type,
        precision=str(outcome.precision).removeprefix("torch."),
        rate=None if training.tune == "head" else retry.rate,
        at_once=retry.at_once,
        faults=retry.faults,
    )


def _attempt(training: "_Training", retry: RetryState) -> _Outcome | None:
    """Make one attempt; None after a fault that another one may heal.

    A function of its own: once it is left, no frame of the error keeps the tensors of the failed attempt.
    """
    try:
        return training.run(retry)
    except Exception as exc:
        if not retry.mend(exc):
            raise
    return None


def _prepare(job: TrainJob, on_step: OnStep | None) -> "_Training":
    task = codec(job.task, job.labels)
    samples = gather(job, make_network(task))
    start = _read_start(job)
    return _Training(samples, task, pick_device(job.settings.device), start, _choose_tune(samples, start), on_step)


def _read_start(job: TrainJob) -> Mapping[str, Any] | None:
    """Read the record of the student that the training continues from; None where it starts from the base."""
    if job.start is None:
        return None
    record = read_record(Path(job.start))
    expected = f"cannot continue from {job.start}: it "
    if record["task"] != job.task:
        raise StudentError(f"{expected}was trained for {record['task']}, the task is {job.task}")
    if record["labels"] != job.labels:
        raise StudentError(f"{expected}has labels {record['labels']}, the task has {job.labels}")
    return record


def _choose_tune(samples: TrainingSamples, start: Mapping[str, Any] | None) -> str:
    settings = samples.job.settings
    if settings.tune != "auto":
        return settings.tune
    if start is not None and start["tune"] == "full":
        return "full"
    return "head" if len(samples.examples) / len(samples.job.labels) < settings.head_until else "full"


@dataclass(frozen=True)
class _Training:
    """What stays the same in every attempt."""

    samples: TrainingSamples
    task: TaskCodec
    device: torch.device
    start: Mapping[str, Any] | None
    """Record of the student that it continues from; None for the base."""
    tune: str
    on_step: OnStep | None

    @property
    def pretrained(self) -> bool:
        """Whether the encoder has the weights of its base still."""
        return self.start is None or self.start["tune"] == "head"

    def run(self, retry: RetryState) -> _Outcome:
        """Train from the start's weights and save the student."""
        with reproducible(self.samples.job.seed):
            encoder = self._find_encoder() if self.tune == "head" or self.samples.doubtful else None
            if self.tune == "head" and encoder is not None:
                return self._fit_cached(encoder, retry)
            return self._train(encoder, retry)

    def _find_encoder(self) -> Encoder | None:
        """Find the base whose pretrained encoder the head is fitted on; None where the start's is another one."""
        job, network = self.samples.job, self.samples.network
        if job.start is not None and self.start is not None:
            return find_encoder(network, Path(job.start), self.start)
        source = find_local(job.settings.base)
        return None if source is None else open_encoder(network, job.labels, source)

    def _fit_cached(self, encoder: Encoder, retry: RetryState) -> _Outcome:
        """Fit the output layer of a base that stays in memory, on features of which most may be cached."""
        samples, job = self.samples, self.samples.job
        pieces, features = encoder.features(samples.texts, job.settings.length, self.device, retry.at_once)
        data, doubted = samples.encode(self.task, pieces), 0
        if samples.doubtful:
            data, doubted = samples.relabel(data, features)
        steps, loss = self._fit_output(encoder.layer, features, data)
        recorded = {"base": job.settings.base, "sha256": encoder.fingerprint}
        save_student(encoder.model, encoder.tokenizer, job, "head", samples.network.pipeline, recorded)
        return _Outcome(steps, loss, torch.float32, doubted)

    def _train(self, encoder: Encoder | None, retry: RetryState) -> _Outcome:
        samples, job, network = self.samples, self.samples.job, self.samples.network
        source = job.start or locate(job.settings.base)
        loaded = load_base(network, source)
        model: Any = loaded.model.to(self.device)
        tokenizer = open_tokenizer(source, not network.classifies_texts)
        match_padding(model, tokenizer)
        limit = min(job.settings.length, tokenizer.model_max_length)
        data, doubted = samples.encode(self.task, network.cut(tokenizer, samples.texts, limit)), 0
        layer = network.output_layer(model)
        fits = self.tune == "head" or (self.pretrained and job.settings.fit_first)
        features: Sequence[torch.Tensor] = []
        if encoder is not None:
            features = encoder.features(samples.texts, limit, self.device, retry.at_once)[1]
        elif fits or samples.doubtful:
            features = compute_features(*_make_quick(model, layer), tokenizer, data.encodings, retry.at_once)
        if samples.doubtful:
            data, doubted = samples.relabel(data, features)
        precision = torch.float32
        if fits:
            steps, loss = self._fit_output(layer, features, data)
        elif self.pretrained:
            clear_layer(layer)
        if self.tune == "full":
            precision = pick_precision(job.settings.precision, self.device, model.config.model_type)
            settings = _current_settings(job, retry)
            with (
                small_vocabulary(model, data.encodings, tokenizer.pad_token_id or 0) as encodings,
                low_rank_adapters(model, loaded.drawn, settings.lora),
                checkpointed(model, settings.gradient_checkpointing),
                first_sub_word_read(model),
            ):
                data = replace(data, encodings=encodings)
                training = FullTraining(
                    network, model, tokenizer, data, settings, precision, retry.at_once, self.on_step
                )
                steps, loss = training.run(job.seed)
        save_student(model, tokenizer, job, self.tune, network.pipeline)
        return _Outcome(steps, loss, precision, doubted)

    def _fit_output(
        self, layer: torch.nn.Linear, features: Sequence[torch.Tensor], data: TrainingSet
    ) -> tuple[int, float]:
        """Fit the output layer, in place; gives the evaluations of the loss, and the loss."""
        fitted = self.samples.fit(data, features, layer.out_features)
        if not math.isfinite(fitted.loss):
            # No learning rate acts here: the features are NaN.
            raise Diverged("loss", 0)
        write_layer(layer, fitted)
        return fitted.calls, fitted.loss


def _make_quick(model: torch.nn.Module, layer: torch.nn.Linear) -> tuple[torch.nn.Module, torch.nn.Linear]:
    """Give a copy of a model on the CPU that computes features in half of the time, and its output layer.

    On a GPU it is the model itself. The training that follows needs more memory than the copy.
    """
    if layer.weight.device.type != "cpu":
        return model, layer
    name = next(name for name, module in model.named_modules() if module is layer)
    quick = pack_linear_layers(read_first_sub_word(copy.deepcopy(model)))
    return quick, cast(torch.nn.Linear, quick.get_submodule(name))


def _current_settings(job: TrainJob, retry: RetryState) -> StudentSettings:
    """Give the settings of this attempt: the rate of the retry state, and fewer steps where a student is continued."""
    changes: dict[str, Any] = {"rate": retry.rate}
    if job.start is not None and job.settings.update_steps is not None:
        changes |= {"steps": job.settings.update_steps, "min_epochs": 0.0}
    return job.settings.model_copy(update=changes)
