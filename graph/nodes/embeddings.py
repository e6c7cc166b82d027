"""Texts as the untrained student reads them."""

from collections.abc import Sequence

import numpy as np

from evokd.graph.context import RunContext
from evokd.graph.curriculum.probes import Vectors

REMEMBERED = 16_000
"""Vectors above which all are forgotten: those of batches that were learned long ago are not needed again."""


async def embed(context: RunContext, texts: Sequence[str]) -> Vectors:
    """Read texts as the untrained student does, (n, features), each of length 1; what was read lately is remembered."""
    known = dict(context.vectors)
    new = [text for text in dict.fromkeys(texts) if text not in known]
    found = await context.student.embed(context.settings.student.base, new) if new else []
    known.update((text, np.array(vector)) for text, vector in zip(new, found, strict=True))
    if len(context.vectors) > REMEMBERED:
        context.vectors.clear()
    context.vectors.update((text, known[text]) for text in new)
    return np.stack([known[text] for text in texts]) if texts else np.zeros((0, 0))
