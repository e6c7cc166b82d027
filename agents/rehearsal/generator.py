"""The Generator's part: texts of the corpus, chosen for a lesson or, without advice, at random."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.rehearsal.chance import open_stream
from agents.rehearsal.corpus import Corpus
from agents.rehearsal.index import Floats, Ints, rank
from agents.rehearsal.settings import RehearsalSettings
from agents.rehearsal.wire import PlanIn, QuotaIn, read_message

_FOLLOWING_MODES = ("paraphrase", "extrapolate")
_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”')

_PULL = 3.0
"""How strongly a guided lesson pulls: the best fitting text is e^3 = 20 times as likely as the worst. Much more, and a
lesson's texts all look alike, from which a student learns less than from random ones."""
_DENSEST = 0.1
"""Share of a label's texts that is left at typicality 1."""
_OUTLIERS = 0.15
"""Share of a label's texts, those that speak least of any label, that is no borderline text but an odd one."""
_INVERTED = 0.05
"""Share of a label's texts, those deepest inside another label, that is probably labelled wrong."""
_ALIKE = 0.5
"""Cosine from which two texts of a lesson say the same."""


def answer_generator(plan: dict[str, Any], corpus: Corpus, settings: RehearsalSettings, seed: int) -> dict[str, Any]:
    """Answer a `lesson_plan`: for each label as many hard and easy texts as asked for, as far as the corpus has them.

    Never a seed or one of the plan's examples. What is to be avoided comes only when a label has nothing else left.

    Raises:
        RequestError: the plan lacks a field.
    """
    lesson = _Lesson(read_message(PlanIn, plan), corpus, settings, open_stream("lesson", seed, plan))
    drafts: list[dict[str, Any]] = []
    for quota in lesson.plan.quotas:
        if quota.label in lesson.plan.labels:
            drafts.extend(lesson.write(quota))
    return {"drafts": drafts}


