"""The lessons of a cycle: what the Generator is asked for. Pure functions."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice

from evokd.agents.output_schemas import OutputSchema
from evokd.graph.curriculum.attributes import plan_variety, spread_profile
from evokd.graph.curriculum.curriculum_settings import CurriculumSettings
from evokd.graph.curriculum.kinds import WRITTEN, Kind, count_requests, share_out, shrink_kinds
from evokd.graph.curriculum.quotas import breadth_counts, cut_requests, quota, set_counts, weakness_quotas
from evokd.graph.curriculum.reference_texts import (
    Grounding,
    choose_openings,
    count_tokens,
    find_overused,
    find_overused_names,
    fit_tokens,
    pick_by_label,
)
from evokd.messages import (
    NEAR_COPY_MODES,
    SET_SEPARATOR,
    Case,
    ErrorKind,
    Example,
    Gold,
    LessonMode,
    LessonPlan,
    LessonTopic,
    Quota,
    Weakness,
    name_set,
)

BREADTH = LessonTopic(name="breadth", pattern="", labels=[], advice="")
DENSE = BREADTH.model_copy(
    update={
        "advice": "Let each text name several entities, at least two and as many as the fullest texts of the domain,"
        " of different types, among them long names, names that are common words elsewhere, and types that only the"
        " sentence tells."
    }
)
ERRORS = LessonTopic(name="errors", pattern="", labels=[], advice="")
REAL = LessonTopic(name="real texts", pattern="", labels=[], advice="")
VARIED_EXAMPLES = 3
"""From this many labelled texts per label on, they vary enough to be shown with a request for plain texts."""
TOPIC = "topic"
"""Axis of a profile that a domain's `topics` become."""


@dataclass(frozen=True)
class ReferenceText:
    """An existing text: a seed or an accepted sample."""

    text: str
    gold: Gold
    labels: tuple[str, ...]
    """Labels that occur in the answer."""
    whole: bool = True
    """The answer is complete, so the text may serve as an example."""
    seed: bool = False
    real: bool = False
    """Not written by the Generator."""


