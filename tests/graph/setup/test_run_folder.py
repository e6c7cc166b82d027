"""Where a run lies and who holds it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import evokd.graph.runner
from evokd.cli import main
from evokd.graph.setup.run_folder import ResumeError, RunFolder, create_folder, find_run, find_run_to_show
from evokd.messages import InputError
from tests.graph.conftest import run_quick
from tests.graph.toy import QUICK, WordStudent, write_domain

ODD = [
    "..",
    ".",
    "a/../b",
    "/abs/olute",
    "a\\b",
    "a\0b",
    "a" * 5000,
    "",
    "-x",
    ".hidden",
    "a\x1b[31mb",
    "a\nb",
    "\u202e",
]


@pytest.mark.parametrize("name", ODD, ids=ascii)
def test_a_run_id_cannot_leave_its_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(InputError, match="--run-id"):
        create_folder(tmp_path / "runs", name)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "runs"]


@pytest.mark.parametrize("name", ["con", "NUL", "aux.1", "com1", "LPT9.old", "run.", "a.."])
def test_a_run_id_can_be_a_folder_on_windows(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--run-id .* on Windows; choose another"):
        create_folder(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["console", "com", "com10", "nul-1", "a.con", "run.1"])
def test_a_run_id_may_be_like_the_name_of_a_device(name: str, tmp_path: Path) -> None:
    assert create_folder(tmp_path, name).path.is_dir()


@pytest.mark.parametrize("name", [name for name in ODD if name not in ("", "-x")], ids=ascii)
@pytest.mark.parametrize("command", ["resume", "show", "predict"])
def test_an_odd_name_of_a_run_is_told_in_one_line(
    command: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run_cli([command, name, "--runs-dir", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("evokd: no run ")
    assert printed.err.count("\n") == 1
    assert printed.err.removesuffix("\n").isprintable()
    assert len(printed.err) < 500


@pytest.mark.parametrize("place", ["a\nb/runs", "a\x1b[31mb", "x" * 5000], ids=ascii)
def test_control_characters_of_a_path_do_not_reach_the_terminal(
    place: str, toy_domain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a\nb").touch()
    (tmp_path / "a\x1b[31mb").touch()
    assert main.run_cli(["run", str(toy_domain), "--runs-dir", str(tmp_path / place)]) == 2
    assert all(line.isprintable() for line in capsys.readouterr().err.splitlines())


def test_an_id_is_looked_for_in_the_runs_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in ("other", "runs/inside", "here"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "other" / "config.yaml").touch()
    (tmp_path / "runs" / "inside" / "config.yaml").touch()
    monkeypatch.chdir(tmp_path / "here")
    assert find_run("inside", tmp_path / "runs").path == tmp_path / "runs" / "inside"
    assert find_run("../other", tmp_path / "runs").path == tmp_path / "other"  # a path from where the user is
    monkeypatch.chdir(tmp_path / "runs" / "inside")
    with pytest.raises(InputError, match="no run"):
        find_run("../other", tmp_path / "runs")


def test_a_folder_in_which_no_run_was_begun_is_not_offered_to_resume(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "notes.txt").touch()
    with pytest.raises(InputError, match="which contains no run"):
        create_folder(tmp_path, "one")
    assert (tmp_path / "one" / "notes.txt").exists()


@pytest.mark.parametrize("left", [[], ["work"], [".lock", "config.part", "work"]], ids=len)
def test_what_a_start_killed_before_its_configuration_has_left_is_used(tmp_path: Path, left: list[str]) -> None:
    (tmp_path / "one").mkdir()
    for name in left:
        (tmp_path / "one" / name).touch()
    assert create_folder(tmp_path, "one").path == tmp_path / "one"


def test_a_start_in_a_folder_that_another_process_has_just_made_leaves_it_alone(
    toy_domain: Path, word_students: list[WordStudent]
) -> None:
    folder = RunFolder(toy_domain.parent / "runs" / "one")
    folder.path.mkdir(parents=True)
    options = [*QUICK, "--runs-dir", str(folder.path.parent), "--run-id", "one"]
    with folder.lock():
        assert main.run_cli(["run", str(toy_domain), *options]) == 4
        assert folder.path.is_dir()
    assert main.run_cli(["run", str(toy_domain), *options]) == 0


def test_the_name_of_a_domain_may_be_longer_than_that_of_a_file(
    tmp_path: Path, word_students: list[WordStudent]
) -> None:
    domain = write_domain(tmp_path / "toy", name="n" * 300)
    assert main.run_cli(["run", str(domain), *QUICK, "--cycles", "0", "--runs-dir", str(tmp_path / "runs")]) == 0
    (made,) = (tmp_path / "runs").iterdir()
    assert made.name.startswith("n" * 60 + "-20")


# --------------------------------------------------------------------------------------------------------- the lock

HOLD = """
import sys
from pathlib import Path
from evokd.graph.setup.run_folder import RunFolder
with RunFolder(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_told_which_one_holds_the_run(
    toy_domain: Path, word_students: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_quick(toy_domain, "--cycles", "0")
    folder.summary.unlink()
    command = [sys.executable, "-c", HOLD, str(folder.path)]
    root = Path(main.__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        before = {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")}
        capsys.readouterr()
        assert main.run_cli(["resume", str(folder.path)]) == 4
        assert capsys.readouterr().err == (
            f"evokd: {folder.path}: another process ({holder.pid}) is using this run; wait for it or stop it\n"
        )
        assert {path: path.stat().st_mtime_ns for path in folder.path.rglob("*")} == before
        holder.kill()
    # whoever is gone holds nothing
    with folder.lock():
        assert (folder.path / ".holder").read_text(encoding="ascii") == str(os.getpid())
    assert not (folder.path / ".holder").exists()


def test_a_run_that_is_being_started_is_held(
    toy_domain: Path, word_students: list[WordStudent], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    real = evokd.graph.runner.write_config

    def spy(folder: RunFolder, record: dict[str, object]) -> None:
        real(folder, record)
        with pytest.raises(ResumeError, match=rf"another process \({os.getpid()}\) is using this run"), folder.lock():
            pass
        seen.append(find_run(str(folder.path), folder.path.parent))

    monkeypatch.setattr(evokd.graph.runner, "write_config", spy)
    run_quick(toy_domain, "--cycles", "0")
    assert len(seen) == 1


def test_an_ended_run_can_be_asked_for_while_it_is_held(toy_domain: Path, word_students: list[WordStudent]) -> None:
    folder = run_quick(toy_domain, "--cycles", "0")
    with folder.lock():
        assert main.run_cli(["resume", str(folder.path)]) == 0


def test_a_misspelt_example_is_suggested_where_it_can_be_shown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'example'"):
        find_run_to_show("exmaple", tmp_path)
    with pytest.raises(InputError, match="no run 'exmaple'; "):
        find_run("exmaple", tmp_path)


def test_a_domain_in_place_of_a_run_is_told_and_the_reverse(
    toy_domain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "one"
    run.mkdir()
    for name in ("config.yaml", "events.jsonl"):
        (run / name).touch()
    assert main.run_cli(["show", str(toy_domain), "--runs-dir", str(tmp_path)]) == 2
    assert f"this folder is a domain; make a run of it with: evokd run {toy_domain}\n" in capsys.readouterr().err
    assert main.run_cli(["run", str(run), "--runs-dir", str(tmp_path)]) == 2
    assert f"{run}: is a run, not a domain; give the folder of its domain" in capsys.readouterr().err
