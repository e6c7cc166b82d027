"""Compare policies of choosing drafts that the product does not have, beside those that it has, on frozen features.

    python -m benchmarks.policies ../shared/data/ag_news ../shared/data/goemotions4 --seeds 10

A policy asks the rehearsal Generator for twice the texts that it keeps and chooses among them by what the student says
of them, before they are labelled; or from a pool those with the mean of all (herding); or it shares the quotas out by
the student's errors. The student is the output layer alone, fitted as the product does, label meanings included; one
example per label to start from, 240 samples in cycles of 48, no noise. Prints the mean area under the curve of test
macro-F1 over samples, and its difference from unguided, balanced texts, with the standard error over seeds. Texts,
labels and draws depend on the seed alone.
"""

import argparse
import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from sklearn.metrics import f1_score

from agents.rehearsal.corpus import Corpus
from agents.rehearsal.generator import answer_generator
from agents.rehearsal.settings import RehearsalSettings
from graph.curriculum.herding import herd
from graph.curriculum.lessons import VARIED
from graph.domain import Domain, load_domain
from graph.rehearsal import read_corpus
from student.base import find_local
from student.features import open_encoder
from student.head import Fitted, Rows, fit_rows
from student.settings import StudentSettings
from student.tasks import Example

BUDGET, CYCLE = 240, 48
Draft = tuple[str, str]
"""A text and its label."""
Floats = np.ndarray[Any, np.dtype[np.float64]]


class Reader:
    """Features of texts, computed once."""

    def __init__(self, domain: Domain) -> None:
        source = find_local("embedded")
        assert source is not None
        encoder = open_encoder(domain.codec.network(), domain.codec.labels, source)
        assert encoder is not None
        meanings = [f"{label.replace('_', ' ')}: {meaning}" for label, meaning in domain.file.labels.items()]
        texts = [*(row.text for row in (*domain.corpus_rows, *domain.test)), *meanings]
        _, rows = encoder.see(texts, 128, torch.device("cpu"), 64)
        self._rows = dict(zip(texts, torch.stack(rows).double(), strict=True))
        self.meanings = self.read(meanings)
        self.penalty = encoder.network.penalty

    def read(self, texts: Sequence[str]) -> torch.Tensor:
        """Give the features of texts, (n, features)."""
        return torch.stack([self._rows[text] for text in texts])


@dataclass
class Pupil:
    """A student on its way, and what it was taught."""

    domain: Domain
    reader: Reader
    corpus: Corpus
    rng: random.Random
    typicality: float
    taught: list[Draft]
    wrong: list[Draft] = field(default_factory=list)
    """Drafts of earlier cycles that it got wrong before it learned them."""
    spare: list[Draft] = field(default_factory=list)
    """Drafts that no cycle has chosen yet."""
    layer: Fitted | None = None

    def learn(self) -> None:
        """Fit the layer on all that was taught, labels balanced, and on the labels' meanings."""
        count = len(self.domain.codec.labels)
        places = [self.domain.codec.labels.index(label) for _, label in self.taught]
        sizes = Counter(places)
        weights = [len(places) / (len(sizes) * sizes[place]) for place in places]
        targets = torch.nn.functional.one_hot(torch.tensor([*places, *range(count)]), count).double()
        features = torch.cat([self.reader.read([text for text, _ in self.taught]), self.reader.meanings])
        told = [StudentSettings().meaning_weight] * count
        rows = Rows(features, targets, torch.tensor([*weights, *told], dtype=torch.float64))
        self.layer = fit_rows(rows, self.reader.penalty)

    def answer(self, texts: Sequence[str]) -> Floats:
        """Give the probability of each label, (n, labels)."""
        assert self.layer is not None
        found: Floats = torch.softmax(self.layer.answer(self.reader.read(texts)), -1).numpy()
        return found

    def score(self) -> float:
        """Macro-F1 on test data."""
        labels = self.domain.codec.labels
        answers = [labels[place] for place in self.answer([row.text for row in self.domain.test]).argmax(1)]
        gold = [str(row.gold) for row in self.domain.test]
        return float(f1_score(gold, answers, labels=list(labels), average="macro", zero_division=0.0))

    def ask(self, quotas: Counter[str], guided: bool) -> list[Draft]:
        """Ask the rehearsal Generator: for any texts of the labels, or for plain ones."""
        plan = {
            "mode": "write",
            "weakness": {"name": "breadth", "pattern": "", "labels": [], "advice": VARIED if guided else ""},
            "labels": dict(self.domain.file.labels),
            "quotas": [{"label": label, "hard": 0, "easy": count} for label, count in quotas.items()],
            "examples": [],
            "avoid": [],
        }
        settings = RehearsalSettings(typicality=self.typicality)
        drafts = answer_generator(plan, self.corpus, settings, self.rng.randrange(2**31))["drafts"]
        known = {text for text, _ in self.taught}
        return [(draft["text"], draft["intended"]) for draft in drafts if draft["text"] not in known]


