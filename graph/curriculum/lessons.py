"""The lessons of a cycle: what the Generator is asked for. Pure functions."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from evokd.graph.curriculum.curriculum_settings import CurriculumSettings
from evokd.graph.curriculum.kinds import WRITTEN, Kind, count_requests, share_out, shrink_kinds
from evokd.graph.curriculum.lesson_content import write_out
from evokd.graph.curriculum.planning_input import LessonSpec, PlannedLesson, PlanningInput
from evokd.graph.curriculum.quotas import breadth_counts, cut_requests, quota, set_counts, weakness_quotas
from evokd.messages import Case, Example, LessonMode, LessonTopic, Weakness, name_set

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
        focused = [*errors, *_ask_weaknesses(given, room - _sum_up(errors), settings)]
        rest = total - _sum_up(focused)
        fills = settings.quotas.fill or not (settings.weaknesses or settings.errors)
        wanted = shrink_kinds(given.wanted, rest if fills else 0, settings.quotas.lesson)
        specs = [*_ask_breadth(given, wanted, settings, seed, None), *focused]
    numbered = enumerate(specs, start=given.before + 1)
    return [write_out(given, number, spec, settings, seed) for number, spec in numbered]


def _sum_up(specs: Iterable[LessonSpec]) -> int:
    return sum(spec.size for spec in specs)


def _ask_breadth(
    given: PlanningInput, wanted: Mapping[Kind, int], settings: CurriculumSettings, seed: int, mode: LessonMode | None
) -> Iterator[LessonSpec]:
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
        written = Counter(label for name, number in counts.items() for label in given.parts(name) * number)
        level = {label: level.get(label, 0) + written.get(label, 0) for label in {*level, *written}}
        hard = 1.0 if kind == "dense" else settings.quotas.hard_coverage
        for quotas in cut_requests(counts, settings.quotas.lesson, settings.quotas.mixed, hard):
            yield LessonSpec(DENSE if kind == "dense" else BREADTH, quotas, kind, mode=mode)


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


def _ask_weaknesses(given: PlanningInput, room: int, settings: CurriculumSettings) -> Iterator[LessonSpec]:
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
            yield LessonSpec(
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


def _ask_errors(given: PlanningInput, room: int, settings: CurriculumSettings) -> Iterator[LessonSpec]:
    """One text per wrong case: what made it hard, in a different situation."""
    cases = given.wrong[: min(settings.errors, room)]
    size = settings.quotas.lesson
    for start in range(0, len(cases), size):
        batch = cases[start : start + size]
        labels = [_first_label(case, given) for case in batch]
        counts = {label: labels.count(label) for label in dict.fromkeys(labels) if label is not None}
        yield LessonSpec(
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
