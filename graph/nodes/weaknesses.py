"""Weaknesses: tested before any text is written on them, then measured on later texts of their kind."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evokd.graph.context import RunContext
from evokd.graph.curriculum.mastery import Mastery, find_state
from evokd.graph.curriculum.probes import Answered, Probe, ProbeRuling, Vectors, judge
from evokd.graph.nodes.embeddings import embed
from evokd.graph.nodes.evaluation import CycleEvaluation, EvaluatedText
from evokd.messages import Analysis, Case, FeedbackPacket, MasteryState, OpenWeakness, Weakness
from evokd.tracing.gate_outcome import name_outcome
from evokd.tracing.rows import GATE, MasteryRecord, ProbeRecord, StatementTest, WeaknessRow

SHOWN = 12
"""Weaknesses of earlier cycles that are followed and shown to the Analyst."""
MOST_VALIDATION = 160
"""Approximate number of validation texts that are embedded."""
_OTHERS = 120
"""Approximate number of other cases that evidence is compared with."""
_FINAL = ("dropped", "given_up", "rolled_back")
"""States that no later measurement changes."""
_HELPED = ("fixed", "improving", "dropped", "given_up")
"""States in which no lesson counts as unsuccessful."""


@dataclass(frozen=True)
class _EmbeddedTexts:
    """Evaluated texts with what is needed to find those of a weakness's kind."""

    texts: Sequence[EvaluatedText]
    vectors: Vectors
    """(n, features), each of length 1."""
    labels: Sequence[frozenset[str]]
    """Labels in the right answer of each text."""
    from_validation: Sequence[bool]

    def answers(self, labels: Sequence[str], probe: Probe, only_validation: bool) -> list[bool]:
        """Whether each text of a kind was answered right."""
        near_probe = probe.picks(self.vectors).tolist() if self.texts else []
        wanted = set(labels)
        rows = zip(self.texts, self.labels, self.from_validation, near_probe, strict=True)
        return [
            item.verdict == "right"
            for item, text_labels, is_validation, is_near in rows
            if is_near and text_labels & wanted and (is_validation or not only_validation)
        ]


async def adopt_weaknesses(
    context: RunContext, packet: FeedbackPacket, analysis: Analysis, evaluation: CycleEvaluation, span: str
) -> dict[str, Weakness]:
    """Test the weaknesses of an analysis, give them ids and store them.

    Args:
        context: what the run works with.
        packet: what the Analyst was shown.
        analysis: what it said.
        evaluation: all texts that the packet was chosen from.
        span: prefix of ids.

    Returns:
        Id -> weakness, most serious first, without those that their evidence does not support and those given up.
    """
    embedded = await _embed_texts(context, evaluation)
    before = [row for row in context.ledger.weaknesses() if row["cycle"] < analysis.cycle]
    rows, adopted = [], {}
    for number, weakness in enumerate(analysis.weaknesses, start=1):
        name = f"{span}-w{number}"
        ruling = await _test(context, weakness, packet, evaluation)
        evidence = [weakness.evidence[at] for at in ruling.remaining]
        weakness = weakness.model_copy(update={"evidence": evidence})
        state: MasteryState = "open"
        if ruling.verdict == "fails":
            state = "dropped"
        elif _was_taught(before, weakness, context.settings.curriculum.give_up):
            state = "given_up"
        rows.append(_make_row(name, analysis.cycle, weakness, state, ruling, embedded))
        if state == "open":
            adopted[name] = weakness
        fields = {"id": name, "name": weakness.name, "labels": weakness.labels, "state": state}
        context.emit("weakness", cycle=analysis.cycle, **fields, tested=ruling.verdict)
    context.ledger.put_weaknesses(rows, instead_of=analysis.cycle)
    return adopted


async def _test(
    context: RunContext, weakness: Weakness, packet: FeedbackPacket, evaluation: CycleEvaluation
) -> ProbeRuling:
    everything = tuple(range(len(weakness.evidence)))
    if not context.settings.curriculum.test_statements:
        return ProbeRuling("untested", None, None, None, everything, None)
    cases = {case.id: case for case in packet.cases}
    evidence = [cases[name] for name in weakness.evidence]
    others = _choose_others(context, weakness, evaluation)
    return judge(
        [_answered(case) for case in evidence],
        await embed(context, [case.text for case in evidence]),
        [_answered(item) for item in others],
        await embed(context, [item.text for item in others]),
    )