@dataclass(frozen=True)
class PlanningInput:
    """What the lessons of a cycle are planned from."""

    cycle: int
    """Evolution cycle, from 1."""
    span: str
    """Prefix of lesson ids."""
    labels: Mapping[str, str]
    """Label -> meaning."""
    form: OutputSchema
    """The task's answer format, for its strategies and its texts without a label."""
    known: Sequence[ReferenceText]
    """Seeds and accepted samples, oldest first; only the newest if there are many."""
    counts: Mapping[str, int]
    """Label -> how many of all seeds and accepted samples have it."""
    wanted: Mapping[Kind, int]
    """Kind of breadth -> texts to write."""
    weaknesses: Mapping[str, Weakness] = field(default_factory=dict)
    """Id -> weakness, most serious first."""
    mistakes: Mapping[str, ErrorKind | None] = field(default_factory=dict)
    """Id of a weakness -> kind of mistake that its evidence shows most, if any."""
    invented: Set[str] = frozenset()
    """Ids of the weaknesses that are a label given too often; used where answers are sets of labels."""
    evidence: Mapping[str, Sequence[Example]] = field(default_factory=dict)
    """Id of a weakness -> the cases behind it that may be shown: never validation texts."""
    wrong: Sequence[Case] = ()
    """Cases that the student got wrong and that may be shown, most serious first."""
    topics: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Label -> topics of its texts, as the domain names them; only for some labels."""
    grounding: Grounding = field(default_factory=Grounding)
    """What is known of real texts."""
    blank: float | None = None
    """Share of real texts without any label, if known; None: `quotas.no_label`."""
    before: int = 0
    """Lessons of the cycle that already have numbers."""


@dataclass(frozen=True)
class PlannedLesson:
    """A lesson plan and the id of the weakness behind it (None: breadth)."""

    weakness: str | None
    kind: Kind
    plan: LessonPlan


@dataclass(frozen=True)
class _LessonSpec:
    """One lesson before it is written out."""

    topic: LessonTopic
    quotas: list[Quota]
    kind: Kind
    weakness: str | None = None
    mistake: ErrorKind | None = None
    mode: LessonMode | None = None
    examples: tuple[Example, ...] = ()
    pairs: bool = False


def plan_lessons(given: PlanningInput, settings: CurriculumSettings, seed: int) -> list[PlannedLesson]:
    """Divide a cycle's written texts between breadth, weaknesses and errors.

    Args:
        given: what the plan is made from.
        settings: the curriculum section.
        seed: chooses examples, real lines, and the labels that are drawn at random.
    """
    total = sum(given.wanted.values())
    if given.cycle <= settings.warm_up.cycles:
        specs = [*_ask_breadth(given, given.wanted, settings, seed, settings.warm_up.mode)]
    else:
        room = round(total * settings.quotas.weaknesses)
        errors = [*_ask_errors(given, room, settings)]
        focused = [*errors, *_ask_weaknesses(given, room - sum(map(_size, errors)), settings)]
        rest = total - sum(map(_size, focused))
        fills = settings.quotas.fill or not (settings.weaknesses or settings.errors)
        wanted = shrink_kinds(given.wanted, rest if fills else 0, settings.quotas.lesson)
        specs = [*_ask_breadth(given, wanted, settings, seed, None), *focused]
    numbered = enumerate(specs, start=given.before + 1)
    return [_write_out(given, number, spec, settings, seed) for number, spec in numbered]


def _size(spec: _LessonSpec) -> int:
    return sum(map(_count, spec.quotas))


def _count(quota: Quota) -> int:
    return quota.hard + quota.easy


def _ask_breadth(
    given: PlanningInput, wanted: Mapping[Kind, int], settings: CurriculumSettings, seed: int, mode: LessonMode | None
) -> Iterator[_LessonSpec]:
    rng = random.Random(f"{seed}/breadth")
    level = dict(given.counts)
    blank = _share_blank(given, settings)
    for kind in WRITTEN:
        count = wanted.get(kind, 0)
        if not count:
            continue
        without = round(count * blank) if given.form.blank is not None else 0
        counts = _choose_counts(given, level, count - without, settings.quotas.coverage, rng)
        counts |= {given.form.blank: without} if given.form.blank is not None else {}
        written = Counter(label for name, number in counts.items() for label in _parts(given, name) * number)
        level = {label: level.get(label, 0) + written.get(label, 0) for label in {*level, *written}}
        hard = 1.0 if kind == "dense" else settings.quotas.hard_coverage
        for quotas in cut_requests(counts, settings.quotas.lesson, settings.quotas.mixed, hard):
            yield _LessonSpec(DENSE if kind == "dense" else BREADTH, quotas, kind, mode=mode)


def _share_blank(given: PlanningInput, settings: CurriculumSettings) -> float:
    """Share of texts without any label: that of real texts, of the seeds where answers are sets, or of the settings."""
    if given.blank is not None:
        return given.blank
    seeds = [item for item in given.known if item.seed]
    if given.form.has_sets and seeds:
        return sum(not item.labels for item in seeds) / len(seeds)
    return settings.quotas.no_label


def _choose_counts(
    given: PlanningInput, level: Mapping[str, int], wanted: int, choice: str, rng: random.Random
) -> dict[str, int]:
    if not given.form.has_sets:
        return breadth_counts(given.labels, level, wanted, choice, rng)
    return set_counts(given.labels, [item.labels for item in given.known], level, wanted, choice, rng)


def _parts(given: PlanningInput, name: str) -> list[str]:
    """The labels that a quota of this name asks for; texts without any are asked for by `form.blank`."""
    return name.split(SET_SEPARATOR) if given.form.has_sets else [name]


def _ask_weaknesses(given: PlanningInput, room: int, settings: CurriculumSettings) -> Iterator[_LessonSpec]:
    taught = dict(islice(given.weaknesses.items(), max(1, room // settings.quotas.least)))
    sizes = share_out(room, [weakness.texts or settings.quotas.least for weakness in taught.values()])
    for (name, weakness), size in zip(taught.items(), sizes, strict=True):
        most = settings.quotas.lesson
        portion = size if count_requests(size, most) <= 1 else most
        mistake = given.mistakes.get(name)
        is_invented = name in given.invented if given.form.has_sets else mistake == "invented"
        blank = given.form.blank if is_invented else None
        pairs = settings.quotas.pairs and given.form.blank is None and len(weakness.labels) > 1
        if portion:
            yield _LessonSpec(
                LessonTopic.model_validate(weakness.model_dump(exclude={"evidence", "texts"})),
                weakness_quotas(_weakness_names(given, weakness), portion, settings.quotas, blank),
                "weakness",
                weakness=name,
                mistake=mistake,
                examples=tuple(given.evidence.get(name, ())),
                pairs=pairs,
            )


def _weakness_names(given: PlanningInput, weakness: Weakness) -> list[str]:
    """Quotas of a weakness: each of its labels; where answers are sets, the first two of them together as well."""
    ordered = [label for label in given.labels if label in weakness.labels[:2]]
    together = [name_set(ordered)] if given.form.has_sets and len(ordered) > 1 else []
    return [*weakness.labels, *together]


def _ask_errors(given: PlanningInput, room: int, settings: CurriculumSettings) -> Iterator[_LessonSpec]:
    """One text per wrong case: what made it hard, in a different situation."""
    cases = given.wrong[: min(settings.errors, room)]
    size = settings.quotas.lesson
    for start in range(0, len(cases), size):
        batch = cases[start : start + size]
        labels = [_first_label(case, given) for case in batch]
        counts = {label: labels.count(label) for label in dict.fromkeys(labels) if label is not None}
        yield _LessonSpec(
            ERRORS,
            [quota(label, number, 1.0) for label, number in counts.items()],
            "error",
            mode="extrapolate",
            examples=tuple(Example(text=case.text, gold=case.gold) for case in batch),
        )


def _first_label(case: Case, given: PlanningInput) -> str | None:
    known = [label for label in given.form.labels_in(case.gold) if label in given.labels]
    if given.form.has_sets:
        return name_set(known)
    return known[0] if known else given.form.blank


def _write_out(
    given: PlanningInput, number: int, spec: _LessonSpec, settings: CurriculumSettings, seed: int
) -> PlannedLesson:
    lesson = f"{given.span}-l{number:02d}"
    rng = random.Random(f"{seed}/{lesson}")
    labels = list(dict.fromkeys(label for item in spec.quotas for label in _parts(given, item.label)))
    modes = settings.error_modes.of(spec.mistake) if spec.mistake else settings.modes
    mode = spec.mode or modes[(given.cycle + number) % len(modes)]
    texts = _size(spec)
    plan = LessonPlan(
        id=lesson,
        mode=mode,
        strategies=given.form.strategies(mode, spec.mistake, settings.strategies, rng),
        variety=plan_variety(texts, rng) if spec.kind == "varied" and mode == "write" else [],
        profile=_choose_profile(given, spec, labels, texts, rng) if mode == "write" else {},
        weakness=spec.topic,
        labels=dict(given.labels),
        guide=dict(given.grounding.guide),
        quotas=[_list_labels(given, item) for item in spec.quotas],
        pairs=spec.pairs,
        tone=_choose_tone(given, spec, settings, rng),
        examples=_choose_examples(given, spec, mode, settings, rng),
        # a text that is to stay near its example begins like it
        avoid=[] if mode in NEAR_COPY_MODES else _choose_avoid(given, labels, settings),
    )
    return PlannedLesson(spec.weakness, spec.kind, _show_once(plan))


def _show_once(plan: LessonPlan) -> LessonPlan:
    """Leave out lines for the tone that are examples too: without a pool, both are taken from the seeds."""
    examples = {example.text for example in plan.examples}
    return plan.model_copy(update={"tone": [line for line in plan.tone if line not in examples]})


def _list_labels(given: PlanningInput, item: Quota) -> Quota:
    """Say which labels a set holds."""
    if not given.form.has_sets or item.label == given.form.blank:
        return item
    return item.model_copy(update={"labels": _parts(given, item.label)})


def _choose_profile(
    given: PlanningInput, spec: _LessonSpec, labels: Sequence[str], texts: int, rng: random.Random
) -> dict[str, dict[str, int]]:
    """Spread the domain's topics over a lesson of breadth, and the axes of its real texts over one in their tone."""
    if spec.kind not in WRITTEN:
        return {}
    axes: dict[str, Sequence[tuple[str, float]]] = {}
    lists = [given.topics[label] for label in labels if label in given.topics]
    if lists and all(topics == lists[0] for topics in lists):
        axes[TOPIC] = [(topic, 1.0) for topic in lists[0]]
    profile = spread_profile(axes, texts, rng)
    if lists and not axes:
        for item in spec.quotas:
            if item.label in given.topics:
                topics = {f"{TOPIC} of {item.label}": [(topic, 1.0) for topic in given.topics[item.label]]}
                profile |= spread_profile(topics, _count(item), rng)
    return profile | (spread_profile(given.grounding.axes, texts, rng) if spec.kind == "toned" else {})


