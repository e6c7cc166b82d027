"""The Labeler's part where a text has any number of labels: its set in the corpus, wrong at the rate that is set."""

from typing import Any

from evokd.simulator.corpus import Corpus
from evokd.simulator.rehearsal_settings import RehearsalSettings
from evokd.simulator.requests import BatchIn, DraftIn, read_message
from evokd.simulator.seeded_rng import draw_share
from evokd.simulator.words import fold_text


def answer_set_labeler(batch: dict[str, Any], corpus: Corpus, settings: RehearsalSettings, seed: int) -> dict[str, Any]:
    """Answer a `draft_batch`: one verdict per draft, in order.

    A text of the corpus gets its labels there; another text those of its nearest neighbour. With the probability
    `settings.noise`, drawn per seed and text, one label is too few or too many.

    Raises:
        RequestError: the batch lacks a field.
    """
    read = read_message(BatchIn, batch)
    return {"verdicts": [_judge(draft, list(read.labels), corpus, settings.noise, seed) for draft in read.drafts]}


def _judge(draft: DraftIn, allowed: list[str], corpus: Corpus, noise: float, seed: int) -> dict[str, Any]:
    row, likeness = corpus.find(draft.text), 1.0
    if row is None:
        nearness = corpus.index.similarities(corpus.index.vectors([draft.text]))[0]
        row, likeness = int(nearness.argmax()), float(nearness.max())
    given = {*corpus.rows[row].labels} if likeness > 0 else set()
    key = fold_text(draft.text)
    is_wrong = draw_share("noise", seed, key) < noise
    if is_wrong:
        # one label is taken for given, or not: which one is drawn per text
        given ^= {allowed[int(draw_share("slip", seed, key) * len(allowed))]}
    confidence = 0.8 + 0.14 * likeness + 0.1 * (draw_share("sure", seed, key) - 0.5) - 0.05 * is_wrong
    labels = [label for label in allowed if label in given]
    return {"id": draft.id, "labels": labels, "confidence": round(min(max(confidence, 0.5), 0.99), 2)}
