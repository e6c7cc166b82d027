"""Unlabelled texts that may be learned from: each once, none that a score is taken on."""

from collections import Counter
from collections.abc import Iterable, Sequence

from evokd.intake.split import LIKE
from evokd.student.curate import is_valid
from evokd.student.similar_texts import SimilarTexts, normalise
from evokd.student.student_settings import CurationSettings

MOST = 100_000
"""Texts that are written at most; a run takes a sample of 10,000."""


def choose_pool(texts: Iterable[str], seeds: Sequence[str], scored: Sequence[str]) -> tuple[list[str], Counter[str]]:
    """Choose the texts of the pool, in their order.

    Args:
        texts: unlabelled texts.
        seeds: texts of the seeds; repeats of them are left out.
        scored: texts of validation and test; these and texts nearly like them are left out.

    Returns:
        The texts, and why others were left out, with their number.
    """
    rules = CurationSettings()
    known, held = {normalise(text) for text in seeds}, SimilarTexts(scored)
    chosen: list[str] = []
    counts: Counter[str] = Counter()
    for text in texts:
        form = normalise(text)
        if not is_valid(text, rules):
            counts["too short, too long or broken"] += 1
        elif form in held or held.has_like(form, LIKE):
            counts["labelled for validation or test, or nearly the same"] += 1
        elif form in known:
            counts["repeated, or among the seeds"] += 1
        elif len(chosen) == MOST:
            counts[f"beyond the first {MOST:,}"] += 1
        else:
            known.add(form)
            chosen.append(text)
    return chosen, counts
