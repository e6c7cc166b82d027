"""Budgets of a whole run: it ends well where one is spent, sends nothing more, and accepts nothing half done."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evokd.graph.setup.run_folder import RunFolder
from evokd.tracing.events import read_events
from evokd.tracing.ledger import Ledger, Sample
from evokd.tracing.summary import read_summary
from tests.conftest import ServeApp
from tests.graph.conftest import KILLED, Evokd, give_student
from tests.graph.conftest import run_quick as run_any
from tests.graph.served import WatchedTeacher, options
from tests.graph.toy import QUICK, WordStudent, read_rows, write_domain

ONE_AT_A_TIME = "teacher.concurrency=1"
SLIGHT = 20
"""Tokens by which the drafts of a served teacher may differ from those of one in process, and less than any call."""
MANY = ["--cycles", "9"]
"""More cycles than any cap here lets a run have."""
Run = Callable[..., dict[str, Any]]


def summary_of(folder: RunFolder) -> dict[str, Any]:
    summary = read_summary(folder.summary)
    assert summary is not None
    return summary


def samples_of(folder: RunFolder) -> list[Sample]:
    ledger = Ledger(folder.ledger)
    found = ledger.samples()
    ledger.close()
    return found


def spent_events(folder: RunFolder) -> list[tuple[str, str]]:
    events = [event for event in read_events(folder.events) if event["event"] == "budget_spent"]
    return [(event["role"], event["reason"].partition(":")[0]) for event in events]


def check_labels(folder: RunFolder) -> list[Sample]:
    """No sample was accepted that nobody labelled; returns the accepted ones."""
    accepted = [sample for sample in samples_of(folder) if sample.state == "accepted"]
    assert all(sample.label_call and sample.label for sample in accepted)
    assert [row["id"] for row in read_rows(folder.dataset)] == [sample.id for sample in accepted]
    return accepted


FOCUSED = (
    "curriculum.test_statements=false",
    "curriculum.quotas.weaknesses=0.6",
    "curriculum.measure_rows=0",
)
"""Settings under which even a single draft is on a weakness, three lessons are given, and each text is labelled."""


def run_quick(domain: Path, *options: str) -> RunFolder:
    return run_any(domain, *(part for choice in FOCUSED for part in ("--set", choice)), *options)


@pytest.fixture
def watched(toy_domain: Path, word_students: list[WordStudent], serve_app: ServeApp) -> tuple[WatchedTeacher, str]:
    teacher = WatchedTeacher(toy_domain)
    return teacher, serve_app(teacher.app)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """Tokens of each call of the first cycle of a run without a cap, by role and in order."""
    with pytest.MonkeyPatch.context() as patch:
        give_student(patch, WordStudent)
        domain = write_domain(tmp_path_factory.mktemp("whole") / "toy")
        folder = run_quick(domain, "--cycles", "1", "--set", ONE_AT_A_TIME)
    ledger = Ledger(folder.ledger)
    found: dict[str, list[int]] = {}
    for call in ledger.calls(1):
        found.setdefault(call.role, []).append(call.input_tokens + call.output_tokens)
    ledger.close()
    assert len(found["generator"]) == len(found["labeler"]) > 2
    return found


@pytest.fixture
def no_foresight(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first cycle asks for all its drafts, as if they cost nothing: else it would keep to what the cap pays for."""
    monkeypatch.setattr("evokd.graph.open_context.estimate_draft", lambda _: (0.0, 0.0))


def test_a_cap_that_is_reached_in_analyze_ends_the_run_well(
    watched: tuple[WatchedTeacher, str], toy_domain: Path
) -> None:
    teacher, url = watched
    teacher.twist = lambda _: "I had rather talk about the weather."
    folder = run_quick(toy_domain, *options(url), "--budget-tokens", "1")
    summary = summary_of(folder)
    assert summary["stop_reason"] == "budget.tokens"
    assert teacher.roles() == ["analyst"]
    assert spent_events(folder) == [("analyst", "budget.tokens")]
    assert check_labels(folder) == samples_of(folder) == []
    assert summary["totals"]["input_tokens"] + summary["totals"]["output_tokens"] == teacher.tokens()


def test_a_cap_that_is_reached_before_generate_ends_the_run_well(
    watched: tuple[WatchedTeacher, str], toy_domain: Path
) -> None:
    teacher, url = watched
    folder = run_quick(toy_domain, *options(url), "--budget-tokens", "1")
    assert summary_of(folder)["stop_reason"] == "budget.tokens"
    assert teacher.roles() == ["analyst"]
    assert set(spent_events(folder)) == {("generator", "budget.tokens")}
    assert check_labels(folder) == samples_of(folder) == []


@pytest.mark.usefixtures("no_foresight")
@pytest.mark.parametrize("labelled", [0, 1])
def test_a_cap_that_is_reached_before_label_leaves_no_unlabelled_sample(
    labelled: int, watched: tuple[WatchedTeacher, str], toy_domain: Path, tokens: dict[str, list[int]]
) -> None:
    teacher, url = watched
    cap = sum(tokens["analyst"] + tokens["generator"]) + labelled * SLIGHT
    folder = run_quick(toy_domain, *MANY, *options(url, ONE_AT_A_TIME), "--budget-tokens", str(cap))
    lessons = len(tokens["generator"])
    assert summary_of(folder)["stop_reason"] == "budget.tokens"
    assert teacher.roles() == ["analyst"] + ["generator"] * lessons + ["labeler"] * labelled
    assert spent_events(folder) == [("labeler", "budget.tokens")] * (lessons - labelled)
    assert bool(check_labels(folder)) == bool(labelled)
    unlabelled = {sample.reason for sample in samples_of(folder) if sample.label_call is None}
    assert "unlabelled" in unlabelled <= {"unlabelled", "duplicate", "near_duplicate"}


