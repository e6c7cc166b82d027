"""A teacher that fails for a while, or over one request: the run is parked and goes on, or goes on without it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evokd.cli import main
from evokd.graph.setup.run_folder import RunFolder
from evokd.tracing.ledger import Ledger
from tests.conftest import ServeApp
from tests.graph.conftest import give_student, run_quick
from tests.graph.served import Asked, WatchedTeacher, options, refuse
from tests.graph.toy import QUICK, WordStudent, read_rows, write_domain

Watched = tuple[WatchedTeacher, str]


@pytest.fixture
def watched(toy_domain: Path, word_students: list[WordStudent], serve_app: ServeApp) -> Watched:
    teacher = WatchedTeacher(toy_domain)
    return teacher, serve_app(teacher.app)


def repeated_calls(folder: RunFolder) -> list[str]:
    ledger = Ledger(folder.ledger)
    keys = [call.key for call in ledger.calls() if call.status in ("ok", "fault")]
    ledger.close()
    return [key for key in keys if keys.count(key) > 1]


def fail_after(answers: int) -> Callable[[Asked], Any]:
    """Answer so many requests, then fail all further ones."""
    left = [answers]

    def twist(_: Asked) -> Any:
        left[0] -= 1
        return None if left[0] >= 0 else refuse(502, "down")

    return twist


def rows_of(folder: RunFolder) -> list[dict[str, Any]]:
    """The data set without the numbers of the calls that it came with: failed tries are counted too."""
    return [{**row, "draft_call": None, "label_call": None} for row in read_rows(folder.dataset)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], int]:
    """The data set of a run that nothing happened to, and the calls that it took."""
    with pytest.MonkeyPatch.context() as patch:
        give_student(patch, WordStudent)
        folder = run_quick(write_domain(tmp_path_factory.mktemp("whole") / "toy"))
    ledger = Ledger(folder.ledger)
    asked = len(ledger.calls())
    ledger.close()
    assert asked > 12
    return rows_of(folder), asked


@pytest.mark.parametrize("answers", [4, 12])
def test_a_server_that_goes_down_parks_the_run_which_ends_the_same_once_it_is_up(
    answers: int,
    whole: tuple[list[dict[str, Any]], int],
    watched: Watched,
    toy_domain: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    teacher, url = watched
    teacher.twist = fail_after(answers)
    folder = RunFolder(toy_domain.parent / "runs" / "parked")
    args = ["run", str(toy_domain), *QUICK, *options(url, "teacher.retries=4", "teacher.limits.patience=0.1")]
    capsys.readouterr()
    assert main.run_cli([*args, "--runs-dir", str(folder.path.parent), "--run-id", "parked"]) == 3
    last = capsys.readouterr().err.splitlines()[-1]
    assert "the teacher keeps failing: HTTP 502" in last
    assert last.endswith(f"go on with: evokd resume {folder.path}")
    assert not folder.summary.exists()
    teacher.twist = lambda _: None
    assert main.run_cli(["resume", str(folder.path)]) == 0
    assert rows_of(folder) == whole[0]
    assert repeated_calls(folder) == []
    assert len(teacher.roles()) <= whole[1] + 8, "more than was in flight when it was parked came again"


@pytest.mark.parametrize("role", ["generator", "labeler"])
def test_one_request_that_fails_for_ever_costs_its_lesson_alone(role: str, watched: Watched, toy_domain: Path) -> None:
    teacher, url = watched
    chosen: list[str] = []

    def twist(asked: Asked) -> Any:
        wording = json.dumps(asked.message)
        if asked.role == role and not chosen:
            chosen.append(wording)
        return refuse(500, "boom") if wording in chosen else None

    teacher.twist = twist
    folder = run_quick(toy_domain, *options(url, "teacher.retries=2", "curriculum.measure_rows=0"))
    ledger = Ledger(folder.ledger)
    failed = [call for call in ledger.calls() if call.status == "error"]
    lessons = ledger.lessons(1)
    accepted = ledger.samples(state="accepted")
    ledger.close()
    assert len({call.key for call in failed}) == 1
    assert len(failed) >= 3
    (bad,) = [lesson for lesson in lessons if not lesson["labelled"]]
    assert bad["id"] == failed[0].span
    assert "HTTP 500" in bad["faults"][-1]
    assert bool(bad["drafts"]) is (role == "labeler")
    assert len(accepted) > 5
    assert bad["id"] not in {sample.lesson for sample in accepted}


def test_the_next_process_knows_that_the_server_takes_no_seed(watched: Watched, toy_domain: Path) -> None:
    teacher, url = watched
    answers = fail_after(6)

    def twist(asked: Asked) -> Any:
        if "seed" in asked.body:
            return refuse(400, "Unsupported parameter: 'seed'")
        asked.body["seed"] = 0  # the rehearsal teacher wants one
        return answers(asked)

    teacher.twist = twist
    folder = RunFolder(toy_domain.parent / "runs" / "seedless")
    args = ["run", str(toy_domain), *QUICK, *options(url, "teacher.retries=0", "teacher.limits.patience=0")]
    assert main.run_cli([*args, "--runs-dir", str(folder.path.parent), "--run-id", "seedless"]) == 3
    with_seed = [asked for asked in teacher.asked if asked.tokens == 0 and "seed" in asked.body]
    assert with_seed
    ledger = Ledger(folder.ledger)
    assert ledger.find_ability(f"{url}/v1", "m") == "json_schema no_seed"
    ledger.close()
    before = len(teacher.asked)
    seeds: list[bool] = []

    def watch(asked: Asked) -> Any:
        seeds.append("seed" in asked.body)
        asked.body["seed"] = 0

    teacher.twist = watch
    assert main.run_cli(["resume", str(folder.path)]) == 0
    assert len(teacher.asked) > before
    assert not any(seeds)
