"""`evokd review`: in the terminal line by line, by file, and what it says when it is asked for something else."""

import io
import json
import shutil
from pathlib import Path

import pytest

import evokd.graph.open_context
from evokd.api import open_review
from evokd.cli import main
from tests.cli.conftest import check_refusal
from tests.graph.toy import QUICK, WordStudent, WordTagger, read_rows, write_domain, write_reports, write_rows
from tests.review.waiting import ENTITIES, wait

OPTIONS = [*QUICK, "--cycles", "1", "--review", "sample", "--set", "review.sample=4"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with two runs that wait: `labels` and, with entities, `spans`."""
    base = tmp_path_factory.mktemp("waiting")
    with pytest.MonkeyPatch.context() as patch:
        kinds = {"labels": (write_domain, WordStudent), "spans": (write_reports, WordTagger)}
        for name, (write, student) in kinds.items():
            patch.setattr(evokd.graph.open_context, "StudentClient", student)
            domain = str(write(base / name))
            assert main.run_cli(["run", domain, *OPTIONS, "--runs-dir", str(base / "runs"), "--run-id", name]) == 0
    return base / "runs"


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    """The same in a folder of the test's own."""
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


def review(runs: Path, *options: str, run: str = "labels") -> int:
    return main.run_cli(["review", run, "--runs-dir", str(runs), *options])


def type_in(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def decisions(runs: Path, run: str = "labels") -> list[str]:
    items = open_review(runs / run).pending().items
    return [item.decision.action if item.decision else "" for item in items]


def test_a_run_says_what_waits_and_how_to_go_on(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli(["resume", "labels", "--runs-dir", str(runs)]) == 0
    told = capsys.readouterr().err
    assert "the run waits for a review: 4 texts of cycle 1" in told
    assert f"review {runs / 'labels'} --browser" in told
    assert main.run_cli(["runs", "--runs-dir", str(runs)]) == 0
    assert "waiting for review" in capsys.readouterr().out
    assert main.run_cli(["show", "labels", "--runs-dir", str(runs)]) == 0
    assert f"evokd review {runs / 'labels'}" in " ".join(capsys.readouterr().out.split())
    assert review(runs, "--rest", "accept") == 0
    assert main.run_cli(["show", "labels", "--runs-dir", str(runs)]) == 0
    assert "all texts are decided" in capsys.readouterr().out


def test_many_texts_are_told_with_the_time_that_they_take(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("evokd.api.run_state.count_waiting", lambda _: (1_204, 2))
    assert main.run_cli(["resume", "labels", "--runs-dir", str(runs)]) == 0
    told = capsys.readouterr().err
    assert "1,204 texts of cycle 2 (about 301 min at 15 s a text)" in told
    assert f"resume {runs / 'labels'} --rest accept  (leaves the undecided ones as they are; the hardest" in told


def test_texts_are_decided_one_by_one_and_progress_is_kept(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, "a", "r", "b", "s", "q")  # the second one is decided anew
    assert review(runs, "--reviewer", "Ana") == 0
    assert decisions(runs) == ["accept", "skip", "", ""]
    assert "decided: 1 accept, 1 skip; 2 left" in capsys.readouterr().err
    type_in(monkeypatch, "x", "99", "cancel_plam", "cancel_plan", "r")
    assert review(runs) == 0
    told = capsys.readouterr().err
    assert "did you mean 'cancel_plan'?" in told
    assert "all texts are decided" in told
    assert "3 of 4" in told
    assert decisions(runs)[3] == "refuse"
    assert decisions(runs)[2] in ("accept", "correct")
    assert open_review(runs / "labels").pending().items[0].decision.reviewer == "Ana"  # type: ignore[union-attr]


def test_numbers_choose_labels_and_the_end_of_the_input_ends_the_review(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pending = open_review(runs / "labels").pending()
    numbers = [pending.codec.labels.index(str(item.proposed)) + 1 for item in pending.items]
    type_in(monkeypatch, str(numbers[0]), str(numbers[1] % 3 + 1))
    assert review(runs) == 0
    assert decisions(runs) == ["accept", "correct", "", ""]


def test_entities_are_edited_as_marked_text(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (runs / "spans" / "ledger.db").unlink()
    for rest in (runs / "spans").glob("ledger.db-*"):
        rest.unlink()
    wait(runs / "spans" / "ledger.db", ENTITIES, "ner")
    lines = ["e", "[Robin](persn) saw 😀 two robins", "e", "Robin saw 😀 two [robins](species)", "e", "", "1", "q"]
    type_in(monkeypatch, *lines)
    assert review(runs, run="spans") == 0
    told = capsys.readouterr().err
    assert "did you mean 'person'?" in told
    assert "[Robin](person) saw" in told
    first, second = open_review(runs / "spans").pending().items
    assert first.decision is not None
    assert first.decision.answer == [{"start": 16, "end": 22, "label": "species"}]
    assert second.decision is not None
    assert (second.decision.action, second.decision.answer) == ("accept", [])


def test_a_review_of_entities_goes_through_a_file(runs: Path, tmp_path: Path) -> None:
    path = tmp_path / "review.jsonl"
    assert review(runs, "--out", str(path), run="spans") == 0
    write_rows(path, [{**row, "decision": "accept"} for row in read_rows(path)])
    assert review(runs, "--in", str(path), run="spans") == 0
    assert decisions(runs, "spans") == ["accept"] * 4


def test_files_of_two_people_are_taken_in(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / "ana.jsonl", tmp_path / "ben.jsonl"]
    for path, word in zip(paths, ("accept", "refuse"), strict=True):
        assert review(runs, "--out", str(path)) == 0
        rows = read_rows(path)
        rows[0]["decision"], rows[1]["decision"] = word, "accept"
        write_rows(path, rows)
    both = ["review", "labels", "--runs-dir", str(runs), "--in", str(paths[0]), "--in", str(paths[1])]
    capsys.readouterr()
    assert main.run_cli(both) == 2
    told = capsys.readouterr().err
    assert "two decisions on 1 text; nothing was taken in" in told
    assert "(ana, ana.jsonl:1) / refuse (ben, ben.jsonl:1)" in told
    assert decisions(runs) == ["", "", "", ""]
    assert main.run_cli([*both, "--prefer", "ben", "--rest", "accept"]) == 0
    told = capsys.readouterr().err
    assert "1 text on which several people agree; 1 conflict settled by --prefer ben" in told
    assert decisions(runs) == ["refuse", "accept", "skip", "skip"]


def test_label_studio_gets_tasks_and_a_configuration(runs: Path, tmp_path: Path) -> None:
    assert review(runs, "--out", str(tmp_path / "tasks.json")) == 0
    tasks = json.loads((tmp_path / "tasks.json").read_text(encoding="utf-8"))
    assert len(tasks) == 4
    assert '<Choice value="cancel_plan"/>' in (tmp_path / "tasks.xml").read_text(encoding="utf-8")


REFUSED = {
    "two ways": (["--out", "a.csv", "--browser"], "--out and --browser: one of them at a time"),
    "an unknown format": (["--out", "a.xlsx"], ".jsonl, .csv (spreadsheets) or .json (Label Studio)"),
    "no such file": (["--in", "gone.csv"], "gone.csv: no such file"),
    "a preference for nothing": (["--prefer", "last"], "name them with --in"),
    "a port of no page": (["--port", "1"], "--port belongs to --browser"),
    "a misspelt rest": (["--rest", "acept"], "did you mean 'accept'?"),
    "no name": (["--reviewer", " "], "--reviewer: a name of 1 to 80 visible characters"),
}


@pytest.mark.parametrize(("options", "part"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_option_is_one_line(
    runs: Path, options: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    check_refusal(["review", "labels", "--runs-dir", str(runs), *options], [part], capsys)


def test_a_run_that_waits_for_nobody_says_so(done_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_refusal(["review", "done", "--runs-dir", str(done_runs)], ["nothing waits for a review"], capsys)
    check_refusal(["review", "example", "--runs-dir", str(done_runs)], ["no run 'example'"], capsys)


def test_a_misspelt_mode_is_refused_before_anything_is_written(
    toy_domain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["run", str(toy_domain), "--review", "dispute", "--runs-dir", str(tmp_path / "runs")]
    check_refusal(args, ["--review", "disputes"], capsys)
    assert not (tmp_path / "runs").exists()


def test_a_text_tells_who_reviewed_it(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    item = open_review(runs / "labels").pending().items[0]
    numbers = open_review(runs / "labels").pending().codec.labels
    other = next(label for label in numbers if label != item.proposed)
    type_in(monkeypatch, other)
    assert review(runs, "--reviewer", "Ana [b]") == 0
    capsys.readouterr()
    assert main.run_cli(["show", "labels", "--runs-dir", str(runs), "--sample", item.id]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Reviewed by Ana [b] at" in told
    assert f"corrected, the teacher had said {item.proposed}" in told
