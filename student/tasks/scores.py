"""What a score is made of, whatever the task, and the verdict on a single answer. Light: no scikit-learn."""

from pydantic import Field

from evokd.messages import CaseVerdict, ClosedModel, Confusion, ErrorCount, LabelScore


class Scores(ClosedModel):
    """How good a set of predictions is."""

    metrics: dict[str, float] = Field(description="metric name -> score, 0 to 1")
    report: list[LabelScore] = Field(description="a line per label that occurs, in the domain's order")
    confusions: list[Confusion] = Field(description="wrong pairs of labels, most frequent first")
    errors: list[ErrorCount] = Field(default=[], description="mistakes inside texts by kind, most frequent first")


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
