"""The Analyst's part where a text has any number of labels: which label is missed, and which is given too much."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from evokd.simulator.keywords import all_texts, describe, find_keywords, join_words, mention, quote, remember
from evokd.simulator.requests import CaseIn, PacketIn, labels_in

_MOST_EVIDENCE = 8
_MOST_COMPANY = 2
"""Other labels that a weakness names."""


def name_set_errors(wrong: Sequence[CaseIn], right: Sequence[CaseIn], packet: PacketIn) -> list[dict[str, Any]]:
    """Name a weakness per label that is missed, or given too much; those with the most cases first.

    Args:
        wrong: cases whose set of labels is wrong.
        right: cases that are right.
        packet: where they come from.
    """
    groups: dict[tuple[str, bool], list[CaseIn]] = defaultdict(list)
    for case in wrong:
        gold, predicted = set(labels_in(case.gold)), set(labels_in(case.predicted))
        for label in packet.labels:
            if label in gold ^ predicted:
                groups[label, label in gold].append(case)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    return [_name(label, missed, cases, right, packet) for (label, missed), cases in ordered]


def _name(
    label: str, missed: bool, cases: Sequence[CaseIn], right: Sequence[CaseIn], packet: PacketIn
) -> dict[str, Any]:
    company = _find_company(label, cases, packet)
    contrast = [case.text for case in right if (label in labels_in(case.gold)) != missed]
    words = find_keywords([case.text for case in cases], contrast, all_texts(packet))
    beside = f" beside {join_words(company)}" if company else ""
    name = f"{label} {'missed' if missed else 'given too much'}{beside}"
    meant = describe(label, packet)
    hinting = f", with words such as {quote(words)}" if words else ""
    if missed:
        advice = f"Write texts of {meant}, alone and{beside or ' with other labels'}, that say it in passing{hinting}."
    else:
        advice = f"Write texts that seem to be of {meant} at first sight and are not{beside and f',{beside}'}{hinting}."
    ordered = sorted(cases, key=lambda case: (case.verdict != "confident_wrong", -case.confidence, case.id))
    return {
        "name": name,
        "pattern": f"{label} is {'missed' if missed else 'given too much'} in {len(cases)} texts{mention(words)}.",
        "labels": [label, *company],
        "evidence": [case.id for case in ordered[:_MOST_EVIDENCE]],
        "advice": advice + remember(name, packet),
    }


def _find_company(label: str, cases: Sequence[CaseIn], packet: PacketIn) -> list[str]:
    """The labels that most of the cases have beside it, the most frequent first."""
    counts = {other: sum(other in labels_in(case.gold) for case in cases) for other in packet.labels if other != label}
    frequent = [other for other, count in counts.items() if 2 * count > len(cases)]
    return sorted(frequent, key=lambda other: -counts[other])[:_MOST_COMPANY]