def _choose_others(context: RunContext, weakness: Weakness, evaluation: CycleEvaluation) -> Sequence[EvaluatedText]:
    """Texts of the weakness's labels that are not evidence of it, at most about `_OTHERS`."""
    codec, wanted = context.domain.codec, set(weakness.labels)
    others = [
        item
        for item in evaluation.texts
        if item.id not in weakness.evidence and wanted & set(codec.labels_in(item.example.gold))
    ]
    return others[:: max(1, len(others) // _OTHERS)]


def _answered(item: Case | EvaluatedText) -> Answered:
    return Answered(item.verdict == "right", item.confidence)


def _was_taught(rows: Sequence[WeaknessRow], weakness: Weakness, limit: int) -> bool:
    """Whether lessons on the same confusion of labels have failed to help in `limit` cycles."""

    def key(labels: Sequence[str]) -> tuple[str, frozenset[str]]:
        return labels[0], frozenset(labels[1:])

    alike = [row for row in rows if row["labels"] and key(row["labels"]) == key(weakness.labels)]
    return limit > 0 and sum(row["state"] not in _HELPED for row in alike) >= limit


def _make_row(
    name: str, cycle: int, weakness: Weakness, state: MasteryState, ruling: ProbeRuling, embedded: _EmbeddedTexts
) -> WeaknessRow:
    answers = embedded.answers(weakness.labels, ruling.probe, only_validation=False) if ruling.probe else []
    first = Mastery().after(answers)
    mastery = MasteryRecord(
        probe=ProbeRecord(towards=ruling.probe.towards, border=ruling.probe.border) if ruling.probe else None,
        first=first.value,
        now=first.value,
        counts=[[cycle - 1, sum(answers), len(answers)]] if answers else [],
    )
    tested = StatementTest(
        verdict=ruling.verdict,
        inside=ruling.inside,
        near=ruling.near,
        outside=ruling.outside,
        evidence=len(weakness.evidence),
    )
    return WeaknessRow(
        id=name,
        cycle=cycle,
        name=weakness.name,
        pattern=weakness.pattern,
        labels=weakness.labels,
        evidence=weakness.evidence,
        advice=weakness.advice,
        state=state,
        effect=None,
        mastery=mastery,
        tested=tested,
    )


async def follow_weaknesses(context: RunContext, cycle: int, evaluation: CycleEvaluation) -> None:
    """Measure what became of the weaknesses: how many texts of their kind the student now answers correctly.

    Texts that were written for a weakness count from the next cycle on: those of this one were answered before they
    were learned. A cycle without a training says nothing new of the student, so nothing is counted. A second call
    returns the same.
    """
    if not _has_trained(context, cycle):
        return
    rows = [row for row in context.ledger.newest_weaknesses(SHOWN) if row["state"] not in _FINAL]
    followed = [
        (row, row["mastery"], row["mastery"]["probe"])
        for row in rows
        if row["mastery"] and row["mastery"]["probe"] and row["cycle"] <= cycle
    ]
    if not followed:
        return
    embedded = await _embed_texts(context, evaluation)
    measured = []
    for row, mastery, record in followed:
        probe = Probe(tuple(record["towards"]), record["border"])
        # the cycle's own texts were answered before its training
        is_first = not any(_has_trained(context, earlier) for earlier in range(row["cycle"], cycle))
        answers = embedded.answers(row["labels"], probe, only_validation=is_first)
        measured.append(_measure(row, mastery, cycle, answers))
    context.ledger.put_weaknesses(measured)


def _has_trained(context: RunContext, cycle: int) -> bool:
    gate = context.ledger.cycle_record(cycle, GATE)
    return gate is None or name_outcome(gate) != "nothing trained"


def _measure(row: WeaknessRow, mastery: MasteryRecord, cycle: int, answers: Sequence[bool]) -> WeaknessRow:
    counts = [entry for entry in mastery["counts"] if entry[0] < cycle]
    counts += [[cycle, sum(answers), len(answers)]] if answers else []
    now = Mastery()
    for _, right, count in counts:
        now = now.after([True] * right + [False] * (count - right))
    since = [entry for entry in counts if entry[0] >= row["cycle"]]
    first, effect = mastery["first"], None
    if since and first is not None and now.value is not None:
        effect = round(now.value - first, 4)
    state = find_state(first, now) if since else row["state"]
    return {**row, "state": state, "effect": effect, "mastery": {**mastery, "now": now.value, "counts": counts}}


def mark_rolled_back(context: RunContext, cycle: int) -> None:
    """Mark the weaknesses of a cycle whose training was rolled back."""
    rows = [row for row in context.ledger.weaknesses(cycle) if row["state"] not in ("dropped", "given_up")]
    context.ledger.put_weaknesses([{**row, "state": "rolled_back"} for row in rows])


def show_weaknesses(context: RunContext, before: int | None = None) -> list[OpenWeakness]:
    """The newest weaknesses as the Analyst is shown them; `before`: only those of the cycles before this one."""
    return [
        OpenWeakness(
            id=row["id"],
            name=row["name"],
            state=row["state"],
            effect=row["effect"],
            mastery=row["mastery"]["now"] if row["mastery"] else None,
        )
        for row in context.ledger.newest_weaknesses(SHOWN, before)
    ]


async def _embed_texts(context: RunContext, evaluation: CycleEvaluation) -> _EmbeddedTexts:
    """Embed the cycle's texts and about `MOST_VALIDATION` validation texts; none if statements are not tested."""
    if not context.settings.curriculum.test_statements:
        return _EmbeddedTexts((), np.zeros((0, 0)), (), ())
    validation = evaluation.validation[:: max(1, len(evaluation.validation) // MOST_VALIDATION)]
    texts = [*evaluation.exam, *validation]
    return _EmbeddedTexts(
        texts=texts,
        vectors=await embed(context, [item.text for item in texts]),
        labels=[frozenset(context.domain.codec.labels_in(item.example.gold)) for item in texts],
        from_validation=[False] * len(evaluation.exam) + [True] * len(validation),
    )
