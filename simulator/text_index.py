"""Where the corpus texts lie to each other: TF-IDF vectors, label centres, margins; built once, then only read."""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse  # type: ignore[import-untyped, unused-ignore]
from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped, unused-ignore]

from evokd.simulator.words import list_words

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]


class TextIndex:
    """Vectors of n texts with L labels; a text may have several labels, or none.

    Attributes:
        labels: the L labels, sorted.
        members: (n, L), whether a text has a label.
        label_of: (n,), position in `labels` of each text's first label, -1 where it has none.
        near: (n, L), cosine of each text to each label's centre, -1 to 1; a text does not count in the centres of its
            own labels, or every text of a rare label would look typical.
        density: (n, L), mean cosine of each text to the other texts of a label that it has, 0 to 1; else 0.
    """

    def __init__(self, texts: Sequence[str], labels: Sequence[Collection[str]]) -> None:
        """Index the texts.

        Args:
            texts: n texts.
            labels: n collections of labels, one per text, no label twice in it.

        Raises:
            ValueError: no text holds a word, or none has a label.
        """
        self.labels = tuple(sorted({label for of_text in labels for label in of_text}))
        if not self.labels:
            raise ValueError("no text has a label")
        self._column = {label: at for at, label in enumerate(self.labels)}
        columns = [[self._column[label] for label in of_text] for of_text in labels]
        self.label_of: Ints = np.array([of_text[0] if of_text else -1 for of_text in columns], dtype=np.intp)
        self.members: Flags = np.zeros((len(texts), len(self.labels)), dtype=bool)
        for row, of_text in enumerate(columns):
            self.members[row, of_text] = True
        self._vectorizer = TfidfVectorizer(analyzer=list_words, sublinear_tf=True)
        self._matrix = self._vectorizer.fit_transform(texts).tocsr()
        self._sums = (sparse.csr_matrix(self.members.T.astype(np.float64)) @ self._matrix).tocsr()
        self._norms: Floats = np.sqrt(np.asarray(self._sums.multiply(self._sums).sum(axis=1)).ravel())
        dots = np.asarray((self._matrix @ self._sums.T).todense(), dtype=np.float64)
        squares = np.asarray(self._matrix.multiply(self._matrix).sum(axis=1))
        others = dots - squares
        rest = np.sqrt(np.maximum(self._norms**2 - 2 * dots + squares, 0.0))
        to_others = others / np.maximum(rest, 1e-6)
        self.near: Floats = np.where(self.members, to_others, dots / np.maximum(self._norms, 1e-12))
        sizes = self.members.sum(axis=0).astype(np.float64)
        self.density: Floats = np.where(self.members, others / np.maximum(sizes - 1, 1.0), 0.0)
        # The scale on which a labeler feels sure: how far apart the two nearest centres lie for the corpus texts.
        self._gaps: Floats = np.sort(_gap(self.near))

    def column(self, label: str) -> int | None:
        """Give the position of a label, None when no text has it."""
        return self._column.get(label)

    def columns(self, labels: Sequence[str]) -> list[int]:
        """Give the positions of those labels that some text has."""
        return [self._column[label] for label in labels if label in self._column]

    def vectors(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Turn texts into unit vectors (m, words); a text without a known word is zero."""
        return self._vectorizer.transform(texts).tocsr()

    def similarities(self, vectors: sparse.csr_matrix) -> Floats:
        """Compare vectors (m, words) with all texts: cosines (m, n)."""
        return np.asarray((vectors @ self._matrix.T).todense(), dtype=np.float64)

    def centre_similarities(self, vectors: sparse.csr_matrix) -> Floats:
        """Compare vectors (m, words) with the label centres: cosines (m, L)."""
        dots = np.asarray((vectors @ self._sums.T).todense(), dtype=np.float64)
        return dots / np.maximum(self._norms, 1e-12)

    def likeness(self, rows: Ints, others: Ints) -> Floats:
        """Compare texts of the corpus: cosines (rows, others)."""
        return np.asarray((self._matrix[rows] @ self._matrix[others].T).todense(), dtype=np.float64)

    def margins(self, rows: Ints, column: int, rivals: Sequence[int]) -> tuple[Floats, Floats]:
        """Measure how near texts are to a label and to its strongest rival.

        Args:
            rows: texts of the label, (r,).
            column: the label's.
            rivals: columns of the labels to compare with; the label itself is passed over.

        Returns:
            Cosine to the label's centre and to the nearest rival's, both (r,); without a rival the latter is 0.
        """
        near = self.near[rows]
        columns = np.array(rivals, dtype=np.intp)
        if not len(columns):
            return near[:, column], np.zeros(len(rows))
        foreign = np.where(columns[None, :] == column, -1.0, near[:, columns])
        return near[:, column], np.maximum(foreign.max(axis=1), 0.0)

    def sureness(self, near: Floats) -> float:
        """Rank the gap between a text's two nearest centres among those of the corpus, 0 (border) to 1 (clear)."""
        gap = float(_gap(near[None, :])[0])
        return float(np.searchsorted(self._gaps, gap, side="right")) / len(self._gaps)


def rank(values: Floats) -> Floats:
    """Give each value its rank within the array, 0 (lowest) to 1 (highest); ties keep their order."""
    ranks = np.empty(len(values))
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks / max(len(values) - 1, 1)


def _gap(near: Floats) -> Floats:
    if near.shape[1] < 2:
        return np.ones(len(near))
    best = np.partition(near, -2, axis=1)[:, -2:]
    gap: Floats = best[:, 1] - best[:, 0]
    return gap
