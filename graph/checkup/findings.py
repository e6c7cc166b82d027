"""Findings about the data of a planned run, the heaviest first. Light: no torch, no call."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evokd.graph.checkup.statistics import Pair, Places, SplitStatistics, find_near_leaks
from evokd.graph.endpoints import Endpoint
from evokd.graph.setup.plan import Plan
from evokd.messages import is_label_set
from evokd.messages.finding import Finding, Level
from evokd.messages.naming import PLACEHOLDER, repeats_name
from evokd.student.similar_texts import normalise

FEW_LINES = 150
"""With fewer unlabelled texts than this, the check advises adding some."""
FEW_EXAMPLES = 2
"""With fewer rows or entities of a label to train on, it is named."""
FEW_SCORED = 50
"""With fewer rows of validation or test data, their scores say little."""
FEW_OF_LABEL = 5
"""With fewer rows or entities of a label in scored data, its score says little."""
UNBALANCED = 10
"""From this many times as many rows of the commonest label as of the rarest, labels count as unbalanced."""
MOST_NAMED = 3
"""Labels or places that a finding names."""
_Z = 1.96
"""Standard deviations to either side of a mean that hold 95 % of a normal distribution."""
_LEAKS = (("seeds", "validation"), ("seeds", "test"), ("validation", "test"))
_SCORED = ("validation", "test")


def find_data_faults(plan: Plan, splits: Sequence[SplitStatistics], places: Places) -> list[Finding]:
    """List what is wrong with the data of a plan, or could be better.

    Args:
        plan: the plan.
        splits: figures of its labelled splits.
        places: says where a row stands.
    """
    by_name = {split.split: split for split in splits}
    return [
        *plan.domain.findings,
        *plan.sight.findings,
        *_find_meanings(plan),
        *_find_placeholders(plan),
        *_find_missing_splits(plan),
        *(finding for split in splits for finding in _find_in_split(plan, split, places)),
        *_find_leaks(plan, by_name, places),
        *_find_pool(plan),
    ]


def find_teacher_faults(endpoints: Sequence[Endpoint], has_answered: bool) -> Iterator[Finding]:
    """List endpoints that cannot be used as they are, or may not be.

    Args:
        endpoints: what the addresses answered.
        has_answered: whether calls of all roles got a reply, whatever the addresses list.
    """
    for endpoint in endpoints:
        state = endpoint.state
        is_refuted = has_answered and state.fault in ("no_models", "model_unlisted", "server_error")
        if state.fault is not None and not is_refuted:
            can_serve = state.fault in ("no_models", "wrong_address", "model_unlisted")
            level: Level = "warning" if can_serve else "error"
            text = f"teacher {endpoint.settings.model!r}: {state.said}"
            yield Finding(level, f"teacher_{state.fault}", endpoint.address, text, state.mend)


def _find_meanings(plan: Plan) -> Iterator[Finding]:
    """Meanings of labels that say nothing, or the same: agents and student learn from them."""
    place = str(plan.domain.folder / "domain.yaml")
    labels = plan.domain.file.labels
    empty = [label for label, meaning in labels.items() if not _letters(meaning) or repeats_name(label, meaning)]
    if empty:
        text = f"the meaning of the label {_list(empty)} says no more than its name"
        yield Finding("warning", "meaning_empty", place, text, "write one line that says when the label applies")
    first: dict[str, str] = {}
    for label, meaning in labels.items():
        other = first.setdefault(normalise(meaning), label)
        if other != label and label not in empty:
            text = f"the labels {other!r} and {label!r} have the same meaning"
            yield Finding(
                "warning", "meaning_repeated", place, text, "say what sets them apart, or make them one label"
            )


def _find_placeholders(plan: Plan) -> Iterator[Finding]:
    """Seeds that `evokd init` wrote to show the form."""
    domain = plan.domain
    count = sum(row.text.startswith(PLACEHOLDER) for row in domain.seeds)
    if count:
        text = "1 row only shows the form" if count == 1 else f"{count} rows only show the form"
        place = str(domain.folder / domain.file.data.seeds)
        yield Finding("warning", "placeholder_rows", place, text, "put texts of your own there")


def _find_missing_splits(plan: Plan) -> Iterator[Finding]:
    place = str(plan.domain.folder / "domain.yaml")
    if not plan.domain.validation:
        text = "there are no validation data, so no cycle that makes the student worse is rolled back"
        yield Finding("hint", "no_validation", place, text, f"label {FEW_SCORED} texts or more under data.validation")
    if not plan.domain.test:
        text = "there are no test data, so nobody will know how good the student is on new texts"
        yield Finding("hint", "no_test", place, text, f"label {FEW_SCORED} texts or more under data.test")


def _find_in_split(plan: Plan, split: SplitStatistics, places: Places) -> Iterator[Finding]:
    place = str(places.file(split.rows[0]))
    counts = {label: count for label, count in split.labels.items() if count}
    if split.split in _SCORED:
        yield from _find_scored(split, counts, place)
    else:
        yield from _find_trained(split, counts, place)
        yield from _find_always_entities(split, place)
    blank = [row for row in split.rows if not any(char.isalnum() for char in row.text)]
    if blank:
        many = "1 text has" if len(blank) == 1 else f"{len(blank):,} texts have"
        text = f"{many} no letter and no digit (the first: {_quote(blank[0].text)})"
        yield Finding("warning", "no_words", places.name(blank[0]), text, "take them out, or mend how the file is read")
    if split.near:
        many = "text nearly repeats" if len(split.near) == 1 else "texts nearly repeat"
        text = f"{len(split.near):,} {many} an earlier one (the first: {_name(split.near[0], places)})"
        mend = "texts that differ more teach and measure more; keep one of each"
        yield Finding("hint", "near_repeats", str(places.file(split.near[0].row)), text, mend)


def _find_trained(split: SplitStatistics, counts: Mapping[str, int], place: str) -> Iterator[Finding]:
    few = [f"{label!r} ({count})" for label, count in counts.items() if count < FEW_EXAMPLES]
    if few:
        text = f"labels with fewer than {FEW_EXAMPLES} examples to train on: {_join(few)}"
        yield Finding("hint", "few_examples", place, text, "add some: examples help most where there are fewest")
    ratio = split.labels[split.commonest] / max(1, split.labels[split.rarest])
    if ratio >= UNBALANCED:
        text = f"the label {split.commonest!r} occurs {ratio:.0f} times as often as {split.rarest!r} in what is trained"
        yield Finding("warning", "unbalanced", place, text, f"add examples of {split.rarest!r}")


def _find_scored(split: SplitStatistics, counts: Mapping[str, int], place: str) -> Iterator[Finding]:
    rows = len(split.rows)
    if rows < FEW_SCORED:
        half = _Z * math.sqrt(0.25 / rows)
        text = f"scores on {rows} {split.split} rows are uncertain by up to {min(half, 1):.2f} to either side"
        mend = f"label more, so that there are {FEW_SCORED} in all or, better, some hundred"
        yield Finding("warning", "few_scored", place, text, mend)
    few = [f"{label!r} ({count})" for label, count in counts.items() if count < FEW_OF_LABEL]
    if few:
        text = f"labels whose {split.split} score rests on fewer than {FEW_OF_LABEL} examples: {_join(few)}"
        yield Finding("hint", "few_of_label", place, text, "add some, or read those scores with care")


def _find_always_entities(split: SplitStatistics, place: str) -> Iterator[Finding]:
    entities = [row.gold for row in split.rows if not isinstance(row.gold, str) and not is_label_set(row.gold)]
    if len(entities) >= FEW_LINES / 10 and all(entities):
        text = "every text has an entity, so the student does not learn that a text may have none"
        yield Finding("hint", "always_entities", place, text, "add some texts without entities, if there are such")


def _find_leaks(plan: Plan, splits: Mapping[str, SplitStatistics], places: Places) -> Iterator[Finding]:
    for name, scored in _LEAKS:
        if name not in splits or scored not in splits:
            continue
        pairs = find_near_leaks(splits[name].rows, splits[scored].rows, plan.settings.curation.leak)
        if pairs:
            many = "text is nearly the same as a" if len(pairs) == 1 else "texts are nearly the same as"
            named = f"{scored} text" if len(pairs) == 1 else f"{scored} texts"
            text = f"{len(pairs):,} {many} {named} (the first: {_name(pairs[0], places)})"
            mend = "keep one of each, or scores there are too optimistic"
            yield Finding("warning", "near_leak", str(places.file(pairs[0].row)), text, mend)


def _find_pool(plan: Plan) -> Iterator[Finding]:
    advice = advise_pool(plan)
    if advice:
        text, mend = advice
        yield Finding("hint", "few_unlabelled", str(plan.domain.folder / "domain.yaml"), text, mend)


def advise_pool(plan: Plan) -> tuple[str, str] | None:
    """What would improve a run most, as measured with language models: the case, and the advice."""
    source, lines, wanted = plan.settings.curriculum.source, plan.domain.unlabelled, plan.settings.budget.samples
    if source == "write" or plan.settings.rows.pool == 0:
        return None
    if not lines:
        mend = (
            "a few hundred of your own help most; put them into a file, one per line,"
            f" and name it in {plan.domain.folder / 'domain.yaml'} under data.pool"
        )
        return "there are no unlabelled texts", mend
    if source == "pool" and wanted is not None and lines < wanted:
        return f"the pool holds {lines} texts, so this run ends before its {wanted} samples", "add lines to data.pool"
    if lines < FEW_LINES:
        return f"unlabelled texts: {lines}", "a few hundred help most, so add lines to data.pool"
    return None


def _name(pair: Pair, places: Places) -> str:
    """Name both rows of a pair; the file only where it is another one."""
    same = places.file(pair.row) == places.file(pair.other)
    other = f"line {pair.other.line}" if same else f"line {pair.other.line} of {places.file(pair.other).name}"
    return f"line {pair.row.line}, like {other}"


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())


def _list(labels: Sequence[Any]) -> str:
    return _join([repr(label) for label in labels])


def _join(parts: Sequence[str]) -> str:
    more = f" and {len(parts) - MOST_NAMED} more" if len(parts) > MOST_NAMED else ""
    return ", ".join(parts[:MOST_NAMED]) + more


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
