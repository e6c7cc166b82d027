"""The Labeler's part: the corpus label of a text, wrong at the rate that is set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evokd.simulator.corpus import Corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import BatchIn, DraftIn, read_message
from evokd.simulator.seeded_rng import draw_share
from evokd.simulator.text_index import Floats
from evokd.simulator.words import fold_text, list_words

_CLEAR, _FAIR = 0.6, 0.25
"""Sureness from which a text has a single candidate, or two; below it has three."""
_NEAREST_RIVAL = 0.8
"""Share of the wrong answers that fall on the likeliest wrong label."""


@dataclass(frozen=True)
class _View:
    """What the corpus says of a text."""

    column: int  # its label there, or its nearest neighbour's
    near: Floats  # (L,) cosine to each label's centre
    likeness: float  # 1 for a text of the corpus, else the cosine to its nearest neighbour


def answer_labeler(batch: dict[str, Any], corpus: Corpus, settings: RehearsalSettings, seed: int) -> dict[str, Any]:
    """Answer a `draft_batch`: one verdict per draft, in order.

    A text of the corpus gets its label there; another text that of its nearest neighbour. With the probability
    `settings.noise`, drawn per seed and text, the first label is a wrong one.

    Raises:
        RequestError: the batch lacks a field.
    """
    read = read_message(BatchIn, batch)
    allowed = corpus.index.columns(list(read.labels))
    views = _look_up([draft.text for draft in read.drafts], corpus, allowed)
    verdicts = []
    for draft, view in zip(read.drafts, views, strict=True):
        if view is None:
            verdicts.append(_guess(draft, read.labels, seed))
        else:
            verdicts.append(_judge(draft, view, corpus, allowed, settings.noise, seed))
    return {"verdicts": verdicts}


def _look_up(texts: Sequence[str], corpus: Corpus, allowed: Sequence[int]) -> list[_View | None]:
    """Find each text, or its nearest neighbour, among the rows with an allowed label; None where nothing is near."""
    views: list[_View | None] = [None] * len(texts)
    index = corpus.index
    unknown: list[int] = []
    for at, text in enumerate(texts):
        row = corpus.find(text)
        if row is not None and index.label_of[row] in allowed:
            views[at] = _View(int(index.label_of[row]), index.near[row], 1.0)
        else:
            unknown.append(at)
    if not unknown or not allowed:
        return views
    vectors = index.vectors([texts[at] for at in unknown])
    centres = index.centre_similarities(vectors)
    likeness = np.where(np.isin(index.label_of, allowed)[None, :], index.similarities(vectors), -1.0)
    for at, near, like in zip(unknown, centres, likeness, strict=True):
        row = int(like.argmax())
        if like[row] > 0:
            views[at] = _View(int(index.label_of[row]), near, float(like[row]))
    return views


def _judge(
    draft: DraftIn, view: _View, corpus: Corpus, allowed: Sequence[int], noise: float, seed: int
) -> dict[str, Any]:
    key = fold_text(draft.text)
    rivals = sorted((column for column in allowed if column != view.column), key=lambda column: -view.near[column])
    candidates = [view.column, *rivals]
    wrong = bool(rivals) and draw_share("noise", seed, key) < noise
    if wrong:
        slip = 0
        if draw_share("rival", seed, key) >= _NEAREST_RIVAL and len(rivals) > 1:
            slip = 1 + int(draw_share("slip", seed, key) * (len(rivals) - 1))
        candidates = [rivals[slip], view.column, *rivals[:slip], *rivals[slip + 1 :]]
    sure = corpus.index.sureness(view.near[list(allowed)])
    # How sure the answer sounds follows the border; a wrong one sounds a little less sure.
    confidence = 0.82 + 0.14 * sure * view.likeness + 0.1 * (draw_share("sure", seed, key) - 0.5) - 0.05 * wrong
    count = 1 if sure >= _CLEAR else 2 if sure >= _FAIR else 3
    labels = [corpus.index.labels[column] for column in candidates[:count]]
    return {"id": draft.id, "labels": labels, "confidence": round(min(max(confidence, 0.5), 0.99), 2)}


def _guess(draft: DraftIn, labels: dict[str, str], seed: int) -> dict[str, Any]:
    """Label a text of which the corpus knows nothing: by the words it shares with the labels and their meanings."""
    words = set(list_words(draft.text))

    def prefer(label: str) -> tuple[int, float]:
        shared = words & set(list_words(f"{label} {labels[label]}"))
        return len(shared), draw_share("guess", seed, label, fold_text(draft.text))

    return {"id": draft.id, "labels": sorted(labels, key=prefer, reverse=True)[:3], "confidence": 0.5}
