"""Faults of the student in a whole run: told and mended, or an error after which the run resumes to the same end."""

import json
from pathlib import Path
from typing import Any

import pytest

from evokd.cli import main
from evokd.graph.setup.run_folder import RunFolder
from evokd.student.process.client import StudentClient
from evokd.student.protocol import StudentError, TrainJob, TrainResult
from evokd.tracing.events import read_events
from evokd.tracing.ledger import Ledger
from evokd.tracing.rows import TRAINING
from tests.graph.conftest import run_quick
from tests.graph.test_resume import facts
from tests.graph.toy import QUICK, WordStudent, write_domain


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give runs a word student in a real process that dies as planned here (see tests/faulty_worker.py)."""
    folder = tmp_path / "plan"
    folder.mkdir()
    monkeypatch.setattr(StudentClient, "worker", ("-m", "tests.faulty_worker", str(folder), "words"))
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A domain, and the facts of its run in which nothing went wrong."""
    base = tmp_path_factory.mktemp("whole")
    (base / "plan").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StudentClient, "worker", ("-m", "tests.faulty_worker", str(base / "plan"), "words"))
        folder = run_quick(write_domain(base / "toy"))
    assert told(folder) == []
    return base / "toy", facts(folder.path)


def told(folder: RunFolder) -> list[dict[str, Any]]:
    return [event for event in read_events(folder.events) if event["event"] == "training_fault"]


CRASHES = {
    "killed_in_cycle_0": (0, ["0-train-SIGKILL"], 8),
    "killed_in_a_later_cycle": (2, ["0-train-SIGKILL"], 8),
    "exit_in_a_later_cycle": (1, ["0-train-exit"], 16),
}


class LateClient(StudentClient):
    """Lets its process fail in the training of one cycle and in no other."""

    cycle = 0
    faults: tuple[str, ...] = ()

    async def train(self, job: TrainJob) -> TrainResult:
        if job.out.endswith(f"c{self.cycle:03d}"):
            for fault in self.faults:
                Path(self.worker[2], fault).touch()
            type(self).faults = ()
        return await super().train(job)


def fail_in(monkeypatch: pytest.MonkeyPatch, cycle: int, faults: list[str]) -> None:
    monkeypatch.setattr("evokd.graph.open_context.StudentClient", LateClient)
    monkeypatch.setattr(LateClient, "cycle", cycle)
    monkeypatch.setattr(LateClient, "faults", tuple(faults))


@pytest.mark.parametrize(("cycle", "faults", "at_once"), CRASHES.values(), ids=CRASHES.keys())
def test_a_crash_in_a_training_is_told_and_the_run_ends_as_if_nothing_had_happened(
    plan: Path,
    whole: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cycle: int,
    faults: list[str],
    at_once: int,
) -> None:
    domain, expected = whole
    fail_in(monkeypatch, cycle, faults)
    arguments = ["run", str(domain), *QUICK, "--runs-dir", str(tmp_path / "runs"), "--run-id", "one"]
    assert main.run_cli(arguments) == 0
    folder = RunFolder(tmp_path / "runs" / "one")
    (event,) = told(folder)
    assert (event["cycle"], event["mended"]) == (cycle, True)
    assert "the student process died" in event["fault"]
    ledger = Ledger(folder.ledger)
    trainings = [ledger.cycle_record(number, TRAINING) or {} for number in range(3)]
    ledger.close()
    assert [training["faults"] for training in trainings] == [[event["fault"]] if n == cycle else [] for n in range(3)]
    assert trainings[cycle]["at_once"] == at_once
    assert facts(folder.path) == expected


@pytest.mark.parametrize(
    ("cycle", "faults", "call"),
    [(1, ["0-train-SIGKILL", "1-train-exit"], "train"), (2, ["0-predict-SIGSEGV", "1-predict-exit"], "predict")],
    ids=["train", "predict"],
)
def test_a_second_crash_ends_the_command_and_resume_goes_on_from_that_node_to_the_same_end(
    plan: Path,
    whole: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cycle: int,
    faults: list[str],
    call: str,
) -> None:
    domain, expected = whole
    fail_in(monkeypatch, cycle, faults)
    arguments = ["run", str(domain), *QUICK, "--runs-dir", str(tmp_path / "runs"), "--run-id", "one"]
    assert main.run_cli(arguments) == 1
    folder = RunFolder(tmp_path / "runs" / "one")
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"evokd: the student process died (exit code 7) during {call}; ")
    assert last.endswith(f"; go on with: evokd resume {folder.path}")
    assert [(event["cycle"], event["mended"]) for event in told(folder)] == (
        [(cycle, False)] if call == "train" else []
    )
    assert not folder.summary.exists()

    before = len(read_events(folder.events))
    assert main.run_cli(["resume", str(folder.path)]) == 0
    resumed = [event for event in read_events(folder.events)[before:] if event["event"] == "node_started"]
    node = "train" if call == "train" else "gate"
    assert (resumed[0]["node"], resumed[0]["cycle"]) == (node, cycle)
    assert facts(folder.path) == expected


def test_what_no_other_try_can_mend_is_told_too(
    toy_domain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Short(WordStudent):
        async def train(self, job: TrainJob) -> TrainResult:
            raise StudentError("training ran out of memory with 2, 1 texts at once; set a smaller base")

    monkeypatch.setattr("evokd.graph.open_context.StudentClient", Short)
    arguments = ["run", str(toy_domain), *QUICK, "--runs-dir", str(tmp_path / "runs"), "--run-id", "one", "--json"]
    assert main.run_cli(arguments) == 1
    printed = capsys.readouterr()
    (event,) = [row for row in map(json.loads, printed.out.splitlines()) if row["event"] == "training_fault"]
    assert (event["cycle"], event["mended"]) == (0, False)
    assert printed.err.splitlines()[-1].startswith(f"evokd: {event['fault']}; go on with: evokd resume ")
