"""How often the plain pipeline of transformers gives the answer of `evokd predict`, measured on texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evokd.messages import is_label_set
from evokd.release.student_folder import StudentFolder
from evokd.student.protocol import Prediction

FEW_TEXTS = 200
"""Texts on which an exported student is checked; a quick look, not a benchmark."""
_BATCH = 16


@dataclass(frozen=True)
class Agreement:
    """On how many texts two ways to ask a student give the same answer."""

    same: int
    texts: int

    def tell(self) -> str:
        """Such as `all 200` or `163 of 200`."""
        return f"all {self.texts}" if self.same == self.texts else f"{self.same} of {self.texts}"


def count_same(first: Sequence[Prediction], second: Sequence[Any]) -> Agreement:
    """Count the equal answers of two lists: predictions, and answers as JSON."""
    same = sum(_key(one.answer) == _key(other) for one, other in zip(first, second, strict=True))
    return Agreement(same, len(first))


def _key(answer: Any) -> Any:
    if isinstance(answer, str):
        return answer
    if is_label_set(answer):
        return sorted(answer)
    return sorted((item["start"], item["end"], item["label"]) for item in answer)


def ask_pipeline(student: StudentFolder, folder: Path, texts: Sequence[str]) -> list[Any]:
    """Answer texts with the pipeline of transformers, as the card of the exported student calls it.

    Args:
        student: the student that was exported.
        folder: the exported folder.
        texts: none of them empty.
    """
    from transformers import pipeline

    kind = student.network.pipeline
    if not student.network.one_class:
        classify = pipeline(kind, model=str(folder), truncation=True, top_k=None, device="cpu")
        found = classify(list(texts), batch_size=_BATCH, function_to_apply="sigmoid")
        return [[item["label"] for item in scored if item["score"] >= 0.5] for scored in found]
    if student.network.classifies_texts:
        classify = pipeline(kind, model=str(folder), truncation=True, device="cpu")
        return [answer["label"] for answer in classify(list(texts), batch_size=_BATCH)]
    find = pipeline(kind, model=str(folder), aggregation_strategy="first", stride=student.stride, device="cpu")
    return [[{**item, "label": item["entity_group"]} for item in found] for found in find(list(texts))]


def measure_agreement(student: StudentFolder, folder: Path, texts: Sequence[str]) -> Agreement:
    """Compare the plain pipeline on an exported folder with `evokd predict` on the student; arguments as above."""
    return count_same(student.answer(texts), ask_pipeline(student, folder, texts)) if texts else Agreement(0, 0)
