"""What a lesson shows the Generator beside its quotas: examples, tone, topics, what to avoid. Pure functions."""

import random
from collections import Counter
from collections.abc import Sequence

from evokd.graph.curriculum.attributes import plan_variety, spread_profile
from evokd.graph.curriculum.curriculum_settings import CurriculumSettings
from evokd.graph.curriculum.kinds import WRITTEN
from evokd.graph.curriculum.planning_input import LessonSpec, PlannedLesson, PlanningInput
from evokd.graph.curriculum.reference_texts import (
    choose_openings,
    count_tokens,
    find_overused,
    find_overused_names,
    fit_tokens,
    pick_by_label,
)
from evokd.messages import NEAR_COPY_MODES, Example, LessonMode, LessonPlan, Quota

VARIED_EXAMPLES = 3
"""From this many labelled texts per label on, they vary enough to be shown with a request for plain texts."""
TOPIC = "topic"
"""Axis of a profile that a domain's `topics` become."""


def write_out(
    given: PlanningInput, number: int, spec: LessonSpec, settings: CurriculumSettings, seed: int
) -> PlannedLesson:
    """Give a lesson its mode, strategies, examples and all else that a prompt shows.

    Args:
        given: what the plan is made from.
        number: of the lesson in its cycle, from 1.
        spec: what it asks for.
        settings: the curriculum section.
        seed: chooses examples and lines.
    """
    lesson = f"{given.span}-l{number:02d}"
    rng = random.Random(f"{seed}/{lesson}")
    labels = list(dict.fromkeys(label for item in spec.quotas for label in given.parts(item.label)))
    modes = settings.error_modes.of(spec.mistake) if spec.mistake else settings.modes
    mode = spec.mode or modes[(given.cycle + number) % len(modes)]
    texts = spec.size
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
    return item.model_copy(update={"labels": given.parts(item.label)})


def _choose_profile(
    given: PlanningInput, spec: LessonSpec, labels: Sequence[str], texts: int, rng: random.Random
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
                profile |= spread_profile(topics, item.hard + item.easy, rng)
    return profile | (spread_profile(given.grounding.axes, texts, rng) if spec.kind == "toned" else {})


def _choose_tone(given: PlanningInput, spec: LessonSpec, settings: CurriculumSettings, rng: random.Random) -> list[str]:
    """Pick real lines, different ones for every lesson; lessons that also ask for something else get half as many."""
    count = {
        "toned": settings.style_examples,
        "weakness": settings.style_examples // 2,
        "dense": settings.style_examples // 2,
    }.get(spec.kind, 0)
    lines = given.grounding.lines
    return fit_tokens(rng.sample(lines, min(count, len(lines))), settings.style_example_tokens)


def _choose_examples(
    given: PlanningInput, spec: LessonSpec, mode: LessonMode, settings: CurriculumSettings, rng: random.Random
) -> list[Example]:
    """Show the cases behind a lesson, and labelled texts for its labels that no case has."""
    if spec.kind == "error":
        return list(spec.examples)
    cases = list(spec.examples[: settings.examples])
    blank = given.form.blank
    labels = list(dict.fromkeys(label for item in spec.quotas for label in given.parts(item.label)))
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