class _Lesson:
    """One plan being answered; rows that were given are not given again."""

    def __init__(self, plan: PlanIn, corpus: Corpus, settings: RehearsalSettings, rng: np.random.Generator) -> None:
        self.plan = plan
        self._corpus = corpus
        self._index = corpus.index
        self._typicality = settings.typicality
        self._rng = rng
        known = [corpus.find(example.text) for example in plan.examples]
        self._given: set[int] = {row for row in known if row is not None}
        self._avoid = corpus.beginning_with(plan.avoid)

    def write(self, quota: QuotaIn) -> list[dict[str, Any]]:
        """Choose the texts of one label, hard ones first."""
        rows = self._candidates(quota.label)
        wanted = min(quota.hard + quota.easy, len(rows))
        hard = min(quota.hard, wanted)
        if not wanted:
            return []
        topic = self.plan.weakness
        if self.plan.mode in _FOLLOWING_MODES and self.plan.examples:
            chosen = self._follow(quota.label, rows, wanted)
        elif topic.advice.strip() or topic.pattern.strip():
            chosen = self._guide(quota.label, rows, hard, wanted - hard)
        else:
            chosen = self._sample(rows, wanted)
        self._given.update(chosen)
        return [
            {
                "text": self._corpus.rows[row].text,
                "difficulty": "hard" if at < hard else "easy",
                "intended": quota.label,
            }
            for at, row in enumerate(chosen)
        ]

    def _candidates(self, label: str) -> Ints:
        """Rows of a label that may be given now; when all of them are to be avoided, these, as nothing else is left."""
        rows = [int(row) for row in self._corpus.retrievable(label) if int(row) not in self._given]
        fresh = [row for row in rows if row not in self._avoid]
        return np.array(fresh or rows, dtype=np.intp)

    def _sample(self, rows: Ints, wanted: int) -> list[int]:
        """Choose at random among the densest share of the label's texts, all of them at typicality 0."""
        of_label = np.flatnonzero(self._index.label_of == self._index.label_of[rows[0]])
        densest_first = of_label[np.argsort(-self._index.density[of_label], kind="stable")]
        size = max(math.ceil((1.0 - (1.0 - _DENSEST) * self._typicality) * len(of_label)), 1)
        pool = densest_first[:size][np.isin(densest_first[:size], rows)]
        if len(pool) < wanted:
            pool = densest_first[np.isin(densest_first, rows)][:wanted]
        return self._hardest_first(self._rng.choice(pool, size=wanted, replace=False))

    def _follow(self, label: str, rows: Ints, wanted: int) -> list[int]:
        """Choose the nearest texts of each example in turn, those of the label before others."""
        same = [example.text for example in self.plan.examples if example.gold == label]
        texts = same or [example.text for example in self.plan.examples]
        likeness = self._index.similarities(self._index.vectors(texts))[:, rows]
        # A slight chance among near equals, so that asking again with another seed brings other texts.
        order = np.argsort(-(likeness + 0.03 * self._rng.gumbel(size=likeness.shape)), axis=1, kind="stable")
        chosen: list[int] = []
        queues = [iter(rows[line].tolist()) for line in order]
        while len(chosen) < wanted:
            queue = queues[len(chosen) % len(queues)]
            chosen.append(next(row for row in queue if row not in chosen))
        return self._hardest_first(np.array(chosen, dtype=np.intp))

    def _guide(self, label: str, rows: Ints, hard: int, easy: int) -> list[int]:
        """Choose borderline and clear texts that fit the advice, by chance weighted with how well they fit."""
        rivals = self._index.columns([other for other in self.plan.weakness.labels if other != label])
        own, rival = self._index.margins(rows, rivals or range(len(self._index.labels)))
        fit = rank(self._relevance(label, rows))
        clear = rank(own - rival)
        border = np.where(
            (rank(own + rival) < _OUTLIERS) | (clear < _INVERTED), -1.0, 1.0 - np.maximum(clear, _INVERTED)
        )
        chosen = self._pick(rows, 0.5 * fit + 0.5 * border, hard, [])
        left = np.array([row not in chosen for row in rows.tolist()])
        ease = 0.25 * fit + 0.75 * (0.5 * clear + 0.5 * rank(own))
        return self._pick(rows[left], ease[left], easy, chosen)

    def _relevance(self, label: str, rows: Ints) -> Floats:
        """Compare rows with advice, pattern and the label's examples: (r,), quoted words count thrice."""
        topic = self.plan.weakness
        advice = f"{topic.pattern} {topic.advice}"
        quoted = " ".join(a or b for a, b in _QUOTED.findall(advice))
        examples = [example.text for example in self.plan.examples if example.gold == label]
        likeness = self._index.similarities(self._index.vectors([f"{advice} {quoted} {quoted}", *examples]))[:, rows]
        relevance: Floats = likeness[0]
        return relevance + likeness[1:].mean(axis=0) if examples else relevance

    def _pick(self, rows: Ints, scores: Floats, count: int, chosen: Sequence[int]) -> list[int]:
        """Add `count` rows by chance weighted with their scores (0 to 1), passing over those like one already chosen.

        Source: Gumbel-top-k sampling without replacement (Kool et al. 2019, arXiv 1903.06059).
        """
        order = rows[np.argsort(-(_PULL * scores + self._rng.gumbel(size=len(rows))), kind="stable")]
        picked = list(chosen)
        # A prefix long enough to choose from; comparing all rows with each other would cost more than the lesson.
        head, tail = order[: 4 * count + 8], order[4 * count + 8 :]
        likeness = self._index.likeness(head, np.concatenate([np.array(picked, dtype=np.intp), head]))
        taken = list(range(len(picked)))
        spare: list[int] = []
        for at, row in enumerate(head.tolist()):
            if len(picked) == len(chosen) + count:
                break
            if taken and likeness[at, taken].max() >= _ALIKE:
                spare.append(row)
                continue
            picked.append(row)
            taken.append(len(chosen) + at)
        missing = len(chosen) + count - len(picked)
        return [*picked, *[*spare, *tail.tolist()][:missing]]

    def _hardest_first(self, rows: Ints) -> list[int]:
        own, rival = self._index.margins(rows, range(len(self._index.labels)))
        return [int(row) for row in rows[np.argsort(own - rival, kind="stable")]]
