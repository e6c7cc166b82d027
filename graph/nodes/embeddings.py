"""Texts as the untrained student reads them."""

from collections.abc import Sequence

import numpy as np

from evokd.graph.context import Bench
from evokd.graph.curriculum.probes import Vectors

REMEMBERED = 16_000
"""Vectors above which all are forgotten: those of batches that were learned long ago are not needed again."""


async def embed(bench: Bench, texts: Sequence[str]) -> Vectors:
    """Read texts as the untrained student does, (n, features), each of length 1; what was read lately is remembered."""
    known = dict(bench.vectors)
    new = [text for text in dict.fromkeys(texts) if text not in known]
    found = await bench.student.embed(bench.settings.student.base, new) if new else []
    known.update((text, np.array(vector)) for text, vector in zip(new, found, strict=True))
    if len(bench.vectors) > REMEMBERED:
        bench.vectors.clear()
    bench.vectors.update((text, known[text]) for text in new)
    return np.stack([known[text] for text in texts]) if texts else np.zeros((0, 0))
