"""The curriculum: which cases the Analyst sees, and what the Generator is asked for. Pure functions."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.forms import AnswerForm
from agents.messages import LIKE_THEIR_SOURCE, Case, ErrorKind, Example, Gold, LessonPlan, LessonTopic, Quota, Weakness
from graph.settings import CurriculumSettings, PacketSettings, QuotaSettings

BREADTH = LessonTopic(name="breadth", pattern="", labels=[], advice="")
OPENING_WORDS = 6


@dataclass(frozen=True)
class Known:
    """A text that is already there: a seed or an accepted sample."""

    text: str
    gold: Gold
    labels: tuple[str, ...]
    """Labels that occur in the answer."""
    whole: bool = True
    """Nothing of the answer is left open, so the text may serve as an example."""


@dataclass(frozen=True)
class PlannedLesson:
    """A lesson plan and the id of the weakness behind it (None: breadth)."""

    weakness: str | None
    plan: LessonPlan


def pick_cases(cases: Sequence[Case], settings: PacketSettings, seed: int) -> list[Case]:
    """Choose the cases of a packet: wrong ones from as many confusions as possible, right ones least sure first.

    Args:
        cases: everything examined.
        settings: how many of each kind.
        seed: decides among equals.
    """
    shuffled = list(cases)
    random.Random(seed).shuffle(shuffled)
    picked = []
    for verdict, count in (("confident_wrong", settings.confident_wrong), ("wrong", settings.wrong)):
        groups: dict[str, list[Case]] = defaultdict(list)
        for case in shuffled:
            if case.verdict == verdict:
                groups[_mistake_of(case)].append(case)
        by_size = sorted(groups.values(), key=len, reverse=True)
        picked += _take_in_turn([sorted(group, key=lambda case: -case.confidence) for group in by_size], count)
    unsure = sorted((case for case in shuffled if case.verdict == "right"), key=lambda case: case.confidence)
    right: dict[str, list[Case]] = defaultdict(list)
    for case in unsure:
        right[repr(case.gold)].append(case)
    return picked + _take_in_turn(list(right.values()), settings.right)


def _mistake_of(case: Case) -> str:
    """Name what went wrong, so that like mistakes fall together: the first in a text, or what was taken for what."""
    if not case.errors:
        return f"{case.gold!r} {case.predicted!r}"
    first = case.errors[0]
    gold, predicted = (entity.label if entity else "" for entity in (first.gold, first.predicted))
    return f"{first.kind} {gold} {predicted}"


def main_error(weakness: Weakness, cases: Sequence[Case]) -> ErrorKind | None:
    """Find the kind of mistake that a weakness's evidence shows most; None where cases list no mistakes.

    Mistakes on the weakness's own labels count, or all of them where none is on these.
    """
    shown = [error for case in cases if case.id in weakness.evidence for error in case.errors]
    labels = set(weakness.labels)
    own = [error for error in shown if labels & {item.label for item in (error.gold, error.predicted) if item}]
    counts: Counter[ErrorKind] = Counter(error.kind for error in own or shown)
    kinds = sorted(counts, key=lambda kind: (-counts[kind], kind))
    return kinds[0] if kinds else None


def _take_in_turn(groups: Sequence[Sequence[Case]], count: int) -> list[Case]:
    """Take from each group in turn until there are enough."""
    longest = max((len(group) for group in groups), default=0)
    ranked = [group[rank] for rank in range(longest) for group in groups if rank < len(group)]
    return ranked[:count]


def plan_lessons(
    cycle: int,
    span: str,
    labels: Mapping[str, str],
    weaknesses: Mapping[str, Weakness],
    errors: Mapping[str, ErrorKind | None],
    form: AnswerForm,
    known: Sequence[Known],
    counts: Mapping[str, int],
    wanted: int,
    settings: CurriculumSettings,
    seed: int,
) -> list[PlannedLesson]:
    """Divide a cycle's drafts between breadth and weaknesses.

    While the labels have few samples breadth gets the larger share, later the weaknesses do: chasing errors alone is
    worse than random as long as the student knows little.

    Args:
        cycle: evolution cycle, from 1.
        span: prefix of lesson ids.
        labels: label -> meaning.
        weaknesses: id -> weakness, gravest first.
        errors: id of a weakness -> kind of mistake that its evidence shows most, if any.
        form: the task's, for its strategies and its texts without a label.
        known: seeds and accepted samples, oldest first, of many the newest.
        counts: label -> how many of all seeds and accepted samples have it.
        wanted: drafts to ask for in all.
        settings: the curriculum section.
        seed: chooses examples and openings.
    """
    quotas = settings.quotas
    per_label = sum(counts.get(label, 0) for label in labels) / len(labels)
    share = quotas.coverage_early if per_label < quotas.coverage_until else quotas.coverage_late
    rest = wanted - round(wanted * share) if weaknesses else 0
    portions = [
        min(rest // len(weaknesses) + (number < rest % len(weaknesses)), quotas.lesson)
        for number in range(len(weaknesses))
    ]
    # what does not fit into a weakness's one lesson goes to breadth
    breadth = wanted - sum(portions)
    asked: list[tuple[str | None, LessonTopic, list[Quota]]] = [
        (None, BREADTH, part) for part in _breadth_quotas(labels, counts, breadth, quotas, form.blank)
    ]
    for portion, (name, weakness) in zip(portions, weaknesses.items(), strict=True):
        topic = LessonTopic.model_validate(weakness.model_dump(exclude={"evidence"}))
        if portion:
            blank = form.blank if errors.get(name) == "invented" else None
            asked.append((name, topic, _weakness_quotas(weakness.labels, portion, quotas, blank)))
    lessons = []
    for number, (weakness_id, topic, parts) in enumerate(asked, start=1):
        lesson = f"{span}-l{number:02d}"
        rng = random.Random(f"{seed}/{lesson}")
        wanted_labels = [quota.label for quota in parts]
        kind = errors.get(weakness_id) if weakness_id else None
        modes = settings.error_modes.of(kind) if kind else settings.modes
        mode = modes[(cycle + number) % len(modes)]
        plan = LessonPlan(
            id=lesson,
            mode=mode,
            strategies=form.strategies(mode, kind, settings.strategies, rng),
            weakness=topic,
            labels=dict(labels),
            quotas=parts,
            examples=_choose_examples(wanted_labels, known, settings.examples, rng, form.blank),
            # a text that is to stay near its example begins like it
            avoid=[]
            if mode in LIKE_THEIR_SOURCE
            else _choose_openings(wanted_labels, known, settings.avoid, form.blank),
        )
        lessons.append(PlannedLesson(weakness_id, plan))
    return lessons


def _breadth_quotas(
    labels: Mapping[str, str], counts: Mapping[str, int], wanted: int, settings: QuotaSettings, blank: str | None
) -> list[list[Quota]]:
    """Fill up the labels with the fewest samples, then cut into lessons of bearable size.

    Where texts may be without any label (`blank` names them), a share is asked for that are.
    """
    level = {label: counts.get(label, 0) for label in labels}
    extra = dict.fromkeys(labels, 0)
    without = round(wanted * settings.blank) if blank is not None else 0
    if blank is not None:
        extra[blank] = without
    for _ in range(wanted - without):
        label = min(level, key=lambda name: level[name])
        level[label] += 1
        extra[label] += 1
    parts: list[list[Quota]] = [[]]
    room = settings.lesson
    for label, count in extra.items():
        while count:
            if not room:
                parts.append([])
                room = settings.lesson
            taken = min(count, room)
            parts[-1].append(_quota(label, taken, settings.hard))
            count -= taken
            room -= taken
    return [part for part in parts if part]


def _weakness_quotas(labels: Sequence[str], wanted: int, settings: QuotaSettings, blank: str | None) -> list[Quota]:
    """Share a weakness's drafts between its labels, the right one first; half of them go to `blank` if given."""
    without = wanted // 2 if blank is not None else 0
    rest = wanted - without
    shares = [rest // len(labels) + (number < rest % len(labels)) for number in range(len(labels))]
    asked = [*zip(labels, shares, strict=True), *([(blank, without)] if blank is not None else [])]
    return [_quota(label, count, settings.hard) for label, count in asked if count]


def _quota(label: str, count: int, hard: float) -> Quota:
    difficult = round(count * hard)
    return Quota(label=label, hard=difficult, easy=count - difficult)


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


def _choose_openings(labels: Sequence[str], known: Sequence[Known], count: int, blank: str | None) -> list[str]:
    """First words of the newest texts with these labels, oldest first."""
    wanted = set(labels)
    texts = [item.text for item in known if wanted.intersection(item.labels or (blank,))]
    openings = dict.fromkeys(" ".join(text.split()[:OPENING_WORDS]) for text in texts)
    return list(openings)[-count:] if count else []
