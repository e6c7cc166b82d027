"""Embeddings of texts by the untrained student."""

from collections.abc import Sequence

import numpy as np

from evokd.graph.context import RunContext
from evokd.graph.curriculum.probes import Vectors

REMEMBERED = 16_000
"""Above this many vectors, the cache is cleared: those of old batches are not needed again."""


async def embed(context: RunContext, texts: Sequence[str]) -> Vectors:
    """Embed texts with the untrained student: (n, features), each of length 1; recent vectors are cached."""
    known = dict(context.vectors)
    new = [text for text in dict.fromkeys(texts) if text not in known]
    vectors = await context.student.embed(context.settings.student.base, new) if new else []
    known.update((text, np.array(vector)) for text, vector in zip(new, vectors, strict=True))
    if len(context.vectors) > REMEMBERED:
        context.vectors.clear()
    context.vectors.update((text, known[text]) for text in new)
    return np.stack([known[text] for text in texts]) if texts else np.zeros((0, 0))
