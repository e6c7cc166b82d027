"""Embeddings that are written to a file: half precision, whole or not at all."""

from pathlib import Path

import numpy as np
import pytest

from evokd.student.embedding import embed, embed_file
from evokd.student.protocol import EmbedFileJob, EmbedJob

TEXTS = ["the cat", "a big old pump", "the cat", "pump"]


def write(student: Path, out: Path, kind: str, texts: list[str]) -> np.ndarray:
    job = EmbedFileJob.model_validate({"base": str(student), "texts": texts, "kind": kind, "out": str(out)})
    features = embed_file(job)
    rows: np.ndarray = np.load(out)
    assert rows.dtype == np.float16
    assert rows.shape == (len(texts), features)
    return rows.astype(np.float64)


def test_the_encoders_vectors_are_those_of_embed(tiny_student: Path, tmp_path: Path) -> None:
    rows = write(tiny_student, tmp_path / "v.npy", "encoder", TEXTS)
    assert rows == pytest.approx(np.array(embed(EmbedJob(base=str(tiny_student), texts=TEXTS))), abs=1e-3)
    assert [path.name for path in tmp_path.iterdir()] == ["v.npy"], "no part is left"


def test_vectors_of_words_are_their_mean_whatever_their_order(tiny_student: Path, tmp_path: Path) -> None:
    rows = write(tiny_student, tmp_path / "v.npy", "words", ["the cat", "cat the", "the", "cat", ""])
    assert np.linalg.norm(rows, axis=1)[:4] == pytest.approx(1, abs=1e-2)
    assert rows[0] == pytest.approx(rows[1], abs=1e-3)
    likeness = rows[0] @ rows[2:4].T
    assert (likeness > rows[2] @ rows[3]).all(), "a text lies between its words"
    assert (rows[4] == 0).all(), "a text without words"


def test_a_file_that_cannot_be_written_leaves_nothing(tiny_student: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"missing|v\.npy"):
        write(tiny_student, tmp_path / "missing" / "v.npy", "words", TEXTS)
    (tmp_path / "v.npy").mkdir()
    with pytest.raises(OSError, match=r"missing|v\.npy"):
        write(tiny_student, tmp_path / "v.npy", "words", TEXTS)
    assert [path.name for path in tmp_path.iterdir()] == ["v.npy"]
