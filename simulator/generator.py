"""The Generator's part: texts of the corpus, chosen for a lesson or, without advice, at random."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from evokd.messages import NO_ENTITY, NO_LABEL
from evokd.simulator.corpus import Corpus
from evokd.simulator.entity_modes import MODES, Augmenter
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import PlanIn, QuotaIn, labels_in, read_message, write_entities
from evokd.simulator.seeded_rng import open_stream
from evokd.simulator.text_index import Floats, Ints, rank
from evokd.simulator.words import read_quotes

_FOLLOWING_MODES = ("paraphrase", "extrapolate")

_PULL = 3.0
"""How strongly a guided lesson pulls: the best fitting text is e^3 = 20 times as likely as the worst. Much more, and a
lesson's texts all look alike, from which a student learns less than from random ones."""
_TOPIC = 2.0
"""How strongly a topic pulls, in pulls of everything else: a writer who is told a topic keeps to it."""
TOPIC = "topic"
"""Axis of a plan's profile that says what texts are about."""
_DENSEST = 0.1
"""Share of a label's texts that is left at typicality 1."""
_ALIKE = 0.5
"""Cosine from which two texts of a lesson say the same."""


def answer_generator(plan: dict[str, Any], corpus: Corpus, settings: RehearsalSettings, seed: int) -> dict[str, Any]:
    """Answer a `lesson_plan`: for each label as many hard and easy texts as asked for, as far as the corpus has them.

    Never a seed or one of the plan's examples. What is to be avoided comes only when a label has nothing else left.
    With a corpus of entities a label's texts are those that hold one of that type, and some modes make texts out of
    the plan's examples (see `entity_modes`); where that cannot be done a text of the corpus stands in. A quota for
    `NO_ENTITY`, or for `NO_LABEL`, gets texts without any. A quota for several labels gets texts that have them
    together; where the corpus has none, texts of the first of them.

    Raises:
        RequestError: the plan lacks a field.
    """
    read = read_message(PlanIn, plan)
    lesson = _Lesson(read, corpus, settings, open_stream("lesson", seed, plan))
    if corpus.mentions is not None and read.mode in MODES:
        lesson.augmenter = Augmenter(read, corpus, corpus.mentions, lesson.given, open_stream("remake", seed, plan))
    drafts: list[dict[str, Any]] = []
    for quota in lesson.plan.quotas:
        known = all(label in lesson.plan.labels for label in quota.labels or [quota.label])
        if known or quota.label in (NO_ENTITY, NO_LABEL):
            drafts.extend(lesson.write(quota))
    return {"drafts": drafts}


def _list_topics(plan: PlanIn, axis: str) -> list[str]:
    """The topics of an axis of the plan's profile, each as often as it is asked for."""
    return [topic for topic, count in plan.profile.get(axis, {}).items() for _ in range(count)]


