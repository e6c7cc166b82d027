"""The Analyst's part: weaknesses computed from the cases of a feedback packet, and from nothing else."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from agents.rehearsal.wire import CaseIn, PacketIn, read_message
from agents.rehearsal.words import split_words

MOST_WEAKNESSES = 4
_MOST_EVIDENCE = 8
_MOST_WORDS = 6
_LONG = 7
"""Letters from which a word counts fully."""
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

    Wrong cases are grouped by what was taken for what. When nothing is wrong, the labels that are learnt least are
    named, with their least certain right cases as evidence.

    Raises:
        RequestError: the packet lacks a field.
    """
    read = read_message(PacketIn, packet)
    cases = [case for case in read.cases if case.gold in read.labels]
    wrong = [case for case in cases if case.verdict != "right"]
    right = [case for case in cases if case.verdict == "right"]
    if wrong:
        groups = sorted(_group(wrong), key=_gravity(read))[:MOST_WEAKNESSES]
        return {"weaknesses": [_name_confusion(group, right, read) for group in groups]}
    return {"weaknesses": [_name_unsure(group, right, read) for group in _least_learnt(right, read)]}


def _group(wrong: Iterable[CaseIn]) -> list[_Group]:
    by_pair: dict[tuple[str, str], list[CaseIn]] = defaultdict(list)
    for case in wrong:
        by_pair[case.gold, case.predicted].append(case)
    groups: list[_Group] = []
    small: dict[str, list[CaseIn]] = defaultdict(list)
    for (gold, predicted), cases in by_pair.items():
        if len(cases) < _SMALL:
            small[gold].extend(cases)
        else:
            groups.append(_Group(gold, (predicted,), tuple(cases)))
    for gold, cases in small.items():
        groups.append(_Group(gold, tuple(dict.fromkeys(case.predicted for case in cases)), tuple(cases)))
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
        by_label[case.gold].append(case)

    def key(label: str) -> tuple[float, int, float, str]:
        return *scores.get(label, (0.0, 0)), by_label[label][0].confidence, label

    return [_Group(label, (), tuple(by_label[label])) for label in sorted(by_label, key=key)[:MOST_WEAKNESSES]]


def _name_confusion(group: _Group, right: Sequence[CaseIn], packet: PacketIn) -> dict[str, Any]:
    rivals = [label for label in group.predicted if label in packet.labels and label != group.gold]
    seen = _join(rivals) or "something else"
    contrast = [case for case in right if case.predicted in rivals] or list(right)
    words = _find_telling_words(
        [case.text for case in group.cases], [case.text for case in contrast], _all_texts(packet)
    )
    cases = sorted(group.cases, key=lambda case: (case.verdict != "confident_wrong", -case.confidence, case.id))
    sure = sum(case.verdict == "confident_wrong" for case in cases)
    count = f"{len(cases)} text{'s' if len(cases) > 1 else ''}" + (f", {sure} with high confidence" if sure else "")
    name = f"{group.gold} taken for {' or '.join(rivals) or 'something else'}"
    pattern = f"Texts of {group.gold} are taken for {seen} ({count}){_mention(words)}."
    advice = f"Write texts of {_describe(group.gold, packet)} that could be taken for {seen} at first sight"
    advice += f", with words such as {_quote(words)}" if words else ""
    advice += f", and plain texts of {' and '.join(rivals)} beside them." if rivals else "."
    return {
        "name": name,
        "pattern": pattern,
        "labels": [group.gold, *rivals],
        "evidence": [case.id for case in cases[:_MOST_EVIDENCE]],
        "advice": advice + _remember(name, packet),
    }


def _name_unsure(group: _Group, right: Sequence[CaseIn], packet: PacketIn) -> dict[str, Any]:
    others = [case.text for case in right if case.gold != group.gold]
    cases = group.cases[:_MOST_EVIDENCE]
    words = _find_telling_words([case.text for case in cases], others, _all_texts(packet))
    name = f"{group.gold} known least"
    advice = f"Write varied texts of {_describe(group.gold, packet)}, unlike those that are there"
    advice += f", some with words such as {_quote(words)}." if words else "."
    return {
        "name": name,
        "pattern": f"Texts of {group.gold} are right but least certain{_mention(words)}.",
        "labels": [group.gold],
        "evidence": [case.id for case in cases],
        "advice": advice + _remember(name, packet),
    }


def _find_telling_words(texts: Sequence[str], contrast: Sequence[str], everything: Sequence[str]) -> list[str]:
    """Find the words that are over-represented in texts against others: smoothed log-odds over their standard error.

    Without a list of stop words, which would be of one language: a word counts the less, the more of all the packet's
    texts hold it, and one that more than a quarter of many hold does not count at all; and short words, which are
    grammar in most languages, count less than long ones.

    Source: Monroe et al. 2008, "Fightin' Words", section 3.5.1; counted in texts, with 0.5 as the prior.
    """
    inside, outside, overall = (_count_texts(group) for group in (texts, contrast, everything))
    least = 2 if len(texts) > 2 else 1
    most = max(0.25 * len(everything), 4.0)

    def score(word: str) -> float:
        a, b = inside[word] + 0.5, outside[word] + 0.5
        odds = math.log(a / (len(texts) - inside[word] + 0.5)) - math.log(b / (len(contrast) - outside[word] + 0.5))
        rarity = math.log((len(everything) + 1) / overall[word])
        return odds / math.sqrt(1 / a + 1 / b) * rarity * min(len(word), _LONG) / _LONG

    scored = [
        (score(word), word)
        for word, count in inside.items()
        if count >= least and overall[word] <= most and len(word) > 1 and not word.isnumeric()
    ]
    scored.sort(key=lambda pair: (-round(pair[0], 6), -len(pair[1]), pair[1]))
    return [word for value, word in scored if value > max(0.0, 0.4 * scored[0][0])][:_MOST_WORDS]


def _all_texts(packet: PacketIn) -> list[str]:
    return [case.text for case in packet.cases]


def _count_texts(texts: Iterable[str]) -> Counter[str]:
    """Count how many of the texts hold each word."""
    return Counter(word for text in texts for word in dict.fromkeys(split_words(text)))


def _describe(label: str, packet: PacketIn) -> str:
    meaning = " ".join(packet.labels[label].split()).rstrip(".")
    return f"{label} ({meaning})" if meaning else label


def _mention(words: Sequence[str]) -> str:
    return f"; they often hold words such as {_quote(words)}" if words else ""


def _quote(words: Sequence[str]) -> str:
    return _join(f'"{word}"' for word in words)


def _join(parts: Iterable[str]) -> str:
    *head, last = [*parts] or [""]
    return f"{', '.join(head)} and {last}" if head else last


def _remember(name: str, packet: PacketIn) -> str:
    """Say what earlier lessons on the same weakness did."""
    states = {weakness.name: weakness.state for weakness in packet.weaknesses}
    if states.get(name) in ("regressed", "rolled_back"):
        return " Earlier lessons on this did harm: write other kinds of texts than then."
    if states.get(name) == "open":
        return " Earlier lessons on this have not helped yet: write more varied texts."
    return ""
