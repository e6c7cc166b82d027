"""What to learn from labels that may be wrong: soft targets, found by cross-fitting an output layer.

A fitted layer has memorised its samples, so a sample is judged by a layer that was fitted without it: the samples are
parted five times, and each part is answered by a layer fitted on the other four, on features of the frozen encoder.
What each rule won is in docs/experiments/noisy-labels.md.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from evokd.student.training.linear_head import Rows, fit_rows

LEAST = 24
"""Samples below which labels are taken as they are: too few to judge one another."""
_FOLDS = 5
_SHARPNESS = 3.0
"""Power of a layer's probabilities: fitted with strong L2 on few samples, it is less sure than it is right."""
_ERROR = 0.15
"""Share of labels that are expected to be wrong."""
_DOUBT = 0.5
"""Share of the target below which a given label counts as doubted."""


@dataclass(frozen=True)
class NoisyLabels:
    """The labels of some texts as they came."""

    rows: Rows
    """Features, one-hot targets (rows, labels) and weights; rows of label meanings at the end."""
    l2: float
    """Of a fitted layer; see `linear_head.fit_rows`."""
    trusted: Sequence[bool]
    """Whether the label of a sample is beyond doubt."""

    @property
    def count(self) -> int:
        """Samples, without the meanings."""
        return len(self.trusted)

    @property
    def targets(self) -> torch.Tensor:
        """One-hot targets of the samples, (samples, labels), float64."""
        return self.rows.targets[: self.count]


@dataclass(frozen=True)
class Relabelled:
    """What is learnt from instead."""

    targets: torch.Tensor
    """(samples, labels), float64, rows add up to 1."""
    doubted: int
    """Samples whose given label has lost most of its target."""


def relabel(rule: str, given: NoisyLabels) -> Relabelled:
    """Weigh the labels of texts by what the other texts say of them.

    Args:
        rule: a key of `RULES`.
        given: the labels; below `LEAST` samples they stay as they are.
    """
    targets = given.targets.clone()
    if given.count >= LEAST:
        doubtful = ~torch.tensor(list(given.trusted))
        targets[doubtful] = RULES[rule](given)[doubtful]
    doubted = int(((targets * given.targets).sum(1) < _DOUBT).sum())
    return Relabelled(targets, doubted)


def _bootstrap(given: NoisyLabels) -> torch.Tensor:
    """Take the given label as evidence beside what the layer says: the posterior of each label, (samples, labels).

    Source: soft bootstrapping, arXiv 1412.6596, section 3; there the network's answer is mixed in at a fixed share,
    here the answer of a layer that has not seen the sample, by Bayes' rule.
    """
    labels = given.targets.shape[1]
    prior = _normalise(_cross_fit(given) ** _SHARPNESS)
    return _normalise(prior * torch.where(given.targets > 0, 1 - _ERROR, _ERROR / max(1, labels - 1)))


RULES: Mapping[str, Callable[[NoisyLabels], torch.Tensor]] = {"bootstrap": _bootstrap}
"""Value of `student.loss` -> what gives the targets of all samples, (samples, labels), float64, rows adding up to 1."""


def _cross_fit(given: NoisyLabels) -> torch.Tensor:
    """Answer each sample with a layer fitted on the others: probabilities, (samples, labels), float64."""
    rows, count = given.rows, given.count
    met: Counter[int] = Counter()
    folds = []
    for label in given.targets.argmax(1).tolist():
        folds.append(met[label] % _FOLDS)
        met[label] += 1
    fold = torch.tensor([*folds, *[_FOLDS] * (len(rows.features) - count)])
    answers = torch.zeros(given.targets.shape, dtype=torch.float64)
    for part in range(_FOLDS):
        if not (inside := fold[:count] == part).any():
            continue
        others = fold != part
        fitted = fit_rows(Rows(rows.features[others], rows.targets[others], rows.weights[others]), given.l2)
        answers[inside] = torch.softmax(fitted.answer(rows.features[:count][inside]), -1)
    return answers


def _normalise(shares: torch.Tensor) -> torch.Tensor:
    return shares / shares.sum(1, keepdim=True).clamp(min=1e-12)