class _Lesson:
    """One plan being answered; rows that were given are not given again.

    Attributes:
        given: rows that are the plan's examples or were given.
        remaker: makes texts out of the plan's examples, where the mode asks for it.
    """

    def __init__(self, plan: PlanIn, corpus: Corpus, settings: RehearsalSettings, rng: np.random.Generator) -> None:
        self.plan = plan
        self._corpus = corpus
        self._index = corpus.index
        self._typicality = settings.typicality
        self._slips = settings.slips if corpus.mentions is None else 0.0
        self._rng = rng
        known = [corpus.find(example.text) for example in plan.examples]
        self.given: set[int] = {row for row in known if row is not None}
        self.augmenter: Augmenter | None = None
        self._avoid = corpus.beginning_with(plan.avoid)
        self._topics = _list_topics(plan, TOPIC)

    def write(self, quota: QuotaIn) -> list[dict[str, Any]]:
        """Make or choose the texts of one label, hard ones first."""
        drafts: dict[str, list[dict[str, Any]]] = {"hard": [], "easy": []}
        wanted = {"hard": quota.hard, "easy": quota.easy}
        total = quota.hard + quota.easy
        topics = _list_topics(self.plan, f"{TOPIC} of {quota.label}")
        if not topics:
            topics, self._topics = self._topics[:total], self._topics[total:]
        label = quota.labels[0] if quota.labels else quota.label
        if self.augmenter is not None:
            for difficulty, made in drafts.items():
                made.extend(self.augmenter.make(quota.label, difficulty, wanted[difficulty]))
                wanted[difficulty] -= len(made)
        chosen, hard = self._choose(label, wanted["hard"], wanted["easy"], topics, quota.labels)
        for at, row in enumerate(chosen):
            difficulty = "hard" if at < hard else "easy"
            drafts[difficulty].append(self._slip(label, difficulty, quota.labels) or self._draft(row, difficulty))
        return [*drafts["hard"], *drafts["easy"]]

    def _slip(self, label: str, difficulty: str, together: Sequence[str]) -> dict[str, Any] | None:
        """Now and then write a text of another label and take it for one of this."""
        if not self._slips or self._rng.random() >= self._slips:
            return None
        others = [rows for other in self.plan.labels if other != label and len(rows := self._candidates(other))]
        if not others:
            return None
        row = int(self._rng.choice(others[self._rng.integers(len(others))]))
        self.given.add(row)
        intended = list(together) if self._corpus.has_sets else label
        return {**self._draft(row, difficulty), "intended": intended}

    def _draft(self, row: int, difficulty: str) -> dict[str, Any]:
        text, answer = self._corpus.rows[row].text, self._corpus.rows[row].answer
        intended: object = answer
        if isinstance(answer, frozenset):
            intended = [label for label in self.plan.labels if label in answer]
        elif isinstance(answer, tuple):
            intended = write_entities(text, answer, self.plan.labels)
        return {"text": text, "difficulty": difficulty, "intended": intended}

    def _choose(
        self, label: str, hard: int, easy: int, topics: Sequence[str], together: Sequence[str] = ()
    ) -> tuple[list[int], int]:
        """Choose rows of a label, as many as there are; gives them, hard ones first, and how many are hard.

        Args:
            label: the label.
            hard: hard texts wanted.
            easy: easy texts wanted.
            topics: what each text is to be about, empty or absent where that is open.
            together: labels that each text is to have, where answers are sets.
        """
        rows = self._candidates(label, together)
        wanted = min(hard + easy, len(rows))
        hard = min(hard, wanted)
        column = self._index.column(label)
        if wanted and label in (NO_ENTITY, NO_LABEL):
            no_label = [int(row) for row in self._rng.choice(rows, size=wanted, replace=False)]
            self.given.update(no_label)
            return no_label, hard
        if not wanted or column is None:
            return [], 0
        topic = self.plan.weakness
        if self.plan.mode in _FOLLOWING_MODES and self.plan.examples:
            chosen = self._follow(label, column, rows, wanted)
        elif topic.advice.strip() or topic.pattern.strip():
            about = [*topics, *[""] * wanted][:wanted]
            chosen = self._guide(label, column, rows, (about[:hard], about[hard:]))
        else:
            chosen = self._sample(column, rows, wanted)
        self.given.update(chosen)
        return chosen, hard

    def _candidates(self, label: str, together: Sequence[str] = ()) -> Ints:
        """Rows of a label that may be given now; when all of them are to be avoided, these, as nothing else is left."""
        found = [*self._corpus.retrievable_set(together)] if self._corpus.has_sets else []
        rows = [int(row) for row in found if int(row) not in self.given]
        rows = rows or [int(row) for row in self._corpus.retrievable(label) if int(row) not in self.given]
        fresh = [row for row in rows if row not in self._avoid]
        return np.array(fresh or rows, dtype=np.intp)

    def _sample(self, column: int, rows: Ints, wanted: int) -> list[int]:
        """Choose at random among the densest share of the label's texts, all of them at typicality 0."""
        of_label = np.flatnonzero(self._index.members[:, column])
        densest_first = of_label[np.argsort(-self._index.density[of_label, column], kind="stable")]
        size = max(math.ceil((1.0 - (1.0 - _DENSEST) * self._typicality) * len(of_label)), 1)
        pool = densest_first[:size][np.isin(densest_first[:size], rows)]
        if len(pool) < wanted:
            pool = densest_first[np.isin(densest_first, rows)][:wanted]
        return self._hardest_first(self._rng.choice(pool, size=wanted, replace=False), column)

    def _follow(self, label: str, column: int, rows: Ints, wanted: int) -> list[int]:
        """Choose the nearest texts of each example in turn, those of the label before others."""
        same = [example.text for example in self.plan.examples if label in labels_in(example.gold)]
        texts = same or [example.text for example in self.plan.examples]
        likeness = self._index.similarities(self._index.vectors(texts))[:, rows]
        # A slight chance among near equals, so that asking again with another seed brings other texts.
        order = np.argsort(-(likeness + 0.03 * self._rng.gumbel(size=likeness.shape)), axis=1, kind="stable")
        chosen: list[int] = []
        queues = [iter(rows[line].tolist()) for line in order]
        while len(chosen) < wanted:
            queue = queues[len(chosen) % len(queues)]
            chosen.append(next(row for row in queue if row not in chosen))
        return self._hardest_first(np.array(chosen, dtype=np.intp), column)

    def _guide(self, label: str, column: int, rows: Ints, topics: tuple[Sequence[str], Sequence[str]]) -> list[int]:
        """Choose texts that fit advice and topics (of hard texts, of easy ones), by chance weighted with the fit."""
        rivals = self._index.columns([other for other in self.plan.weakness.labels if other != label])
        border, plain = self._corpus.difficulty.grade(rows, column, rivals)
        fit = rank(self._relevance(label, rows))
        chosen: list[int] = []
        for scores, wanted_topics in zip((0.5 * fit + 0.5 * border, 0.25 * fit + 0.75 * plain), topics, strict=True):
            # chance is drawn for a kind of which none is wanted as well, so that the other's texts do not depend on it
            for topic, count in (Counter(wanted_topics) or {"": 0}).items():
                left = ~np.isin(rows, chosen)
                fits = scores + _TOPIC * self._touch(topic, rows) if topic else scores
                chosen = self._pick(rows[left], fits[left], count, chosen)
        return chosen

    def _touch(self, topic: str, rows: Ints) -> Floats:
        """Compare rows with a topic, 0 (no word of it) to 1 (the nearest): (r,)."""
        likeness: Floats = self._index.similarities(self._index.vectors([topic]))[0, rows]
        return likeness / max(float(likeness.max()), 1e-9)

    def _relevance(self, label: str, rows: Ints) -> Floats:
        """Compare rows with advice, pattern and the label's examples: (r,), quoted words count thrice."""
        topic = self.plan.weakness
        advice = f"{topic.pattern} {topic.advice}"
        quoted = " ".join(read_quotes(advice))
        examples = [example.text for example in self.plan.examples if label in labels_in(example.gold)]
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

    def _hardest_first(self, rows: Ints, column: int) -> list[int]:
        return [int(row) for row in self._corpus.difficulty.order(rows, column)]
