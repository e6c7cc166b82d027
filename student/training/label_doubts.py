"""Labels that the other rows contradict: out-of-sample probabilities of each, on features of the untrained encoder."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from evokd.messages.spans import split_words
from evokd.student.base import find_local
from evokd.student.compute import pick_device, set_threads
from evokd.student.features import FEATURE_BATCH, Encoder, open_encoder
from evokd.student.folds import split_folds
from evokd.student.memory import halve, with_less
from evokd.student.protocol import DoubtJob, DoubtReport, LabelDoubt, TrainExample
from evokd.student.tasks.base import TaskCodec
from evokd.student.tasks.network import IGNORE, TextPiece
from evokd.student.tasks.registry import codec, make_network
from evokd.student.training.finetune import TrainingSet
from evokd.student.training.samples import TrainingSamples, gather, make_fit_job

FOLDS = 5
LEAST_ROWS = 20
"""With fewer rows, nothing is said: the layers would be fitted on next to nothing."""
LEAST_OF_LABEL = 4
"""Rows of a label that are needed to judge it: without others of its kind, each of them looks like an error."""
_L2 = 300.0
"""Penalty of the fitted layers; a tagger's own lets them follow the errors of entities too closely."""
_DIGITS = 4


@dataclass(frozen=True)
class _Judgement:
    """What the other rows say about the label of a text or of a word."""

    given: str
    given_probability: float
    likelier: str
    probability: float

    @property
    def doubts(self) -> bool:
        return self.given != self.likelier


def doubt_labels(job: DoubtJob) -> DoubtReport:
    """Find labels that rows of other texts contradict, the most doubtful first.

    The rows are parted into folds, repeats of a text into the same one. An output layer that is fitted without a fold
    gives each of its rows a probability for every label. A row is doubtful where another label is likelier than the
    given one; rows are ordered by the probability of the given label. Words of entities are judged by their type, and
    the most doubtful words of a text stand for it.

    Source: Northcutt, Jiang and Chuang, Confident Learning (JAIR 2021): out-of-sample self-confidence.
    """
    source, network = find_local(job.settings.base), make_network(codec(job.task, job.labels))
    if not network.one_class:
        return DoubtReport(judged=0, doubts=[], unjudged="a text has any number of labels, which have no rivals")
    encoder = None if source is None else open_encoder(network, job.labels, source)
    if encoder is None:
        why = f"the base {job.settings.base!r} is not on this machine, or lacks weights"
        return DoubtReport(judged=0, doubts=[], unjudged=why)
    if len(job.examples) < LEAST_ROWS:
        return DoubtReport(
            judged=0, doubts=[], unjudged=f"fewer than {LEAST_ROWS} rows say too little about each other"
        )
    set_threads(job.settings.threads)
    judge = _Judge(job, codec(job.task, job.labels), encoder)
    doubts = [item for fold in split_folds(job.examples, FOLDS) for item in judge.judge(fold)]
    doubts.sort(key=lambda item: (item.given_probability, item.id))
    return DoubtReport(judged=len(job.examples), doubts=doubts)


class _Judge:
    """Fits layers without a fold, and judges the labels of that fold."""

    def __init__(self, job: DoubtJob, task: TaskCodec, encoder: Encoder) -> None:
        self._job, self._task, self._encoder = job, task, encoder
        self._device = pick_device(job.settings.device)
        counts = Counter(label for item in job.examples for label in task.labels_in(item.gold))
        self._judged = {"", *(label for label, count in counts.items() if count >= LEAST_OF_LABEL)}
        classes = encoder.network.class_labels
        self._names = list(dict.fromkeys(classes))
        self._groups = torch.tensor([self._names.index(label) for label in classes])

    def judge(self, fold: Sequence[TrainExample]) -> Iterator[LabelDoubt]:
        """Give the doubts about the labels of a fold, one for each text at most."""
        out = {item.id for item in fold}
        rest = [item for item in self._job.examples if item.id not in out]
        if not rest:
            return
        network, classes = self._encoder.network, self._encoder.layer.out_features
        samples = gather(make_fit_job(self._job, rest), network)
        data, inputs = self._read(samples)
        fitted = samples.fit(data, inputs, classes, _L2)
        held = TrainingSamples(make_fit_job(self._job, fold), network, list(fold), [])
        pieces, inputs = self._features(held.texts)
        parts = zip(pieces, inputs, held.encode(self._task, pieces).targets, strict=True)
        for text, own in groupby(parts, key=lambda part: part[0].text):
            words: dict[tuple[int, int], _Judgement] = {}
            for piece, features, target in own:
                shares = torch.softmax(fitted.answer(features.reshape(-1, features.shape[-1])), -1)
                given = target.reshape(-1).tolist()
                for position, first, last in piece.words or ((0, 0, 0),):
                    self._put(words, (first, last), shares[position], given[position])
            doubt = self._sum_up(fold[text], words)
            if doubt is not None:
                yield doubt

    def _put(
        self, words: dict[tuple[int, int], _Judgement], place: tuple[int, int], shares: torch.Tensor, given: int
    ) -> None:
        """Judge a word, or a whole text; of a word in several windows, the judgement kindest to its label counts."""
        if given == IGNORE:
            return
        labels = torch.zeros(len(self._names), dtype=shares.dtype).index_add(0, self._groups, shares)
        mine, best = int(self._groups[given]), int(labels.argmax())
        judgement = _Judgement(self._names[mine], float(labels[mine]), self._names[best], float(labels[best]))
        if place not in words or words[place].given_probability < judgement.given_probability:
            words[place] = judgement

    def _sum_up(self, item: TrainExample, words: dict[tuple[int, int], _Judgement]) -> LabelDoubt | None:
        """Let the most doubtful words stand for a text; None where all labels are the likeliest ones."""
        known = {place: word for place, word in words.items() if word.doubts and word.given in self._judged}
        if not known:
            return None
        worst = min(known, key=lambda place: (known[place].given_probability, place))
        found, start, end = known[worst], None, None
        if not isinstance(item.gold, str):
            start, end = _extend(item.text, known, worst)
        return LabelDoubt(
            id=item.id,
            start=start,
            end=end,
            given=found.given,
            given_probability=round(found.given_probability, _DIGITS),
            likelier=found.likelier,
            probability=round(found.probability, _DIGITS),
        )

    def _read(self, samples: TrainingSamples) -> tuple[TrainingSet, list[torch.Tensor]]:
        pieces, features = self._features(samples.texts)
        return samples.encode(self._task, pieces), features

    def _features(self, texts: Sequence[str]) -> tuple[list[TextPiece], list[torch.Tensor]]:
        at_once, limit = halve(FEATURE_BATCH, self._job.halvings), self._job.settings.length
        return with_less(at_once, lambda fit: self._encoder.features(texts, limit, self._device, fit))[0]


def _extend(text: str, doubtful: dict[tuple[int, int], _Judgement], place: tuple[int, int]) -> tuple[int, int]:
    """Find the characters of the words around a doubtful one that are doubted in the same way."""
    same = doubtful[place].given, doubtful[place].likelier
    alike = sorted(other for other, word in doubtful.items() if (word.given, word.likelier) == same)
    first, last = place
    for other in reversed(alike):
        if other[1] == first - 1:
            first = other[0]
    for other in alike:
        if other[0] == last + 1:
            last = other[1]
    spans = split_words(text)
    return spans[first][0], spans[last][1]
