"""The samples of a training as the network takes them: targets, weights, and what is made of doubtful labels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from evokd.student.protocol import AppraiseJob, DoubtJob, TrainExample, TrainJob, write_meaning
from evokd.student.tasks.base import TaskCodec
from evokd.student.tasks.network import TaskNetwork, TextPiece
from evokd.student.training.finetune import TrainingSet
from evokd.student.training.linear_head import Fitted, Rows, fit_rows
from evokd.student.training.noisy_labels import NoisyLabels, relabel


@dataclass(frozen=True)
class TrainingSamples:
    """All samples of a training."""

    job: TrainJob
    network: TaskNetwork
    examples: list[TrainExample]
    """The new ones first, each id once."""
    meanings: list[TrainExample]
    """The labels' meanings, as samples."""

    @property
    def texts(self) -> list[str]:
        """The texts of all, meanings at the end."""
        return [sample.text for sample in (*self.examples, *self.meanings)]

    @property
    def doubtful(self) -> bool:
        """Whether labels are weighed before anything is learnt from them: only where a text has exactly one.

        The rules divide one target between rival labels; labels that are independent have no rivals.
        """
        whole = self.network.classifies_texts and self.network.one_class
        return self.job.settings.loss != "cross_entropy" and whole

    def encode(self, task: TaskCodec, pieces: Sequence[TextPiece]) -> TrainingSet:
        """Make what is trained on.

        Args:
            task: the codec.
            pieces: of `texts`.
        """
        samples = [*self.examples, *self.meanings]
        owners = [samples[piece.text] for piece in pieces]
        targets = [self.network.target(piece, owner) for piece, owner in zip(pieces, owners, strict=True)]
        counts = Counter(label for sample in self.examples for label in task.labels_in(sample.gold))
        # A training that goes on has learned the meanings before.
        new = {sample.id for sample in (*self.job.examples, *(() if self.job.start else self.meanings))}
        return TrainingSet(
            encodings=[piece.inputs for piece in pieces],
            targets=targets,
            weights=torch.tensor([owner.weight for owner in owners], dtype=torch.float32),
            classes=self.network.class_weights(targets) if self.job.settings.balance else None,
            # A text with several labels is drawn for the rarest of them.
            groups=[min(task.labels_in(owner.gold), key=lambda x: (counts[x], x), default="") for owner in owners],
            older=[owner.id not in new for owner in owners],
            meanings=sum(piece.text >= len(self.examples) for piece in pieces),
        )

    def relabel(self, data: TrainingSet, features: Sequence[torch.Tensor]) -> tuple[TrainingSet, int]:
        """Weigh the labels by `student.loss`.

        Args:
            data: what is trained on.
            features: input of the output layer for each piece.

        Returns:
            The same with soft targets, and how many labels are doubted.
        """
        rows = _line_up(self.network, data, features, self.job.settings.balance)
        shares = rows.targets
        if not shares.is_floating_point():
            shares = torch.nn.functional.one_hot(shares, len(self.job.labels)).double()
        trusted = [sample.trusted for sample in self.examples]
        given = NoisyLabels(replace(rows, targets=shares), self.network.l2, trusted)
        settled = relabel(self.job.settings.loss, given)
        targets = torch.cat([settled.targets, shares[len(self.examples) :]])
        return replace(data, targets=list(targets)), settled.doubted

    def fit(self, data: TrainingSet, features: Sequence[torch.Tensor], classes: int, l2: float | None = None) -> Fitted:
        """Fit the output layer alone.

        Args:
            data: what is trained on.
            features: input of the layer for each piece.
            classes: outputs of the layer.
            l2: penalty; None: the task's.
        """
        settings, network = self.job.settings, self.network

        def loss(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            return network.loss(logits, targets, settings.label_smoothing, data.classes)

        return fit_rows(
            _line_up(network, data, features, settings.balance), network.l2 if l2 is None else l2, loss, classes
        )


def gather(job: TrainJob, network: TaskNetwork) -> TrainingSamples:
    """Gather the samples of a training, the new ones first, each id once; and the meanings of its labels."""
    known: dict[str, TrainExample] = {}
    for sample in [*job.examples, *job.replay]:
        known.setdefault(sample.id, sample)
    weight = job.settings.meaning_weight
    meanings = job.meanings if weight and network.classifies_texts else {}
    meaning_examples = [
        TrainExample(id=f"meaning {label}", text=write_meaning(label, meanings[label]), gold=label, weight=weight)
        for label in job.labels
        if label in meanings
    ]
    return TrainingSamples(job, network, list(known.values()), meaning_examples)


def _line_up(network: TaskNetwork, data: TrainingSet, inputs: Sequence[torch.Tensor], balance: bool) -> Rows:
    """Make the rows that an output layer is fitted on; the weights of samples have the mean 1."""
    weights = data.weights.double()
    pieces = len(weights) - data.meanings
    if balance:
        sizes = Counter(data.groups[:pieces])
        weights = weights / torch.tensor([float(sizes[group] or 1) for group in data.groups], dtype=torch.float64)
    features, targets, owners = network.flatten(inputs, data.targets)
    weights = weights[owners]
    labelled = len(weights) - data.meanings  # a meaning is one row: only whole texts have them
    weights[:labelled] *= labelled / weights[:labelled].sum().clamp(min=1e-12)
    weights[labelled:] = data.weights[labelled:]
    return Rows(features, targets, weights)


def make_fit_job(job: AppraiseJob | DoubtJob, examples: Sequence[TrainExample]) -> TrainJob:
    """Make the training that fits an output layer on some examples; nothing is written."""
    return TrainJob(
        task=job.task,
        labels=job.labels,
        examples=list(examples),
        meanings=job.meanings,
        out="",
        settings=job.settings,
        seed=0,
    )