def _choose_tone(
    given: PlanningInput, spec: _LessonSpec, settings: CurriculumSettings, rng: random.Random
) -> list[str]:
    """Pick real lines, different ones for every lesson; lessons that also ask for something else get half as many."""
    count = {
        "toned": settings.style_examples,
        "weakness": settings.style_examples // 2,
        "dense": settings.style_examples // 2,
    }.get(spec.kind, 0)
    lines = given.grounding.lines
    return fit_tokens(rng.sample(lines, min(count, len(lines))), settings.style_example_tokens)


def _choose_examples(
    given: PlanningInput, spec: _LessonSpec, mode: LessonMode, settings: CurriculumSettings, rng: random.Random
) -> list[Example]:
    """Show the cases behind a lesson, and labelled texts for its labels that no case has."""
    if spec.kind == "error":
        return list(spec.examples)
    cases = list(spec.examples[: settings.examples])
    blank = given.form.blank
    labels = list(dict.fromkeys(label for item in spec.quotas for label in _parts(given, item.label)))
    covered = {label for case in cases for label in tuple(given.form.labels_in(case.gold)) or (blank,)}
    bare = [label for label in labels if label not in covered]
    known = [item for item in given.known if item.seed or settings.examples_from == "all"]
    rows = [(Example(text=item.text, gold=item.gold), item.labels or (blank,)) for item in known if item.whole]
    if spec.kind == "plain" and mode == "write" and _would_sound_alike(given, rows, labels):
        return []
    tokens = settings.example_tokens - count_tokens(case.text for case in cases)
    return [*cases, *pick_by_label(rows, bare, settings.examples - len(cases), tokens, rng)]


