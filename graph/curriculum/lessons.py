"""The lessons of a cycle: what the Generator is asked for. Pure functions."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

from agents.forms import AnswerForm
from agents.messages import (
    LIKE_THEIR_SOURCE,
    Case,
    ErrorKind,
    Example,
    Gold,
    LessonMode,
    LessonPlan,
    LessonTopic,
    Quota,
    Weakness,
)
from agents.variety import plan_variety
from graph.curriculum.quotas import breadth_quotas, quota, weakness_quotas
from graph.curriculum.settings import CurriculumSettings

BREADTH = LessonTopic(name="breadth", pattern="", labels=[], advice="")
VARIED = "Write texts that leave no doubt about their label and are unlike each other; follow `variety`."
"""Advice of a breadth lesson whose texts have planned attributes."""
ERRORS = LessonTopic(name="errors", pattern="", labels=[], advice="")
_Turns = Mapping[str, Iterator[str]]
"""Label -> its topics from whose turn it is on, without end."""
OPENING_WORDS = 6
PHRASE_WORDS = 4
OVERUSED = 3
"""Texts that hold a phrase from which on it is overused."""


@dataclass(frozen=True)
class Known:
    """A text that is already there: a seed or an accepted sample."""

    text: str
    gold: Gold
    labels: tuple[str, ...]
    """Labels that occur in the answer."""
    whole: bool = True
    """Nothing of the answer is left open, so the text may serve as an example."""
    seed: bool = False


@dataclass(frozen=True)
class Ground:
    """What the lessons of a cycle are planned on."""

    cycle: int
    """Evolution cycle, from 1."""
    span: str
    """Prefix of lesson ids."""
    labels: Mapping[str, str]
    """Label -> meaning."""
    form: AnswerForm
    """The task's, for its strategies and its texts without a label."""
    known: Sequence[Known]
    """Seeds and accepted samples, oldest first, of many the newest."""
    counts: Mapping[str, int]
    """Label -> how many of all seeds and accepted samples have it."""
    wanted: int
    """Drafts to ask for in all."""
    weaknesses: Mapping[str, Weakness] = field(default_factory=dict)
    """Id -> weakness, gravest first."""
    mistakes: Mapping[str, ErrorKind | None] = field(default_factory=dict)
    """Id of a weakness -> kind of mistake that its evidence shows most, if any."""
    wrong: Sequence[Case] = ()
    """Cases that the student got wrong, gravest first."""
    score: float | None = None
    """Mean F1 of the labels in the packet's report, 0 to 1; None where there is no report."""
    topics: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Label -> what the domain says its texts can be about; of some labels."""
    spare: Mapping[str, int] | None = None
    """Label -> texts that earlier cycles left over; None where every text of breadth is kept."""


@dataclass(frozen=True)
class PlannedLesson:
    """A lesson plan and the id of the weakness behind it (None: breadth)."""

    weakness: str | None
    plan: LessonPlan
    kept: Mapping[str, int] | None = None
    """Label -> how many texts are kept; None: all."""


@dataclass(frozen=True)
class _Asked:
    """One lesson before it is written out."""

    topic: LessonTopic
    quotas: list[Quota]
    weakness: str | None = None
    mistake: ErrorKind | None = None
    mode: LessonMode | None = None
    examples: tuple[Example, ...] = ()
    kept: Mapping[str, int] | None = None


def has_pool(settings: CurriculumSettings, form: AnswerForm) -> bool:
    """Whether more texts are asked for than kept: only where a whole text has one answer."""
    return settings.quotas.pool > 1 and form.blank is None


def plan_lessons(ground: Ground, settings: CurriculumSettings, seed: int) -> list[PlannedLesson]:
    """Divide a cycle's drafts between breadth, weaknesses and errors.

    While the labels have few samples, or the student finds little of them, breadth comes first and weaknesses later:
    chasing errors alone is worse than random as long as the student knows little.

    Args:
        ground: what is planned on.
        settings: the curriculum section.
        seed: chooses examples and openings, and labels where chance is to.
    """
    if ground.cycle <= settings.warm_up.cycles:
        asked = _ask_breadth(ground, ground.wanted, settings, seed, settings.warm_up.mode)
    else:
        room = count_focused(ground, settings)
        errors = [*_ask_errors(ground, room, settings)]
        focused = [*errors, *_ask_weaknesses(ground, room - sum(map(_size, errors)), settings)]
        rest = ground.wanted - sum(map(_size, focused))
        # what does not fit into a weakness's one lesson goes to breadth
        fills = settings.quotas.fill or not (settings.weaknesses or settings.errors)
        asked = [*(_ask_breadth(ground, rest, settings, seed, None) if fills else ()), *focused]
    # over the cycles too, topics take turns: a label's first topic is whose turn it is after its samples
    turns = {
        label: islice(cycle(of), ground.counts.get(label, 0) % len(of), None) for label, of in ground.topics.items()
    }
    return [_write_out(ground, number, item, settings, seed, turns) for number, item in enumerate(asked, start=1)]


def _size(asked: _Asked) -> int:
    return sum(map(_count, asked.quotas))


def _count(part: Quota) -> int:
    return part.hard + part.easy


def _ask_breadth(
    ground: Ground, wanted: int, settings: CurriculumSettings, seed: int, mode: LessonMode | None
) -> list[_Asked]:
    rng = random.Random(f"{seed}/breadth")
    form, quotas = ground.form, settings.quotas
    parts = breadth_quotas(ground.labels, ground.counts, wanted, quotas, form.blank, rng, ground.spare)
    return [
        _Asked(
            BREADTH,
            [portion.quota for portion in part if _count(portion.quota)],
            mode=mode,
            kept=None if ground.spare is None else {portion.quota.label: portion.kept for portion in part},
        )
        for part in parts
    ]


def count_focused(ground: Ground, settings: CurriculumSettings) -> int:
    """Count the drafts that weaknesses and errors get at most; where there are none, no Analyst need be asked."""
    if ground.cycle <= settings.warm_up.cycles:
        return 0
    quotas = settings.quotas
    per_label = sum(ground.counts.get(label, 0) for label in ground.labels) / len(ground.labels)
    known = per_label >= quotas.coverage_until and (ground.score is None or ground.score >= quotas.coverage_below)
    share = quotas.coverage_late if known else quotas.coverage_early
    return ground.wanted - round(ground.wanted * share)


def _ask_weaknesses(ground: Ground, room: int, settings: CurriculumSettings) -> Iterator[_Asked]:
    taught = min(len(ground.weaknesses), max(1, room // settings.quotas.least))
    for number, (name, weakness) in enumerate(islice(ground.weaknesses.items(), taught)):
        each = room // taught + (number < room % taught)
        portion = min(each, settings.quotas.lesson)
        mistake = ground.mistakes.get(name)
        blank = ground.form.blank if mistake == "invented" else None
        if portion:
            topic = LessonTopic.model_validate(weakness.model_dump(exclude={"evidence"}))
            yield _Asked(topic, weakness_quotas(weakness.labels, portion, settings.quotas, blank), name, mistake)


def _ask_errors(ground: Ground, room: int, settings: CurriculumSettings) -> Iterator[_Asked]:
    """One text per wrong case: what made it hard, carried into another situation."""
    cases = ground.wrong[: min(settings.errors, room)]
    size = settings.quotas.lesson
    for start in range(0, len(cases), size):
        part = cases[start : start + size]
        labels = [_first_label(case, ground) for case in part]
        counts = {label: labels.count(label) for label in dict.fromkeys(labels) if label is not None}
        yield _Asked(
            ERRORS,
            [quota(label, number, 1.0) for label, number in counts.items()],
            mode="extrapolate",
            examples=tuple(Example(text=case.text, gold=case.gold) for case in part),
        )


def _first_label(case: Case, ground: Ground) -> str | None:
    return next((label for label in ground.form.labels_in(case.gold) if label in ground.labels), ground.form.blank)


def _choose_topics(asked: _Asked, turns: _Turns) -> list[str | None]:
    """Give each text, in the order of the quotas, the next topic of its label; None on a weakness, which is one."""
    own = turns if asked.topic is BREADTH else {}
    return [next(own[part.label]) if part.label in own else None for part in asked.quotas for _ in range(_count(part))]


def _write_out(
    ground: Ground, number: int, asked: _Asked, settings: CurriculumSettings, seed: int, turns: _Turns
) -> PlannedLesson:
    lesson = f"{ground.span}-l{number:02d}"
    rng = random.Random(f"{seed}/{lesson}")
    labels = [part.label for part in asked.quotas] or list(asked.kept or ())
    modes = settings.error_modes.of(asked.mistake) if asked.mistake else settings.modes
    mode = asked.mode or modes[(ground.cycle + number) % len(modes)]
    blank = ground.form.blank
    # a text that is made of an example has the attributes of the example
    varied = settings.variety and mode == "write"
    topic = BREADTH.model_copy(update={"advice": VARIED}) if varied and asked.topic is BREADTH else asked.topic
    seeds = [item for item in ground.known if item.seed]
    toned = mode == "write" and not (asked.examples or ground.form.by_example)
    tone = _choose_tone(seeds, settings.tone, rng) if toned else []
    pool = seeds if settings.examples_from == "seeds" else ground.known
    shown = 0 if tone else settings.examples
    plan = LessonPlan(
        id=lesson,
        mode=mode,
        strategies=ground.form.strategies(mode, asked.mistake, settings.strategies, rng),
        variety=plan_variety(_choose_topics(asked, turns), rng) if varied else [],
        weakness=topic,
        labels=dict(ground.labels),
        quotas=asked.quotas,
        tone=tone,
        examples=list(asked.examples) or _choose_examples(labels, pool, shown, rng, blank),
        # a text that is to stay near its example begins like it
        avoid=[] if mode in LIKE_THEIR_SOURCE else _choose_avoid(labels, ground.known, settings, blank),
    )
    return PlannedLesson(asked.weakness, plan, asked.kept)


def _choose_tone(seeds: Sequence[Known], count: int, rng: random.Random) -> list[str]:
    """Pick texts that somebody really wrote: new ones would be imitated until all sound alike."""
    return [item.text for item in rng.sample(seeds, min(count, len(seeds)))]


def _choose_examples(
    labels: Sequence[str], known: Sequence[Known], count: int, rng: random.Random, blank: str | None
) -> list[Example]:
    """Pick examples, one label after the other, seeds and samples alike."""
    pools = []
    for label in labels:
        pool = [item for item in known if item.whole and label in (item.labels or (blank,))]
        rng.shuffle(pool)
        pools.append(pool)
    ranked = [pool[rank] for rank in range(count) for pool in pools if rank < len(pool)]
    unique = {item.text: item for item in ranked}
    return [Example(text=item.text, gold=item.gold) for item in list(unique.values())[:count]]


def _choose_avoid(
    labels: Sequence[str], known: Sequence[Known], settings: CurriculumSettings, blank: str | None
) -> list[str]:
    """What new texts with these labels shall not repeat: first words of the newest, and overused phrases."""
    wanted = set(labels)
    texts = [item.text for item in known if wanted.intersection(item.labels or (blank,))]
    openings = dict.fromkeys(" ".join(text.split()[:OPENING_WORDS]) for text in texts)
    newest = list(openings)[-settings.avoid :] if settings.avoid else []
    return [*newest, *(phrase for phrase in find_overused(texts, settings.phrases) if phrase not in openings)]


def find_overused(texts: Sequence[str], count: int) -> list[str]:
    """Find the phrases that the most texts hold, at least `OVERUSED` of them; of those that overlap, one.

    Args:
        texts: accepted texts.
        count: phrases at most.
    """
    holders: dict[tuple[str, ...], set[int]] = {}
    for place, text in enumerate(texts if count else ()):
        words = text.lower().split()
        for start in range(len(words) - PHRASE_WORDS + 1):
            holders.setdefault(tuple(words[start : start + PHRASE_WORDS]), set()).add(place)
    many = [phrase for phrase, places in holders.items() if len(places) >= OVERUSED]
    chosen: list[tuple[str, ...]] = []
    for phrase in sorted(many, key=lambda phrase: (-len(holders[phrase]), phrase)):
        if len(chosen) == count:
            break
        if not any(phrase[1:] == other[:-1] or phrase[:-1] == other[1:] for other in chosen):
            chosen.append(phrase)
    return [" ".join(phrase) for phrase in chosen]
