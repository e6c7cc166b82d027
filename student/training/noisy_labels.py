"""What to learn from labels that may be wrong: soft targets and weights, found by cross-fitting an output layer.

A fitted layer has memorised its samples, so a sample is judged by a layer that was fitted without it: the samples are
parted five times, and each part is answered by a layer fitted on the other four, on features of the frozen encoder.
Each rule below was measured; see docs/benchmarks-simulated.md.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.mixture import GaussianMixture

from evokd.student.training.linear_head import Rows, fit_rows

LEAST = 24
"""Samples below which labels are taken as they are: too few to judge one another."""
_FOLDS = 5
_SHARP = 3.0
"""Power of a layer's probabilities: fitted under a strong penalty on few samples, it is less sure than it is right."""
_ERROR = 0.15
"""Share of labels that are expected to be wrong."""
_FIRST = 0.7
"""Share of the first of several candidates before anything is learnt."""
_ROUNDS = 2
"""Turns of fitting and weighing the candidates anew."""
_DOUBT = 0.5
"""Share of the target, or of the weight, below which a given label counts as doubted."""


@dataclass(frozen=True)
class NoisyLabels:
    """The labels of some texts as they came."""

    rows: Rows
    """Features, one-hot targets (rows, labels) and weights; rows of label meanings at the end."""
    candidates: Sequence[Sequence[int]]
    """Places of the plausible labels of each sample, best first; empty where only the given one is."""
    penalty: float
    """Of a fitted layer."""
    trusted: Sequence[bool]
    """Whether the label of a sample is beyond doubt."""

    @property
    def count(self) -> int:
        """Samples, without the meanings."""
        return len(self.trusted)


@dataclass(frozen=True)
class Relabelled:
    """What is learnt from instead."""

    targets: torch.Tensor
    """(samples, labels), float64, rows add up to 1."""
    shares: torch.Tensor
    """(samples,), what the weight of each is multiplied with, 0 to 1, float64."""
    doubted: int
    """Samples whose given label has lost most of its target or weight."""


def relabel(rule: str, given: NoisyLabels) -> Relabelled:
    """Weigh the labels of texts by what the other texts say of them.

    Args:
        rule: `bootstrap`, `candidates` or `small_loss`.
        given: the labels; below `LEAST` samples they stay as they are.
    """
    first = given.rows.targets[: given.count]
    targets, shares = first.clone(), torch.ones(given.count, dtype=torch.float64)
    if given.count >= LEAST:
        if rule == "bootstrap":
            targets = _bootstrap(given)
        elif rule == "candidates":
            targets = _weigh_candidates(given)
        else:
            shares = _keep_small_losses(given)
        trusted = torch.tensor(list(given.trusted))
        targets[trusted] = first[trusted]
        shares[trusted] = 1.0
    doubted = int((((targets * first).sum(1) < _DOUBT) | (shares < _DOUBT)).sum())
    return Relabelled(targets, shares, doubted)


def _bootstrap(given: NoisyLabels) -> torch.Tensor:
    """Take the given label as evidence beside what the layer says: the posterior of each label.

    Source: soft bootstrapping, arXiv 1412.6596, section 3; there the network's own answer is mixed in at a fixed share,
    here the answer of a layer that has not seen the sample, by Bayes' rule.
    """
    first = given.rows.targets[: given.count]
    labels = first.shape[1]
    likely = _normalise(_cross_fit(given, first) ** _SHARP)
    return _normalise(likely * torch.where(first > 0, 1 - _ERROR, _ERROR / max(1, labels - 1)))


def _weigh_candidates(given: NoisyLabels) -> torch.Tensor:
    """Share the target out among the plausible labels, in the shares that the layer gives them.

    Source: CanDist, arXiv 2506.03857, section 3.3; there the shares start alike and the network's own answers renew
    them, here the first candidate starts ahead, which was measured better, and the answers are cross-fitted.
    """
    start = given.rows.targets[: given.count].clone()
    for i, places in enumerate(given.candidates):
        if len(places) > 1:
            start[i] = 0.0
            start[i, list(places)] = (1 - _FIRST) / (len(places) - 1)
            start[i, places[0]] = _FIRST
    targets = start
    for _ in range(_ROUNDS):
        targets = _normalise(_cross_fit(given, targets) * start)
    return targets


def _keep_small_losses(given: NoisyLabels) -> torch.Tensor:
    """Give each sample the probability that its loss is one of the small ones.

    Source: FreeAL, arXiv 2311.15614, section 3.3: a Gaussian mixture of two on the losses; there those above one half
    are kept whole and the rest is dropped.
    """
    first = given.rows.targets[: given.count]
    losses = -(_cross_fit(given, first) * first).sum(1).clamp(min=1e-9).log().numpy()[:, None]
    mixture = GaussianMixture(2, random_state=0, reg_covar=1e-3).fit(losses)
    small = int(mixture.means_.argmin())
    share = mixture.predict_proba(losses)[:, small]
    # The wider Gaussian claims the far end of the small losses as well.
    return torch.from_numpy(np.where(losses[:, 0] <= mixture.means_[small, 0], 1.0, share))


def _cross_fit(given: NoisyLabels, targets: torch.Tensor) -> torch.Tensor:
    """Answer each sample with a layer fitted on the others: probabilities, (samples, labels), float64."""
    rows, count = given.rows, given.count
    places = given.rows.targets[:count].argmax(1).tolist()
    met: Counter[int] = Counter()
    folds = []
    for place in places:
        folds.append(met[place] % _FOLDS)
        met[place] += 1
    fold = torch.tensor([*folds, *[_FOLDS] * (len(rows.features) - count)])
    whole = torch.cat([targets, rows.targets[count:]])
    found = torch.zeros(count, targets.shape[1], dtype=torch.float64)
    for part in range(_FOLDS):
        if not (inside := fold[:count] == part).any():
            continue
        others = fold != part
        fitted = fit_rows(Rows(rows.features[others], whole[others], rows.weights[others]), given.penalty)
        found[inside] = torch.softmax(fitted.answer(rows.features[:count][inside]), -1)
    return found


def _normalise(shares: torch.Tensor) -> torch.Tensor:
    return shares / shares.sum(1, keepdim=True).clamp(min=1e-12)
