"""The Analyst's part for texts with entities: mistakes by kind, and what kind of texts would teach against each."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from evokd.messages import Entity
from evokd.messages.spans import AlignmentError, Span, align
from evokd.simulator.gazetteer import neighbours
from evokd.simulator.keywords import describe, find_keywords, quote, remember
from evokd.simulator.requests import CaseIn, EntityIn, ErrorIn, PacketIn, entities_of

_MOST_EVIDENCE = 8
_MOST_NAMES = 4
_REACH = 4
"""Words on each side of an entity that are searched for keywords."""


@dataclass(frozen=True)
class _Mistake:
    """One mistake; `gold` and `predicted` are types, empty where there is no such entity."""

    kind: str
    gold: str
    predicted: str
    surface: str
    case: CaseIn

    @property
    def group(self) -> tuple[str, str, str]:
        return self.kind, self.gold, self.predicted


def name_mistakes(wrong: Sequence[CaseIn], right: Sequence[CaseIn], packet: PacketIn) -> list[dict[str, Any]]:
    """Name weaknesses by kind of mistake, right type and the student's type, gravest first."""
    groups: dict[tuple[str, str, str], list[_Mistake]] = defaultdict(list)
    for case in wrong:
        for mistake in _read_mistakes(case, packet):
            groups[mistake.group].append(mistake)
    contrast = [_around(case.text, entity.text) for case in right for entity in entities_of(case.gold)]
    return [_name_group(group, contrast, packet) for group in sorted(groups.values(), key=_gravity(packet))]


def _read_mistakes(case: CaseIn, packet: PacketIn) -> Iterator[_Mistake]:
    """Read the mistakes that the case tells, or work them out; those on types outside the packet are passed over."""
    for error in case.errors or find_mistakes(case):
        gold = error.gold if error.kind != "invented" else None
        predicted = error.predicted if error.kind != "missed" else None
        entities = [entity for entity in (gold, predicted) if entity is not None]
        needed = {"boundary": 2, "type": 2, "missed": 1, "invented": 1}.get(error.kind)
        if len(entities) == needed and all(entity.label in packet.labels for entity in entities):
            names = ["" if entity is None else entity.label for entity in (gold, predicted)]
            yield _Mistake(error.kind, names[0], names[1], entities[0].text, case)


def find_mistakes(case: CaseIn) -> list[ErrorIn]:
    """Work out the mistakes of a case from its two lists of entities.

    The same place and type is right. Of the rest, overlapping entities belong together, the longest overlap first: of
    the same type a boundary, of another one a type taken for another. What is left was missed or invented.
    """
    try:
        gold = set(align(case.text, entities_of(case.gold)))
        predicted = set(align(case.text, entities_of(case.predicted)))
    except AlignmentError:
        return []
    right = gold & predicted
    gold, predicted = gold - right, predicted - right
    pairs = [(min(one.end, two.end) - max(one.start, two.start), one, two) for one in gold for two in predicted]
    mistakes: list[tuple[int, str, Span | None, Span | None]] = []
    for shared, one, two in sorted(pairs, key=lambda pair: (-pair[0], pair[1:])):
        if shared > 0 and one in gold and two in predicted:
            gold.remove(one)
            predicted.remove(two)
            mistakes.append((one.start, "boundary" if one.label == two.label else "type", one, two))
    mistakes += [(one.start, "missed", one, None) for one in gold]
    mistakes += [(two.start, "invented", None, two) for two in predicted]

    def write(span: Span | None) -> EntityIn | None:
        return None if span is None else EntityIn(text=case.text[span.start : span.end], label=span.label)

    ordered = sorted(mistakes, key=lambda mistake: mistake[:2])
    return [ErrorIn(kind=kind, gold=write(one), predicted=write(two)) for _, kind, one, two in ordered]


def _gravity(packet: PacketIn) -> Callable[[list[_Mistake]], tuple[float, float, tuple[str, str, str]]]:
    f1 = {score.label: score.f1 for score in packet.report}

    def key(group: list[_Mistake]) -> tuple[float, float, tuple[str, str, str]]:
        count = sum(2 if mistake.case.verdict == "confident_wrong" else 1 for mistake in group)
        return -count, f1.get(group[0].gold or group[0].predicted, 0.0), group[0].group

    return key


def _name_group(group: Sequence[_Mistake], contrast: Sequence[str], packet: PacketIn) -> dict[str, Any]:
    kind, gold, predicted = group[0].group
    surfaces = Counter(mistake.surface for mistake in group)
    names = quote(sorted(surfaces, key=lambda surface: (-surfaces[surface], surface))[:_MOST_NAMES])
    around = [_around(mistake.case.text, mistake.surface) for mistake in group]
    words = find_keywords(around, contrast, [*around, *contrast])
    cases = {mistake.case.id: mistake.case for mistake in group}.values()
    ordered = sorted(cases, key=lambda case: (case.verdict != "confident_wrong", -case.confidence, case.id))
    name, pattern, advice = _SENTENCES[kind](gold, predicted, names, packet)
    sure = sum(case.verdict == "confident_wrong" for case in ordered)
    count = f"{len(group)} time{'s' if len(group) > 1 else ''}" + (f", {sure} with high confidence" if sure else "")
    near = f"; words near it are {quote(words)}" if words else ""
    return {
        "name": name,
        "pattern": f"{pattern} ({count}), such as {names}{near}.",
        "labels": list(dict.fromkeys(label for label in (gold, predicted) if label)),
        "evidence": [case.id for case in ordered[:_MOST_EVIDENCE]],
        "advice": advice + (f" Put words such as {quote(words)} near it." if words else "") + remember(name, packet),
    }


_Sentences = tuple[str, str, str]


def _say_type(gold: str, predicted: str, names: str, packet: PacketIn) -> _Sentences:
    return (
        f"{gold} taken for {predicted}",
        f"Names of {gold} are taken for {predicted}",
        f"Write texts in which {names} and other words that could be {predicted} name {describe(gold, packet)}, and the"
        f" words around them tell which; and texts in which the same words are {describe(predicted, packet)}.",
    )


def _say_boundary(gold: str, predicted: str, names: str, packet: PacketIn) -> _Sentences:
    return (
        f"{gold} boundaries",
        f"Names of {gold} are found, but begin or end at the wrong word",
        f"Write texts with long names of {describe(gold, packet)} like {names}: of several words, with another name"
        " inside, or close to words that do not belong to them; and short ones beside them.",
    )


def _say_missed(gold: str, predicted: str, names: str, packet: PacketIn) -> _Sentences:
    return (
        f"{gold} missed",
        f"Names of {gold} are not seen",
        f"Write texts that name {describe(gold, packet)}, like {names}, in places where nothing announces a name: at"
        " the beginning, in a list, without a title or a word that tells what it is.",
    )


def _say_invented(gold: str, predicted: str, names: str, packet: PacketIn) -> _Sentences:
    return (
        f"{predicted} invented",
        f"Words that are no entity are taken for {predicted}",
        f"Write texts in which words like {names} are no entity, beside names of {describe(predicted, packet)}"
        " that are some.",
    )


_SENTENCES: dict[str, Callable[[str, str, str, PacketIn], _Sentences]] = {
    "type": _say_type,
    "boundary": _say_boundary,
    "missed": _say_missed,
    "invented": _say_invented,
}


def _around(text: str, surface: str) -> str:
    """The words around an entity's first occurrence in a text; the whole text if it does not occur."""
    try:
        (span,) = align(text, [Entity(text=surface, label="entity")])
    except AlignmentError:
        return text
    return " ".join(neighbours(text, span, _REACH))