Choice = Callable[[Pupil, list[Draft], int], list[Draft]]


@dataclass(frozen=True)
class Policy:
    """How a cycle's texts are chosen."""

    guided: bool = False
    times: float = 1.0
    """Texts asked for, per text that is kept."""
    choose: Choice | None = None
    by_errors: float = 0.0
    """Power of a label's error rate in its quota; 0 balances the labels."""
    pool: float = 1.0
    """Texts to choose from by herding, new and left over, per text that is kept."""
    refill: float = 2.0
    """What is left over, per text that is kept, below which the pool is filled up."""

    def teach(self, pupil: Pupil, wanted: int) -> list[Draft]:
        """Choose the texts of a cycle."""
        if self.pool > 1:
            return self._choose_from_pool(pupil, self._share_out(pupil, wanted))
        drafts = pupil.ask(self._share_out(pupil, round(wanted * self.times) + 2), self.guided)
        return (self.choose(pupil, drafts, wanted) if self.choose else drafts)[:wanted]

    def _choose_from_pool(self, pupil: Pupil, kept: Counter[str]) -> list[Draft]:
        left = {label: [draft for draft in pupil.spare if draft[1] == label] for label in kept}
        lacking = {label: count for label, count in kept.items() if len(left[label]) < self.refill * count}
        asked = Counter({label: math.ceil(self.pool * count) - len(left[label]) for label, count in lacking.items()})
        known = set(pupil.spare)
        new = [draft for draft in pupil.ask(asked, self.guided) if draft not in known] if asked else []
        pupil.spare += new
        chosen: list[Draft] = []
        for label, count in kept.items():
            options = [draft for draft in pupil.spare if draft[1] == label]
            taught = [text for text, of in pupil.taught if of == label]
            own, known_rows = (pupil.reader.read(texts).numpy() for texts in ([text for text, _ in options], taught))
            # the first one taught was given, it says nothing of how the Generator's texts are distributed
            target = np.concatenate([own, known_rows[1:]]).mean(axis=0)
            chosen += [options[place] for place in herd(own, known_rows, target, count)]
        pupil.spare = [draft for draft in pupil.spare if draft not in set(chosen)]
        return chosen

    def _share_out(self, pupil: Pupil, count: int) -> Counter[str]:
        have = Counter(label for _, label in pupil.taught)
        missed = Counter(label for _, label in pupil.wrong)
        labels = pupil.domain.codec.labels
        weight = {label: ((missed[label] + 0.6) / (have[label] + 2)) ** self.by_errors for label in labels}
        quotas: Counter[str] = Counter()
        for _ in range(count):
            label = min(weight, key=lambda name: (have[name] / weight[name], name))
            have[label] += 1
            quotas[label] += 1
        return quotas


def _greedy(count: int, value: Callable[[list[int]], Floats]) -> list[int]:
    chosen: list[int] = []
    while len(chosen) < count:
        scores = value(chosen)
        scores[chosen] = -np.inf
        chosen.append(int(scores.argmax()))
    return chosen


def _unit(pupil: Pupil, texts: Sequence[str]) -> Floats:
    rows = pupil.reader.read(texts).numpy()
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _pick_far(pupil: Pupil, drafts: list[Draft], count: int, worth: Floats) -> list[Draft]:
    """Choose by worth times the distance from all that is known or chosen."""
    own, known = _unit(pupil, [text for text, _ in drafts]), _unit(pupil, [text for text, _ in pupil.taught])
    first = (own @ known.T).max(1)

    def value(chosen: list[int]) -> Floats:
        near = np.maximum(first, (own @ own[chosen].T).max(1)) if chosen else first
        return np.asarray(worth * (1 - near))

    return [drafts[place] for place in _greedy(min(count, len(drafts)), value)]


def by_margin(pupil: Pupil, drafts: list[Draft], count: int) -> list[Draft]:
    """Choose what the student is unsure of, far from the rest."""
    top = np.sort(pupil.answer([text for text, _ in drafts]), axis=1)
    return _pick_far(pupil, drafts, count, 1 - (top[:, -1] - top[:, -2]))


