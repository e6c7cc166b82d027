"""Tiny students that were really trained, a run with one of them, and the programs that cards show."""

import re
import runpy
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evokd.release.student_folder import StudentFolder, open_student
from evokd.student.protocol import TrainExample, TrainJob
from evokd.student.student_settings import StudentSettings
from evokd.student.training.train import train
from tests.cli.conftest import done_runs as done_runs
from tests.graph.toy import LABELS as TOY_LABELS
from tests.student.conftest import LABELS, tiny_student, write_texts
from tests.student.training.test_train import write_sentences

__all__ = ["done_runs", "tiny_student"]

SHORT = [row.text for row in write_texts(24, 7)]
LONG = [" ".join(row.text for row in write_texts(20, seed)) for seed in range(6)]
"""Texts of twice the sub-words that the tiny student reads at once."""
TEXTS = [*SHORT, *LONG]
SENTENCES = [row.text for row in write_sentences(24, 9)]
LONG_SENTENCES = [" ".join(row.text for row in write_sentences(15, seed)) for seed in range(6)]
TAGGED = [*SENTENCES, *LONG_SENTENCES, "the cat, my_old dog; Büro 猫猫 ...", "?"]


def train_tiny(base: Path, out: Path, task: str, examples: Sequence[TrainExample], labels: Sequence[str]) -> Path:
    rate = 5e-3 if task == "ner" else 1e-3
    settings = {"base": str(base), "tune": "full", "steps": 25, "rate": rate, "device": "cpu", "threads": 1}
    train(
        TrainJob(
            task=task,
            labels=list(labels),
            examples=list(examples),
            out=str(out),
            settings=StudentSettings.model_validate(settings),
            seed=3,
        )
    )
    return out


@pytest.fixture(scope="session")
def classifier(tiny_student: Path, tmp_path_factory: pytest.TempPathFactory) -> StudentFolder:
    out = tmp_path_factory.mktemp("classifier") / "student"
    return open_student(train_tiny(tiny_student, out, "classification", write_texts(24, 1), LABELS))


@pytest.fixture(scope="session")
def tagger(tiny_student: Path, tmp_path_factory: pytest.TempPathFactory) -> StudentFolder:
    """It has learnt little, so that the likeliest tags of its words often make no whole entities."""
    out = tmp_path_factory.mktemp("tagger") / "student"
    return open_student(train_tiny(tiny_student, out, "ner", write_sentences(24, 1), LABELS))


@pytest.fixture(scope="session")
def released_runs(done_runs: Path, tiny_student: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with the run `done`, whose student is a real one."""
    runs = tmp_path_factory.mktemp("released") / "runs"
    shutil.copytree(done_runs, runs)
    shutil.rmtree(runs / "done" / "student")
    rows = [TrainExample(id=str(i), text=f"{label} the cat", gold=label) for i, label in enumerate(TOY_LABELS)]
    train_tiny(tiny_student, runs / "done" / "student", "classification", rows, TOY_LABELS)
    return runs


RunProgram = Callable[[Path], dict[str, Any]]


@pytest.fixture
def run_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunProgram:
    """Run the program of a folder's card in that folder, and give its names."""

    def run(folder: Path) -> dict[str, Any]:
        card = (folder / "README.md").read_text(encoding="utf-8")
        found = re.search(r"```python\n(.*?)```", card, re.DOTALL)
        assert found, card
        program = tmp_path / "program.py"
        program.write_text(found[1], encoding="utf-8")
        monkeypatch.chdir(folder)
        return runpy.run_path(str(program))

    return run
