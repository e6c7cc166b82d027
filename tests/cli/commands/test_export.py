"""`evokd export`: what it writes and tells, and that it refuses before anything is written."""

import shutil
import signal
from pathlib import Path

import pytest
import yaml

from evokd.cli import main
from evokd.release import hub
from evokd.release.target import new_folder
from tests.cli.conftest import check_refusal
from tests.release.conftest import released_runs
from tests.release.test_hub import FakeHub
from tests.student.conftest import tiny_student

__all__ = ["released_runs", "tiny_student"]


@pytest.mark.filterwarnings("ignore")  # of the libraries
def test_a_student_with_its_card(released_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "new" / "model"
    command = ["export", "done", "--format", "hf", "--to", str(out), "--runs-dir", str(released_runs)]
    assert main.run_cli([*command, "--license", "mit"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == f"written to {out}"
    assert told[-2].startswith("the plain pipeline gives the answer of evokd predict on all ")
    card = (out / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(card.split("---\n")[1])
    assert (head["license"], head["pipeline_tag"], head["language"]) == ("mit", "text-classification", "en")
    assert head["tags"] == ["evokd", "knowledge-distillation", "rehearsal"]
    results = {result["dataset"]["split"]: result for result in head["model-index"][0]["results"]}
    low, high = results["test"]["metrics"][0]["args"]["interval_95"]
    assert low <= results["test"]["metrics"][0]["value"] <= high
    assert results["test"]["dataset"]["args"]["rows"] > 20
    assert card.count("**A rehearsal, not a distilled language model.**") == 1
    assert "; cost: none, since no language model was called\n" in card
    assert not list(out.parent.glob(".*"))


@pytest.mark.filterwarnings("ignore")
def test_a_students_folder_alone(released_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(released_runs / "done" / "student", tmp_path / "alone")
    assert main.run_cli(["export", str(tmp_path / "alone"), "--format", "hf", "--to", str(tmp_path / "out")]) == 0
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "## How it was made" not in card
    assert "model-index" not in card
    command = ["export", str(tmp_path / "alone"), "--format", "dataset", "--to", str(tmp_path / "data")]
    check_refusal(command, ["a student's folder holds no texts; give its run"], capsys)
    # the folder of a run's student is known to be one
    student = released_runs / "done" / "student"
    for form in ("dataset", "jsonl"):  # two names of one form
        assert main.run_cli(["export", str(student), "--format", form, "--to", str(tmp_path / form)]) == 0
    written, again = (sorted(path.name for path in (tmp_path / form).iterdir()) for form in ("dataset", "jsonl"))
    assert written == again


def test_a_data_set_is_pushed(
    released_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeHub()
    monkeypatch.setattr(hub, "_make_client", fake)
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    command = ["export", "done", "--format", "dataset", "--to", str(tmp_path / "out"), "--runs-dir", str(released_runs)]
    assert main.run_cli([*command, "--push", "team/data"]) == 0
    assert capsys.readouterr().err.endswith("pushed to https://hub.example/dataset/team/data\n")
    assert fake.private is True
    assert 'load_dataset("team/data"' in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--format", "onx"], "--format 'onx': give hf, onnx, dataset or conll (did you mean 'onnx'?)"),
        (["--format", "conll"], "--format conll is for entities, and the task of done is classification"),
        (["--format", "hf", "--with-own-rows"], "--with-own-rows goes with --format dataset or conll"),
        (["--format", "hf", "--public"], "--public goes with --push"),
        (["--format", "hf", "--push", "model"], "give OWNER/NAME"),
        (["--format", "hf", "--push", "team/model"], "in the variable HF_TOKEN"),
        (["--format", "hf", "--license", "Apache 2.0"], "give the model hub's name, such as apache-2.0"),
    ],
    ids=["format", "task", "own_rows", "public", "repository", "token", "licence"],
)
def test_refusals(
    options: list[str], told: str, released_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    check_refusal(["export", "done", *options, "--to", str(out), "--runs-dir", str(released_runs)], [told], capsys)
    assert not out.exists()


def test_a_folder_that_holds_files_is_left_alone(
    released_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    command = ["export", "done", "--format", "hf", "--runs-dir", str(released_runs), "--to"]
    check_refusal([*command, str(tmp_path)], ["already holds files"], capsys)
    check_refusal([*command, str(tmp_path / "mine.txt")], ["is a file"], capsys)
    check_refusal([*command, str(tmp_path / "mine.txt" / "out")], ["mine.txt cannot be written to"], capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_runs_without_a_student_are_refused(
    done_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--to", str(tmp_path / "out"), "--runs-dir", str(done_runs)]
    check_refusal(["export", "dome", "--format", "hf", *out], ["no run 'dome' (did you mean 'done'?)"], capsys)
    check_refusal(["export", "example", "--format", "hf", *out], ["comes with the program has no student"], capsys)
    check_refusal(["export", "done", "--format", "hf", *out], ["evokd.json cannot be read"], capsys)
    unfinished = tmp_path / "unfinished"
    shutil.copytree(done_runs / "done", unfinished)
    (unfinished / "summary.json").unlink()
    shutil.rmtree(unfinished / "student")
    for form in ("hf", "dataset"):
        command = ["export", str(unfinished), "--format", form, *out]
        check_refusal(command, ["has not ended", f"evokd resume {unfinished}"], capsys)
    assert not (tmp_path / "out").exists()


def test_a_signal_leaves_nothing_half_written(
    released_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As systems and `timeout` end a command."""

    def write(*_: object, **__: object) -> None:
        with new_folder(tmp_path / "out") as folder:
            (folder / "half").touch()
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("evokd.api.releasing.export", write)
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        command = ["export", "done", "--format", "hf", "--to", str(tmp_path / "out"), "--runs-dir", str(released_runs)]
        assert main.run_cli(command) == 130
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capsys.readouterr().err == "evokd: interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_the_folder_where_one_is(released_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    command = ["export", "done", "--format", "dataset", "--to", ".", "--runs-dir", str(released_runs)]
    assert main.run_cli(command) == 0
    assert {path.name for path in Path.cwd().iterdir()} == {"README.md", "data"}
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
