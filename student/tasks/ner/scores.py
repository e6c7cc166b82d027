"""Score predicted entities: F1 by three rules, a line per type, type confusions, kinds of mistakes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import Literal

from nervaluate import Evaluator
from seqeval.metrics import sequence_labeling, v1
from seqeval.scheme import IOB2

from evokd.messages import Confusion, LabelScore
from evokd.messages.spans import Span
from evokd.student.tasks.ner.errors import SpanError, count_errors, find_errors
from evokd.student.tasks.scores import Scores

TagMode = Literal["strict", "lenient"]
_Pairs = Sequence[tuple[Sequence[Span], Sequence[Span]]]


def score_entities(
    labels: Sequence[str], gold: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]
) -> Scores:
    """Score the entities of many texts.

    All metrics run over the entities of all texts together (micro average) and are 0 where there is nothing to divide
    by, so also where no text holds an entity and none is predicted.

    - `entity_f1`, `entity_precision`, `entity_recall`: an entity is right if both ends and the label are (seqeval,
      strict mode, IOB2).
    - `entity_f1_lenient`: the rules of conlleval (seqeval's default mode). They read ill-formed tags otherwise than the
      strict mode; entities that are given as spans are well-formed, so here both modes agree. They can differ in
      `score_tags`.
    - `entity_f1_partial`: "partial" of SemEval-2013 task 9 (nervaluate). Labels do not count; the same ends are worth
      1, an overlap of 1 % of the right entity or more 0.5.

    Args:
        labels: all labels in the domain's order; the report has a line for each that occurs in `gold` or `predicted`.
        gold: the right entities per text, ends in characters.
        predicted: the student's entities per text, as many texts as `gold`.

    Raises:
        ValueError: no texts, lengths differ, or entities of a text that are empty or overlap.
    """
    _check_lengths(gold, predicted)
    pairs = [(_in_order(right), _in_order(given)) for right, given in zip(gold, predicted, strict=True)]
    tags = _write_tags(pairs)
    strict, lenient = score_tags(*tags, "strict"), score_tags(*tags, "lenient")
    errors = [error for pair in pairs for error in find_errors(*pair)]
    metrics = {
        "entity_f1": strict["f1"],
        "entity_f1_lenient": lenient["f1"],
        "entity_f1_partial": _score_partial(pairs),
        "entity_precision": strict["precision"],
        "entity_recall": strict["recall"],
    }
    return Scores(
        metrics=metrics,
        report=_report_labels(labels, pairs),
        confusions=_count_confusions(errors),
        errors=count_errors(errors),
    )


def score_tags(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], mode: TagMode) -> dict[str, float]:
    """Score tag sequences with seqeval, micro average.

    Args:
        gold: the right tags per text: "O", "B-type" or "I-type".
        predicted: the predicted tags, as many per text as `gold`.
        mode: "strict" reads IOB2, where "B-" alone begins an entity; "lenient" follows conlleval, where "I-" begins one
            behind "O" and behind another type.

    Returns:
        "precision", "recall" and "f1", 0 to 1; 0 where there is nothing to divide by.

    Raises:
        ValueError: no texts, lengths differ, or a tag of another form.
    """
    _check_lengths(gold, predicted)
    for i, (right, given) in enumerate(zip(gold, predicted, strict=True)):
        if len(right) != len(given):
            raise ValueError(f"text {i} has {len(right)} right tags and {len(given)} predicted ones")
    for tag in sorted({*chain.from_iterable(gold), *chain.from_iterable(predicted)}):
        if tag != "O" and not (tag[:2] in ("B-", "I-") and tag[2:]):
            raise ValueError(f"the tag {tag!r} is none of O, B-type, I-type")
    lists = [list(tags) for tags in gold], [list(tags) for tags in predicted]
    if mode == "strict":
        scores = v1.precision_recall_fscore_support(*lists, average="micro", zero_division=0, scheme=IOB2)
    else:
        scores = sequence_labeling.precision_recall_fscore_support(*lists, average="micro", zero_division=0)
    return {name: float(score) for name, score in zip(("precision", "recall", "f1"), scores[:3], strict=True)}


def _check_lengths(gold: Sequence[object], predicted: Sequence[object]) -> None:
    if not gold or len(gold) != len(predicted):
        raise ValueError(f"cannot score predictions for {len(predicted)} texts against right answers for {len(gold)}")


def _in_order(spans: Iterable[Span]) -> list[Span]:
    ordered = sorted(spans)
    for span in ordered:
        if span.start >= span.end:
            raise ValueError(f"entity {span.start}-{span.end} ({span.label}) is empty")
    for left, right in pairwise(ordered):
        if right.start < left.end:
            raise ValueError(f"entities {left.start}-{left.end} and {right.start}-{right.end} overlap")
    return ordered


def _write_tags(pairs: _Pairs) -> tuple[list[list[str]], list[list[str]]]:
    """Write entities as IOB2 tags of the pieces into which the ends of both sides cut each text.

    Types are written as numbers, since seqeval drops hyphens at the ends of a type.
    """
    present = sorted({span.label for pair in pairs for spans in pair for span in spans})
    codes = {label: str(i) for i, label in enumerate(present)}
    gold, predicted = [], []
    for right, given in pairs:
        ends = sorted({end for span in (*right, *given) for end in (span.start, span.end)})
        gold.append(_tag_pieces(right, ends, codes))
        predicted.append(_tag_pieces(given, ends, codes))
    return gold, predicted


def _tag_pieces(spans: Iterable[Span], ends: Sequence[int], codes: dict[str, str]) -> list[str]:
    boundary_index = {end: i for i, end in enumerate(ends)}
    tags = ["O"] * (len(ends) - 1)
    for span in spans:
        first, behind = boundary_index[span.start], boundary_index[span.end]
        tags[first:behind] = [f"I-{codes[span.label]}"] * (behind - first)
        tags[first] = f"B-{codes[span.label]}"
    return tags


def _score_partial(pairs: _Pairs) -> float:
    # nervaluate counts the last character of an entity as its end.
    gold, predicted = (
        [[{"label": span.label, "start": span.start, "end": span.end - 1} for span in pair[side]] for pair in pairs]
        for side in (0, 1)
    )
    present = sorted({span.label for pair in pairs for spans in pair for span in spans})
    results = Evaluator(gold, predicted, tags=present, loader="dict").evaluate()
    return float(results["overall"]["partial"].f1)


def _report_labels(labels: Iterable[str], pairs: _Pairs) -> list[LabelScore]:
    right = Counter(span.label for gold, predicted in pairs for span in {*gold} & {*predicted})
    wanted = Counter(span.label for gold, _ in pairs for span in gold)
    given = Counter(span.label for _, predicted in pairs for span in predicted)
    return [
        LabelScore(
            label=label,
            precision=right[label] / max(given[label], 1),
            recall=right[label] / max(wanted[label], 1),
            f1=2 * right[label] / (wanted[label] + given[label]),
            support=wanted[label],
        )
        for label in labels
        if wanted[label] + given[label]
    ]


def _count_confusions(errors: Iterable[SpanError]) -> list[Confusion]:
    wrong = Counter((e.gold.label, e.predicted.label) for e in errors if e.kind == "type" and e.gold and e.predicted)
    ordered = sorted(wrong.items(), key=lambda item: (-item[1], item[0]))
    return [Confusion(gold=g, predicted=p, count=n) for (g, p), n in ordered]
