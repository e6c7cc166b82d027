"""Score sets of labels: F1 per label, its mean, F1 over all decisions, and the share of sets that are wholly right."""

from collections import Counter
from collections.abc import Sequence

from sklearn.metrics import f1_score, precision_recall_fscore_support
from sklearn.preprocessing import MultiLabelBinarizer

from evokd.messages import NO_LABEL, Confusion, LabelScore
from evokd.student.tasks.scores import Scores


def score_sets(labels: Sequence[str], gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Scores:
    """Score sets of labels.

    A label counts in macro-F1 and has a line in the report when it occurs among the gold or the predicted labels, as
    for `student.tasks.classification.scores`. A text with one label too few and one too many is a confusion of the two;
    a label that is only missing, or only too much, is one with `NO_LABEL`.

    Args:
        labels: all labels in the domain's order.
        gold: the right labels per text.
        predicted: the student's labels per text, as many as `gold`.

    Raises:
        ValueError: nothing to score, or lengths differ.
    """
    if not gold or len(gold) != len(predicted):
        raise ValueError(f"cannot score {len(predicted)} predictions against {len(gold)} right answers")
    pairs = [(frozenset(right), frozenset(answer)) for right, answer in zip(gold, predicted, strict=True)]
    named = frozenset().union(*(right | answer for right, answer in pairs))
    occurring = [label for label in labels if label in named]
    report: list[LabelScore] = []
    micro_f1 = 1.0  # where nobody names a label, all answers are right
    if occurring:
        # (texts, labels + 1), 1 where a label is given; a table of one column would be taken for a choice of two labels
        tables = MultiLabelBinarizer(classes=[*occurring, NO_LABEL])
        right, answered = (tables.fit_transform(sets) for sets in zip(*pairs, strict=True))
        columns = precision_recall_fscore_support(right, answered, zero_division=0.0)
        report = [
            LabelScore(label=label, precision=float(p), recall=float(r), f1=float(f), support=int(n))
            for label, p, r, f, n in zip(occurring, *(values[:-1] for values in columns), strict=True)
        ]
        micro_f1 = float(f1_score(right, answered, average="micro", zero_division=0.0))
    metrics = {
        "macro_f1": sum(line.f1 for line in report) / len(report) if report else 1.0,
        "micro_f1": micro_f1,
        "exact_match": sum(one == other for one, other in pairs) / len(pairs),
    }
    return Scores(metrics=metrics, report=report, confusions=_count_confusions(pairs))


def _count_confusions(pairs: Sequence[tuple[frozenset[str], frozenset[str]]]) -> list[Confusion]:
    counts: Counter[tuple[str, str]] = Counter()
    for right, answer in pairs:
        missed, invented = sorted(right - answer), sorted(answer - right)
        if len(missed) == 1 and len(invented) == 1:
            counts[missed[0], invented[0]] += 1
            continue
        counts.update((label, NO_LABEL) for label in missed)
        counts.update((NO_LABEL, label) for label in invented)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Confusion(gold=right, predicted=answer, count=count) for (right, answer), count in ordered]