def _would_sound_alike(
    given: PlanningInput, rows: Sequence[tuple[Example, Sequence[str | None]]], labels: Sequence[str]
) -> bool:
    """Whether plain texts would all sound like the few examples available, which made film reviews worse.

    Entity tasks keep their examples, since only examples tell where names begin and end. So does a run on a pool, whose
    texts are of many kinds.
    """
    if given.form.marks_text or given.grounding.lines:
        return False
    counts = Counter(label for _, row_labels in rows for label in set(row_labels))
    return min((counts[label] for label in labels), default=0) < VARIED_EXAMPLES


def _choose_avoid(given: PlanningInput, labels: Sequence[str], settings: CurriculumSettings) -> list[str]:
    """What new texts with these labels must not repeat: first words of the newest, and overused phrases."""
    written = [item for item in given.known if not item.real]
    groups = [[item.text for item in written if label in (item.labels or (given.form.blank,))] for label in labels]
    texts = list(dict.fromkeys(text for group in groups for text in group))
    newest = choose_openings(groups, settings.avoid)
    phrases = [phrase for phrase in find_overused(texts, settings.phrases) if phrase not in newest]
    names = (name for item in written for name in given.form.names_in(item.gold))
    return [*newest, *phrases, *find_overused_names(names, settings.phrases)]
