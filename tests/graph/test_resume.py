"""A run that is killed at any node and resumed ends as if nothing had happened."""

import signal
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from evokd.graph.setup.run_folder import RunFolder
from evokd.tracing.events import read_events
from evokd.tracing.ledger import Ledger
from evokd.tracing.rows import GATE
from evokd.tracing.summary import read_summary
from tests.graph.conftest import KILLED, Evokd, Zygote
from tests.graph.toy import QUICK, write_domain, write_reports

# how often a node has started in a run of two cycles when its last start of cycle 1 or 2 comes; lessons run in parallel
POINTS = {
    "prepare": 1,
    "train": 2,
    "gate": 2,
    "examine": 2,
    "decide": 2,
    "analyze": 1,
    "generate": 2,
    "label": 2,
    "curate": 1,
    "review": 1,
    "publish": 1,
}
FLAVOURS = {
    "kept": ("words", True, "continue"),
    "rolled back": ("forgetful", True, "continue"),
    "set aside": ("forgetful", False, "continue"),
    "from the base": ("words", True, "base"),
}


# the same for a run on entities; a call is one of the role's first replies
ENTITY_POINTS = {
    ("node_finished", "train"): 2,
    ("node_started", "gate"): 2,
    ("node_finished", "generate"): 3,
    ("node_started", "label"): 4,
    ("node_finished", "curate"): 1,
    ("call", "generator"): 3,
}


def facts(folder: Path) -> dict[str, Any]:
    """What must not depend on where a run was interrupted."""
    run = RunFolder(folder)
    ledger = Ledger(run.ledger)
    calls = [call for call in ledger.calls() if call.status in ("ok", "fault")]
    repeated = {key: count for key, count in Counter(call.key for call in calls).items() if count > 1}
    samples = [vars(sample) for sample in ledger.samples()]
    lessons = [lesson for cycle in (1, 2) for lesson in ledger.lessons(cycle)]
    gates = [ledger.cycle_record(cycle, GATE) for cycle in range(3)]
    weaknesses = ledger.weaknesses()
    ledger.close()
    decided = {event["cycle"]: event["accepted"] for event in read_events(run.events) if event["event"] == "decided"}
    summary = read_summary(run.summary)
    assert summary is not None
    for cycle in summary["cycles"]:
        del cycle["seconds"]
    del summary["run_id"], summary["totals"]["seconds"], summary["totals"]["node_seconds"]
    return {
        "dataset": run.dataset.read_bytes(),
        "repeated": repeated,
        "calls": len(calls),
        "samples": samples,
        "lessons": lessons,
        "gates": gates,
        "decided": decided,
        "weaknesses": weaknesses,
        "summary": summary,
    }


GATED = ("gate.minimum=1", "gate.holdout=0.4", "gate.holdout_from=0")


def run_whole(zygote: Zygote, base: Path, names: Iterable[str]) -> dict[str, tuple[list[str], dict[str, Any]]]:
    """Run flavours to their ends: the arguments of each, and the facts of one that nobody interrupted."""
    found = {}
    for name in names:
        student, validation, regime = FLAVOURS[name]
        chosen = (*GATED, f"student.regime={regime}")
        args = ["run", str(write_domain(base / name, validation=validation)), *QUICK]
        args += [part for choice in chosen for part in ("--set", choice)]
        args += ["--seed", "3"]  # one that rolls back without validation data
        runs = ["--runs-dir", str(base / "runs"), "--run-id", name.replace(" ", "-")]
        code, printed = zygote(*args, *runs, log=base / "printed.txt", student=student)
        assert code == 0, printed
        found[name] = args, facts(base / "runs" / name.replace(" ", "-"))
    return found


@pytest.fixture(scope="module")
def whole(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[str], dict[str, Any]]]:
    return run_whole(zygote, tmp_path_factory.mktemp("whole"), FLAVOURS)


def test_the_uninterrupted_runs_are_worth_comparing_with(
    whole: dict[str, tuple[list[str], dict[str, Any]]],
) -> None:
    kept, rolled, aside, based = (whole[name][1] for name in FLAVOURS)
    assert kept["dataset"].count(b"\n") == kept["summary"]["totals"]["samples"] > 10
    assert [gate["promoted"] for gate in kept["gates"]] == [True, True, True]
    assert [gate["promoted"] for gate in rolled["gates"]] == [True, False, False]
    assert False in [gate["promoted"] for gate in aside["gates"]]
    assert kept["repeated"] == rolled["repeated"] == aside["repeated"] == based["repeated"] == {}
    assert kept["calls"] == kept["summary"]["totals"]["calls"] > 8


@pytest.mark.parametrize("event", ["node_started", "node_finished"])
@pytest.mark.parametrize("node", POINTS)
def test_a_killed_run_resumes_to_the_same_end(
    node: str, event: str, whole: dict[str, tuple[list[str], dict[str, Any]]], evokd: Evokd, tmp_path: Path
) -> None:
    check_kill(evokd, tmp_path, whole["kept"], student="words", event=event, node=node, count=POINTS[node])


