"""The Analyst's part: weaknesses computed from the cases of a feedback packet, and from nothing else."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from evokd.simulator.entity_analyst import name_mistakes
from evokd.simulator.keywords import all_texts, describe, find_keywords, join_words, mention, quote, remember
from evokd.simulator.requests import CaseIn, PacketIn, labels_in, read_message
from evokd.simulator.set_analyst import name_set_errors

MOST_WEAKNESSES = 4
_MOST_EVIDENCE = 8
_SMALL = 2
"""Groups with fewer cases are merged with others of the same right label."""


@dataclass(frozen=True)
class _Group:
    """Cases that failed (or nearly failed) in the same way."""

    gold: str
    predicted: tuple[str, ...]  # none: nothing was wrong
    cases: tuple[CaseIn, ...]


def answer_analyst(packet: dict[str, Any]) -> dict[str, Any]:
    """Answer a `feedback_packet`: up to four weaknesses, gravest first.

    Wrong cases are grouped by what was taken for what, mistakes in texts with entities by their kind as well. When
    nothing is wrong, the labels that are learnt least are named, with their least certain right cases as evidence.

    Raises:
        RequestError: the packet lacks a field.
    """
    read = read_message(PacketIn, packet)
    cases = [case for case in read.cases if not isinstance(case.gold, str) or case.gold in read.labels]
    wrong = [case for case in cases if case.verdict != "right"]
    right = [case for case in cases if case.verdict == "right"]
    weaknesses = name_mistakes([case for case in wrong if case.is_tagged], right, read)
    weaknesses += name_set_errors([case for case in wrong if case.is_set], right, read)
    weaknesses += _name_confusions([case for case in wrong if isinstance(case.gold, str)], right, read)
    if not weaknesses:
        weaknesses = [_name_unsure(group, right, read) for group in _least_learnt(right, read)]
    return {"weaknesses": weaknesses[:MOST_WEAKNESSES]}


def _name_confusions(wrong: Sequence[CaseIn], right: Sequence[CaseIn], packet: PacketIn) -> list[dict[str, Any]]:
    groups = sorted(_group(wrong), key=_gravity(packet))
    return [_name_confusion(group, right, packet) for group in groups[:MOST_WEAKNESSES]]


def _group(wrong: Iterable[CaseIn]) -> list[_Group]:
    by_pair: dict[tuple[str, str], list[CaseIn]] = defaultdict(list)
    for case in wrong:
        by_pair[str(case.gold), str(case.predicted)].append(case)
    groups: list[_Group] = []
    small: dict[str, list[CaseIn]] = defaultdict(list)
    for (gold, predicted), cases in by_pair.items():
        if len(cases) < _SMALL:
            small[gold].extend(cases)
        else:
            groups.append(_Group(gold, (predicted,), tuple(cases)))
    for gold, cases in small.items():
        groups.append(_Group(gold, tuple(dict.fromkeys(str(case.predicted) for case in cases)), tuple(cases)))
    return groups


def _gravity(packet: PacketIn) -> Callable[[_Group], tuple[float, float, str, tuple[str, ...]]]:
    f1 = {score.label: score.f1 for score in packet.report}

    def key(group: _Group) -> tuple[float, float, str, tuple[str, ...]]:
        count = sum(2 if case.verdict == "confident_wrong" else 1 for case in group.cases)
        return -count, f1.get(group.gold, 0.0), group.gold, group.predicted

    return key


def _least_learnt(right: Sequence[CaseIn], packet: PacketIn) -> list[_Group]:
    scores = {score.label: (score.f1, score.support) for score in packet.report}
    by_label: dict[str, list[CaseIn]] = defaultdict(list)
    for case in sorted(right, key=lambda case: (case.confidence, case.id)):
        for label in labels_in(case.gold):
            by_label[label].append(case)

    def key(label: str) -> tuple[float, int, float, str]:
        return *scores.get(label, (0.0, 0)), by_label[label][0].confidence, label

    named = sorted((label for label in by_label if label in packet.labels), key=key)
    return [_Group(label, (), tuple(by_label[label])) for label in named[:MOST_WEAKNESSES]]


def _name_confusion(group: _Group, right: Sequence[CaseIn], packet: PacketIn) -> dict[str, Any]:
    rivals = [label for label in group.predicted if label in packet.labels and label != group.gold]
    seen = join_words(rivals) or "something else"
    contrast = [case for case in right if case.predicted in rivals] or list(right)
    words = find_keywords([case.text for case in group.cases], [case.text for case in contrast], all_texts(packet))
    cases = sorted(group.cases, key=lambda case: (case.verdict != "confident_wrong", -case.confidence, case.id))
    sure = sum(case.verdict == "confident_wrong" for case in cases)
    count = f"{len(cases)} text{'s' if len(cases) > 1 else ''}" + (f", {sure} with high confidence" if sure else "")
    name = f"{group.gold} taken for {' or '.join(rivals) or 'something else'}"
    pattern = f"Texts of {group.gold} are taken for {seen} ({count}){mention(words)}."
    advice = f"Write texts of {describe(group.gold, packet)} that could be taken for {seen} at first sight"
    advice += f", with words such as {quote(words)}" if words else ""
    advice += f", and plain texts of {' and '.join(rivals)} beside them." if rivals else "."
    return {
        "name": name,
        "pattern": pattern,
        "labels": [group.gold, *rivals],
        "evidence": [case.id for case in cases[:_MOST_EVIDENCE]],
        "advice": advice + remember(name, packet),
    }


def _name_unsure(group: _Group, right: Sequence[CaseIn], packet: PacketIn) -> dict[str, Any]:
    others = [case.text for case in right if group.gold not in labels_in(case.gold)]
    cases = group.cases[:_MOST_EVIDENCE]
    words = find_keywords([case.text for case in cases], others, all_texts(packet))
    name = f"{group.gold} known least"
    advice = f"Write varied texts of {describe(group.gold, packet)}, unlike those that are there"
    advice += f", some with words such as {quote(words)}." if words else "."
    return {
        "name": name,
        "pattern": f"Texts of {group.gold} are right but least certain{mention(words)}.",
        "labels": [group.gold],
        "evidence": [case.id for case in cases],
        "advice": advice + remember(name, packet),
    }
