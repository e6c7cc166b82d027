"""The texts of a large pool on disk: each once, in an order that has nothing to do with the file's."""

import errno
import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evokd.graph.pool import texts as texts_module
from evokd.graph.pool.texts import TEXTS, PoolTexts, build_texts, open_texts
from evokd.messages import InputError
from evokd.student.similar_texts import normalise

LINES = [f"report {number} on the naïve pump — 水泵" for number in range(100)]


def is_valid(text: str) -> bool:
    return len(text) > 3


def store(folder: Path, lines: list[str], limit: int | None = None) -> PoolTexts:
    build_texts(folder, enumerate(lines, start=1), is_valid)
    texts = open_texts(folder, limit)
    assert texts is not None
    return texts


def read_all(texts: PoolTexts) -> list[str]:
    return texts.read(range(len(texts)))


def test_every_valid_text_is_kept_once_under_its_first_line(tmp_path: Path) -> None:
    texts = store(tmp_path, ["x", "a red pump", "another one", "A red  PUMP!"])
    assert dict(zip(read_all(texts), texts.numbers.tolist(), strict=True)) == {"a red pump": 2, "another one": 3}
    assert (texts.counts["lines"], texts.counts["invalid"], texts.counts["repeated"]) == (4, 1, 1)


def test_a_sample_is_the_same_whatever_the_order_and_begins_a_larger_one(tmp_path: Path) -> None:
    shuffled = random.Random(1).sample(LINES, len(LINES))
    small, large = store(tmp_path / "a", LINES, 20), store(tmp_path / "b", shuffled, 50)
    assert read_all(small) == read_all(large)[:20]
    assert sorted(read_all(store(tmp_path / "c", LINES))) == sorted(LINES)
    numbers = small.numbers[:20].tolist()
    assert 30 < sum(numbers) / 20 < 70, "from all over the file"


def test_texts_are_found_by_what_they_say_and_by_their_lines(tmp_path: Path) -> None:
    texts = store(tmp_path, LINES)
    rows = texts.find([normalise(LINES[7].upper()), normalise("not there"), normalise(LINES[3])])
    assert sorted(texts.read(rows)) == sorted([LINES[3], LINES[7]])
    assert sorted(texts.read(texts.find_numbers([1, 100, 999]))) == sorted([LINES[0], LINES[99]])
    few = open_texts(tmp_path, 10)
    assert few is not None
    assert len(few.find(normalise(line) for line in LINES)) == 10, "those beyond the limit are not there"
    assert len(few.find([])) == len(few.find_numbers([])) == 0


def test_a_pool_without_a_valid_text_is_empty(tmp_path: Path) -> None:
    texts = store(tmp_path, ["x"])
    assert len(texts) == 0
    assert len(texts.find(["x"])) == 0


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> list[tuple[int, str]]:
        raise InputError("line 3 is broken")

    with pytest.raises(InputError, match="line 3"):
        build_texts(tmp_path / "pool", (broken() for _ in "x"), is_valid)
    assert list((tmp_path / "pool").iterdir()) == []
    assert open_texts(tmp_path / "pool", None) is None


@pytest.mark.parametrize("name", ["texts.utf8", "numbers.npy", "counts.json"])
@pytest.mark.parametrize("damage", ["deleted", "cut"])
def test_damaged_texts_are_none_and_built_anew(tmp_path: Path, name: str, damage: str) -> None:
    store(tmp_path, LINES)
    path = tmp_path / TEXTS / name
    if damage == "deleted":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert open_texts(tmp_path, None) is None
    assert sorted(read_all(store(tmp_path, LINES))) == sorted(LINES)


def test_the_texts_of_another_process_that_was_quicker_are_kept(tmp_path: Path) -> None:
    store(tmp_path, LINES)
    before = (tmp_path / TEXTS / "texts.utf8").stat().st_ino
    build_texts(tmp_path, enumerate(LINES), is_valid)
    assert (tmp_path / TEXTS / "texts.utf8").stat().st_ino == before
    assert [path.name for path in tmp_path.iterdir()] == [TEXTS]


@pytest.mark.parametrize(
    "fault", [OSError(errno.ENOSPC, "No space left on device"), OSError("99 requested, 9 written")]
)
def test_a_full_disk_is_told_with_the_folder_that_is_full(
    fault: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder need not lie on the disk of the run; numpy does not even say what went wrong."""

    def write(*_args: object, **_kwargs: object) -> None:
        raise fault

    monkeypatch.setattr(np, "save", write)
    with pytest.raises(OSError, match="No space left") as caught:
        build_texts(tmp_path / "cache", enumerate(LINES), is_valid)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "cache"))
    assert not list((tmp_path / "cache").iterdir())


@pytest.mark.parametrize("moment", ["rename", "open_texts"])
def test_texts_that_another_run_has_just_finished_are_not_taken_away(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs prepare the same pool: the other one ends right before this one renames, or right after its look."""
    owner = Path if moment == "rename" else texts_module
    step, others = getattr(owner, moment), list[int]()

    def meet(*args: Any) -> Any:
        monkeypatch.setattr(owner, moment, step)
        seen = step(*args) if moment == "open_texts" else None
        store(tmp_path, LINES)
        others.append((tmp_path / TEXTS / "texts.utf8").stat().st_ino)
        return seen if moment == "open_texts" else step(*args)

    monkeypatch.setattr(owner, moment, meet)
    build_texts(tmp_path, enumerate(LINES), is_valid)
    assert {(tmp_path / TEXTS / "texts.utf8").stat().st_ino}.issuperset(others)
    assert [path.name for path in tmp_path.iterdir()] == [TEXTS]


def test_what_a_killed_run_left_is_deleted_and_what_another_one_writes_is_not(tmp_path: Path) -> None:
    for name, age in (("part-old", 7_200), ("part-new", 60)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "texts.utf8").write_bytes(b"half")
        for path in (tmp_path / name / "texts.utf8", tmp_path / name):
            os.utime(path, (time.time() - age, time.time() - age))
    store(tmp_path, LINES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-new", TEXTS]