@pytest.mark.parametrize("flavour", ["rolled back", "set aside", "from the base"])
@pytest.mark.parametrize("count", [2, 3])
def test_a_run_killed_after_the_gate_resumes_to_the_same_end(
    flavour: str, count: int, whole: dict[str, tuple[list[str], dict[str, Any]]], evokd: Evokd, tmp_path: Path
) -> None:
    student = FLAVOURS[flavour][0]
    check_kill(evokd, tmp_path, whole[flavour], student=student, event="node_finished", node="gate", count=count)


@pytest.mark.parametrize("role", ["analyst", "generator", "labeler"])
def test_a_run_killed_right_after_a_reply_does_not_pay_for_it_again(
    role: str, whole: dict[str, tuple[list[str], dict[str, Any]]], evokd: Evokd, tmp_path: Path
) -> None:
    check_kill(evokd, tmp_path, whole["kept"], student="words", event="call", node=role, count=1)


@pytest.fixture(scope="module")
def whole_with_entities(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, Any]]:
    """The arguments of a run on texts with entities, with a Labeler that is often wrong, and its facts."""
    base = tmp_path_factory.mktemp("entities")
    choices = ["rehearsal.noise=0.2", "gate.tolerance=1", "curriculum.error_modes.missed=[misspell]"]
    args = ["run", str(write_reports(base / "reports")), *QUICK]
    args += [part for choice in choices for part in ("--set", choice)]
    runs = ["--runs-dir", str(base / "runs"), "--run-id", "whole"]
    code, printed = zygote(*args, *runs, log=base / "printed.txt", student="tagger")
    assert code == 0, printed
    return args, facts(base / "runs" / "whole")


def test_the_uninterrupted_run_with_entities_is_worth_comparing_with(
    whole_with_entities: tuple[list[str], dict[str, Any]],
) -> None:
    found = whole_with_entities[1]
    accepted = [sample for sample in found["samples"] if sample["state"] == "accepted"]
    assert found["dataset"].count(b"\n") == len(accepted) > 10
    assert any(sample["masked"] for sample in accepted)
    assert len({lesson["plan"]["mode"] for lesson in found["lessons"]}) > 1
    assert found["repeated"] == {}
    assert found["calls"] == found["summary"]["totals"]["calls"] > 8


@pytest.mark.parametrize(("event", "node"), ENTITY_POINTS)
def test_a_killed_run_with_entities_resumes_to_the_same_end(
    event: str,
    node: str,
    whole_with_entities: tuple[list[str], dict[str, Any]],
    evokd: Evokd,
    tmp_path: Path,
) -> None:
    trap = {"event": event, "node": node, "count": ENTITY_POINTS[event, node]}
    check_kill(evokd, tmp_path, whole_with_entities, student="tagger", **trap)


def check_kill(
    evokd: Evokd, tmp_path: Path, whole: tuple[list[str], dict[str, Any]], *, student: str, **trap: Any
) -> None:
    args, expected = whole
    folder = tmp_path / "runs" / "killed"
    code, printed = evokd(*args, "--runs-dir", str(tmp_path / "runs"), "--run-id", "killed", student=student, **trap)
    assert code == KILLED, printed
    assert not (folder / "summary.json").exists() or trap["node"] == "publish"
    code, printed = evokd("resume", str(folder), student=student)
    assert code == 0, printed
    assert facts(folder) == expected


def test_a_run_killed_many_times_resumes_to_the_same_end(
    whole: dict[str, tuple[list[str], dict[str, Any]]], evokd: Evokd, tmp_path: Path
) -> None:
    args, expected = whole["kept"]
    folder = tmp_path / "runs" / "killed"
    command = [*args, "--runs-dir", str(tmp_path / "runs"), "--run-id", "killed"]
    for node in ("train", "analyze", "label", "curate", "gate"):
        code, printed = evokd(*command, event="node_finished", node=node, count=1)
        assert code == KILLED, printed
        command = ["resume", str(folder)]
    assert evokd(*command)[0] == 0
    assert facts(folder) == expected


@pytest.mark.parametrize("event", ["node_started", "node_finished"])
def test_ctrl_c_in_a_lesson_ends_with_130_and_the_resume_command(
    event: str, whole: dict[str, tuple[list[str], dict[str, Any]]], evokd: Evokd, tmp_path: Path
) -> None:
    args, expected = whole["kept"]
    folder = tmp_path / "runs" / "stopped"
    trap = {"event": event, "node": "label", "count": 2, "signal": signal.SIGINT}
    code, printed = evokd(*args, "--runs-dir", str(tmp_path / "runs"), "--run-id", "stopped", **trap)
    assert code == 130, printed
    assert printed.splitlines()[-1] == f"evokd: interrupted; go on with: evokd resume {folder}"
    assert "Traceback" not in printed
    assert evokd("resume", str(folder))[0] == 0
    assert facts(folder) == expected
