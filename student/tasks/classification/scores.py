"""Score a classification: metrics, a line per label, confusions."""

from collections import Counter
from collections.abc import Sequence

from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from evokd.messages import Confusion, LabelScore
from evokd.student.tasks.scores import Scores


def score_labels(labels: Sequence[str], gold: Sequence[str], predicted: Sequence[str]) -> Scores:
    """Score a classification.

    A label counts in macro-F1 and has a line in the report when it occurs among the gold or the predicted labels. So a
    label that the data never holds does not pull the mean down as a zero, but predicting it wrongly does.

    Args:
        labels: all labels in the domain's order.
        gold: the right label per text.
        predicted: the student's label per text, as many as `gold`.

    Raises:
        ValueError: nothing to score, or lengths differ.
    """
    if not gold or len(gold) != len(predicted):
        raise ValueError(f"cannot score {len(predicted)} predictions against {len(gold)} right answers")
    present = {*gold, *predicted}
    occurring = [label for label in labels if label in present]
    columns = precision_recall_fscore_support(gold, predicted, labels=occurring, zero_division=0.0)
    report = [
        LabelScore(label=label, precision=float(p), recall=float(r), f1=float(f), support=int(n))
        for label, p, r, f, n in zip(occurring, *columns, strict=True)
    ]
    wrong = Counter((g, p) for g, p in zip(gold, predicted, strict=True) if g != p)
    confusions = [
        Confusion(gold=g, predicted=p, count=n) for (g, p), n in sorted(wrong.items(), key=lambda x: (-x[1], x[0]))
    ]
    metrics = {
        "macro_f1": sum(line.f1 for line in report) / len(report),
        "accuracy": float(accuracy_score(gold, predicted)),
    }
    return Scores(metrics=metrics, report=report, confusions=confusions)