def by_loss(pupil: Pupil, drafts: list[Draft], count: int) -> list[Draft]:
    """Choose what the student gets wrong, far from the rest."""
    places = [pupil.domain.codec.labels.index(label) for _, label in drafts]
    return _pick_far(pupil, drafts, count, 1 - pupil.answer([text for text, _ in drafts])[range(len(drafts)), places])


def by_coverage(pupil: Pupil, drafts: list[Draft], count: int) -> list[Draft]:
    """Choose texts that stand for as many of the others as possible (facility location)."""
    own, known = _unit(pupil, [text for text, _ in drafts]), _unit(pupil, [text for text, _ in pupil.taught])
    likeness, first = own @ own.T, (own @ known.T).max(1)

    def value(chosen: list[int]) -> Floats:
        best = np.maximum(first, likeness[:, chosen].max(1)) if chosen else first
        return np.asarray(np.maximum(likeness - best[:, None], 0).sum(0))

    return [drafts[place] for place in _greedy(min(count, len(drafts)), value)]


POLICIES: dict[str, Policy] = {
    "unguided": Policy(),
    "plain texts": Policy(guided=True),
    "unguided, from a pool of 6": Policy(pool=6),
    "plain, from a pool of 3": Policy(guided=True, pool=3),
    "plain, from a pool of 6 (evokd's breadth)": Policy(guided=True, pool=6),
    "plain, from a pool of 12": Policy(guided=True, pool=12),
    "plain, from a pool of 6, filled up in every cycle": Policy(guided=True, pool=6, refill=6),
    "unguided, 2x, margin": Policy(times=2, choose=by_margin),
    "unguided, 2x, coverage": Policy(times=2, choose=by_coverage),
    "unguided, 2x, loss": Policy(times=2, choose=by_loss),
    "plain, 2x, margin": Policy(guided=True, times=2, choose=by_margin),
    "plain, 2x, coverage": Policy(guided=True, times=2, choose=by_coverage),
    "plain, quotas by errors": Policy(guided=True, by_errors=1.0),
}


def run(domain: Domain, reader: Reader, corpus: Corpus, policy: Policy, seed: int, typicality: float) -> float:
    """Area under the curve of a policy, 0 to 1."""
    rng = random.Random(f"{domain.file.name}/{seed}")
    shots = [_draw(domain.corpus_rows, label, rng) for label in domain.codec.labels]
    served = corpus.but_never([text for text, _ in shots])
    pupil = Pupil(domain, reader, served, rng, typicality, list(shots))
    pupil.learn()
    xs, ys = [0], [pupil.score()]
    while xs[-1] < BUDGET:
        drafts = policy.teach(pupil, min(CYCLE, BUDGET - xs[-1]))
        if not drafts:
            sys.exit(f"{domain.folder}: its corpus has no texts left after {xs[-1]} samples; {BUDGET} are needed")
        places = pupil.answer([text for text, _ in drafts]).argmax(1)
        labels = pupil.domain.codec.labels
        pupil.wrong += [draft for draft, place in zip(drafts, places, strict=True) if labels[place] != draft[1]]
        pupil.taught += drafts
        pupil.learn()
        xs.append(xs[-1] + len(drafts))
        ys.append(pupil.score())
    return float(np.trapezoid(ys, xs) / BUDGET)


def _draw(rows: Sequence[Example], label: str, rng: random.Random) -> Draft:
    return rng.choice([(row.text, label) for row in rows if row.gold == label])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domain", nargs="+", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--typicality", type=float, default=0.0)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    domains = [read_corpus(load_domain(path.resolve())) for path in arguments.domain]
    tools = [(domain, Reader(domain), _index(domain)) for domain in domains]
    names = [domain.file.name for domain in domains]
    print(f"| policy | {' | '.join(names)} | difference |\n|---|{'---|' * (len(names) + 1)}")
    base: list[list[float]] = []
    for name, policy in POLICIES.items():
        seeds = range(1, arguments.seeds + 1)
        areas = [[run(*tool, policy, seed, arguments.typicality) for seed in seeds] for tool in tools]
        base = base or areas
        gains = [mean(own[i] - first[i] for own, first in zip(areas, base, strict=True)) for i in range(len(seeds))]
        error = stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
        cells = " | ".join(f"{mean(row):.3f}" for row in areas)
        print(f"| {name} | {cells} | {mean(gains):+.4f} ± {error:.4f} |", flush=True)


def _index(domain: Domain) -> Corpus:
    return Corpus.of_examples([(row.text, domain.codec.to_wire(row.text, row.gold)) for row in domain.corpus_rows])


if __name__ == "__main__":
    main()