@pytest.mark.parametrize(("most", "share"), [(1, 0.6), (4, 0.9)])
def test_what_the_server_counts_exceeds_a_cap_by_no_more_than_the_calls_in_flight(
    most: int, share: float, watched: tuple[WatchedTeacher, str], toy_domain: Path, tokens: dict[str, list[int]]
) -> None:
    teacher, url = watched
    cap = int(share * 2 * sum(sum(part) for part in tokens.values()))
    folder = run_quick(toy_domain, *MANY, *options(url, f"teacher.concurrency={most}"), "--budget-tokens", str(cap))
    assert summary_of(folder)["stop_reason"] == "budget.tokens"
    largest = sorted((asked.tokens for asked in teacher.asked), reverse=True)[:most]
    assert cap <= teacher.tokens() < cap + sum(largest)
    if most == 1:
        assert teacher.tokens() - teacher.asked[-1].tokens < cap, "nothing is asked once the cap is reached"
    check_labels(folder)


def test_the_first_cycle_asks_for_no_more_drafts_than_its_cap_pays_for(
    watched: tuple[WatchedTeacher, str], toy_domain: Path, tokens: dict[str, list[int]]
) -> None:
    _, url = watched
    cap = sum(tokens["analyst"] + tokens["generator"])
    early = ("--set", "curriculum.quotas.weaknesses=0.25")
    folder = run_quick(toy_domain, *early, *MANY, *options(url, ONE_AT_A_TIME), "--budget-tokens", str(cap))
    assert check_labels(folder)
    drafts = [sample for sample in samples_of(folder) if sample.cycle == 1]
    assert 0 < len(drafts) < 12, "without a cap it would be twelve"
    assert sum(sample.label_call is not None for sample in drafts) > len(drafts) / 2


@pytest.mark.usefixtures("no_foresight")
def test_a_cap_per_cycle_ends_the_cycle_and_not_the_run(
    watched: tuple[WatchedTeacher, str], toy_domain: Path, tokens: dict[str, list[int]]
) -> None:
    teacher, url = watched
    cap = sum(tokens["analyst"] + tokens["generator"]) + SLIGHT  # one call of the Labeler still leaves
    folder = run_quick(toy_domain, *options(url, ONE_AT_A_TIME, f"budget.cycle.tokens={cap}", "gate.rule=off"))
    summary = summary_of(folder)
    assert summary["stop_reason"] == "cycles"
    first, second = summary["cycles"][1:]
    assert first["roles"]["labeler"]["calls"] == 1
    assert second["calls"] > 2, "the next cycle has its own"
    assert ("labeler", "budget.cycle.tokens") in spent_events(folder)
    for cycle in (first, second):
        assert cycle["accepted"] > 0
        largest = max(asked.tokens for asked in teacher.asked)
        assert cycle["input_tokens"] + cycle["output_tokens"] < cap + largest
    assert {sample.cycle for sample in check_labels(folder)} == {1, 2}


def test_a_cap_on_the_samples_of_a_cycle_holds(toy_domain: Path, word_students: list[WordStudent]) -> None:
    folder = run_quick(toy_domain, "--set", "budget.cycle.samples=3", "--set", "gate.rule=off")
    summary = summary_of(folder)
    assert [cycle["accepted"] for cycle in summary["cycles"]] == [0, 3, 3]
    assert all(cycle["calls"] for cycle in summary["cycles"][1:])
    assert len(check_labels(folder)) == 6


def test_a_cap_in_money_ends_the_run_well(watched: tuple[WatchedTeacher, str], toy_domain: Path) -> None:
    teacher, url = watched
    prices = ("teacher.prices.input=1000", "teacher.prices.output=1000")  # a tenth of a cent a token
    folder = run_quick(toy_domain, *MANY, *options(url, ONE_AT_A_TIME, *prices), "--budget-usd", "4")
    summary = summary_of(folder)
    assert summary["stop_reason"] == "budget.usd"
    assert summary["totals"]["cost_usd"] == pytest.approx(teacher.tokens() / 1_000)
    assert 4 <= teacher.tokens() / 1_000 < 4 + teacher.asked[-1].tokens / 1_000
    check_labels(folder)


@pytest.mark.parametrize(
    ("event", "node", "count"),
    [("call", "generator", 2), ("call", "labeler", 1)],
)
def test_a_run_killed_under_a_cap_pays_nothing_twice(
    event: str, node: str, count: int, tokens: dict[str, list[int]], evokd: Evokd, tmp_path: Path
) -> None:
    cap = sum(tokens["analyst"] + tokens["generator"]) + 1
    runs = tmp_path / "runs"
    args = ["run", str(write_domain(tmp_path / "toy")), *QUICK, *MANY, "--set", ONE_AT_A_TIME]
    args += ["--budget-tokens", str(cap), "--runs-dir", str(runs), "--run-id", "killed"]
    code, printed = evokd(*args, event=event, node=node, count=count)
    assert code == KILLED, printed
    code, printed = evokd("resume", str(runs / "killed"))
    assert code == 0, printed
    folder = RunFolder(runs / "killed")
    ledger = Ledger(folder.ledger)
    calls = ledger.calls()
    ledger.close()
    assert summary_of(folder)["stop_reason"] == "budget.tokens"
    assert len({call.key for call in calls}) == len(calls)
    used = [call.input_tokens + call.output_tokens for call in calls]
    assert sum(used[:-1]) < cap <= sum(used), "nothing was sent once the cap was reached"
    check_labels(folder)
