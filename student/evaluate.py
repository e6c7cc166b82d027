"""Score predictions: metrics, a line per label, confusions, and the verdict on a single answer."""

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from agents.messages import CaseVerdict, Confusion, ErrorCount, LabelScore


class Scores(BaseModel):
    """How good a set of predictions is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metrics: dict[str, float] = Field(description="metric name -> score, 0 to 1")
    report: list[LabelScore] = Field(description="a line per label that occurs, in the domain's order")
    confusions: list[Confusion] = Field(description="wrong pairs of labels, most frequent first")
    errors: list[ErrorCount] = Field(default=[], description="mistakes inside texts by kind, most frequent first")


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
    kept = [label for label in labels if label in present]
    columns = precision_recall_fscore_support(gold, predicted, labels=kept, zero_division=0.0)
    report = [
        LabelScore(label=label, precision=float(p), recall=float(r), f1=float(f), support=int(n))
        for label, p, r, f, n in zip(kept, *columns, strict=True)
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


def verdict(gold_key: str, predicted_key: str, confidence: float, threshold: float) -> CaseVerdict:
    """Judge one answer.

    Args:
        gold_key: canonical form of the right answer (`TaskCodec.key`).
        predicted_key: canonical form of the student's answer.
        confidence: the student's confidence, 0 to 1.
        threshold: confidence from which a wrong answer is a confidently wrong one, 0 to 1.
    """
    if gold_key == predicted_key:
        return "right"
    return "confident_wrong" if confidence >= threshold else "wrong"
