"""What a run is made of may move: it goes on where the contents agree, and says how where it cannot find them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import yaml
from safetensors.numpy import save_file

import evokd.graph.setup.moved_paths
from evokd.cli import main
from evokd.graph.setup.domain import SHIPPED, digest_files
from evokd.graph.setup.moved_paths import check_base, find_domain_of, settle
from evokd.graph.setup.resume_check import find_changes
from evokd.graph.setup.run_folder import ResumeError, RunFolder
from evokd.graph.setup.run_settings import Settings
from evokd.tracing.summary import read_summary
from tests.graph.conftest import give_student, run_quick
from tests.graph.setup.test_resume_check import events_of, resume, stop_in_cycle_1
from tests.graph.toy import WordStudent, read_rows, write_domain, write_rows

Printed = pytest.CaptureFixture[str]


def write_base(folder: Path, weights: float = 1.0) -> Path:
    """What passes for a model folder with those who do not load it."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    (folder / "vocab.txt").write_text("a", encoding="utf-8")
    write_weights(folder, weights)
    return folder


def write_weights(folder: Path, weights: float) -> None:
    save_file({"layer": numpy.full(3, weights)}, folder / "model.safetensors")


def copy_corpus(domain: Path, place: Path) -> Path:
    place.parent.mkdir(parents=True)
    return Path(shutil.copy(domain / "corpus.jsonl", place))


@pytest.fixture
def domain(tmp_path: Path) -> Path:
    return write_domain(tmp_path / "toy")


@pytest.fixture
def stop(domain: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed) -> Callable[..., RunFolder]:
    """Begins a run that stops before the training of cycle 1; resumed, it goes on."""
    return lambda *options: stop_in_cycle_1(domain, monkeypatch, capsys, "--cycles", "1", *options)


def refused(folder: RunFolder, capsys: Printed, *options: str) -> str:
    """Resume a run, which must be refused; returns the error."""
    before = folder.config.read_bytes()
    assert main.run_cli(["resume", str(folder.path), *options]) == 4
    assert folder.config.read_bytes() == before
    return capsys.readouterr().err


def recorded(folder: RunFolder) -> dict[str, Any]:
    record: dict[str, Any] = yaml.safe_load(folder.config.read_text(encoding="utf-8"))
    return record


# --------------------------------------------------------------------------------------------------------- the domain


def test_a_moved_domain_is_told_and_can_be_named(stop: Callable[..., RunFolder], domain: Path, capsys: Printed) -> None:
    folder = stop()
    new = domain.rename(domain.parent / "renamed")
    assert refused(folder, capsys) == (
        f"evokd: the domain of this run is no longer in {domain}; if it was moved or renamed, resume with:"
        f" evokd resume {folder.path} --domain NEW\n"
    )
    resume(folder, "--domain", str(new))
    assert recorded(folder)["domain_folder"] == str(new)
    (event,) = events_of(folder, "run_resumed")
    assert f"the domain is now in {new}; it was in {domain}" in event["notes"]


def test_a_moved_domain_may_be_named_from_where_the_user_is(
    stop: Callable[..., RunFolder], domain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stop()
    new = domain.rename(domain.parent / "renamed")
    monkeypatch.chdir(domain.parent)
    resume(folder, "--domain", "renamed")
    assert recorded(folder)["domain_folder"] == str(new)


@pytest.mark.parametrize("force", [False, True], ids=["refused", "forced"])
def test_a_moved_domain_of_other_data_is_refused_and_shown(
    force: bool, stop: Callable[..., RunFolder], domain: Path, capsys: Printed
) -> None:
    folder = stop()
    new = domain.rename(domain.parent / "renamed")
    rows = read_rows(new / "seeds.jsonl")
    write_rows(new / "seeds.jsonl", [*rows, {**rows[0], "text": "one more parcel that never came"}])
    if force:
        resume(folder, "--domain", str(new), "--force")
    else:
        assert "seeds.jsonl: changed, 3 rows -> 4 rows" in refused(folder, capsys, "--domain", str(new))


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (["--domain", "{tmp}/nowhere"], 2, "no domain folder"),
        (["--domain", "{tmp}/runs"], 2, "no domain.yaml"),
        (["--domain", "suport_tickets"], 2, "did you mean 'support_tickets'"),
        (["--domain", "support_tickets"], 4, "domain.yaml: changed"),
    ],
)
def test_what_is_named_and_is_not_the_domain_is_refused(
    options: list[str], code: int, told: str, stop: Callable[..., RunFolder], domain: Path, capsys: Printed
) -> None:
    folder = stop()
    domain.rename(domain.parent / "renamed")
    filled = [option.format(tmp=domain.parent) for option in options]
    assert main.run_cli(["resume", str(folder.path), *filled]) == code
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "old",
    [
        "/old/site-packages/domains/support_tickets",
        "/old/domains/support_tickets/",
        "C:\\old\\domains\\support_tickets",
        "domains/support_tickets",
    ],
)
def test_a_shipped_domain_is_found_in_another_installation(
    old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_domain_of(RunFolder(tmp_path), {"domain_folder": old}, None) == SHIPPED / "support_tickets"


@pytest.mark.parametrize(
    "old", ["/old/mine/support_tickets", "/old/domains/none", "/old/domains/..", "/", "", "domains", "C:\\mine"]
)
def test_another_domain_is_not_taken_for_a_shipped_one(
    old: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ResumeError, match="--domain NEW"):
        find_domain_of(RunFolder(tmp_path), {"domain_folder": old}, None)


# ------------------------------------------------------------------------------------------------------ the run folder


def test_a_run_folder_goes_on_in_another_place(stop: Callable[..., RunFolder], domain: Path, tmp_path: Path) -> None:
    folder = stop()
    shutil.copytree(folder.path, tmp_path / "elsewhere" / "two")
    expected, moved = resume(folder), RunFolder(tmp_path / "elsewhere" / "two")
    shutil.rmtree(folder.path.parent)
    found = resume(moved)
    assert found["run_id"] == "two"
    assert found["final"] == expected["final"]
    assert found["totals"]["calls"] == expected["totals"]["calls"]
    assert moved.student.is_dir()


def test_a_renamed_run_is_listed_under_the_name_that_finds_it(
    domain: Path, word_students: list[WordStudent], capsys: Printed
) -> None:
    folder = run_quick(domain, "--cycles", "0")
    folder.path.rename(folder.path.parent / "other")
    shutil.rmtree(domain)  # which nobody needs to read a run
    capsys.readouterr()
    assert main.run_cli(["runs", "--runs-dir", str(folder.path.parent), "--json"]) == 0
    assert '"run_id": "other"' in capsys.readouterr().out
    assert main.run_cli(["show", "other", "--runs-dir", str(folder.path.parent)]) == 0


# ----------------------------------------------------------------------------------------------- the untrained student


def test_a_moved_student_is_told_and_can_be_named(
    stop: Callable[..., RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    old = write_base(tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    folder = stop("--student", "base")
    assert recorded(folder)["settings"]["student"]["base"] == str(old)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    new = old.rename(tmp_path / "moved")
    assert f"no longer in {old}" in (told := refused(folder, capsys))
    assert "--student NEW" in told
    resume(folder, "--student", str(new))
    assert recorded(folder)["settings"]["student"]["base"] == str(new)


@pytest.mark.parametrize("named", [True, False], ids=["elsewhere", "in the same place"])
def test_another_student_is_refused(
    named: bool, stop: Callable[..., RunFolder], tmp_path: Path, capsys: Printed
) -> None:
    folder = stop("--student", str(write_base(tmp_path / "base")))
    if named:
        other = write_base(tmp_path / "other", 2.0)
        told = refused(folder, capsys, "--student", str(other))
        assert f"student.base: '{tmp_path / 'base'}' -> '{other}'" in told
    else:
        write_weights(tmp_path / "base", 2.0)
        told = refused(folder, capsys)
        assert f"student.base: '{tmp_path / 'base'}': different contents (SHA-256 " in told
    assert "with other settings" in told


def test_a_student_that_an_earlier_version_has_noted_as_typed_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_base(tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    record = {"preset": "evokd", "prompts": {}, "data": {}, "versions": {}}
    began = {**record, "settings": {"student": {"base": "base"}}}
    now = {**record, "settings": {"student": {"base": str(tmp_path / "base")}}, "base": "1234"}
    assert [change.free for change in find_changes(began, now)] == [True]
    monkeypatch.chdir("/")
    assert [change.free for change in find_changes(began, now)] == [False]


@pytest.mark.parametrize("name", ["embedded", "org/model"])
@pytest.mark.parametrize("noted", [{"base": None}, {}], ids=["noted", "earlier version"])
def test_a_folder_called_like_the_student_is_another_one(
    name: str, noted: dict[str, None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_base(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    record = {"preset": "evokd", "prompts": {}, "data": {}, "versions": {}}
    began = {**record, "settings": {"student": {"base": name}}, **noted}
    now = {**record, "settings": {"student": {"base": str(tmp_path / name)}}, "base": "1234"}
    # an earlier version took the folder as well where there was one, unless it was the embedded one
    known = not noted and name != "embedded"
    assert [change.free for change in find_changes(began, now)] == [known]


@pytest.mark.parametrize("base", ["embedded", "nobody/model", "model"])
def test_a_student_that_is_no_folder_stays_as_it_was_named(base: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.model_validate({"student": {"base": base}})
    assert settle(settings).student.base == base
    assert evokd.graph.setup.moved_paths.digest_base(base) is None
    check_base(RunFolder(tmp_path), base)


# ----------------------------------------------------------------------------------------------- corpus and recording


def test_a_corpus_beside_the_domain_may_move_with_it(
    stop: Callable[..., RunFolder], domain: Path, tmp_path: Path, capsys: Printed
) -> None:
    corpus = copy_corpus(domain, tmp_path / "data" / "own.jsonl")
    folder = stop("--set", f"rehearsal.corpus={corpus}")
    moved = [path.rename(tmp_path / f"new-{path.name}") for path in (domain, corpus.parent)]
    assert main.run_cli(["resume", str(folder.path), "--domain", str(moved[0])]) == 2
    assert "name it with --set rehearsal.corpus=FILE" in capsys.readouterr().err
    resume(folder, "--domain", str(moved[0]), "--set", f"rehearsal.corpus={moved[1] / 'own.jsonl'}")


def test_another_corpus_is_refused(
    stop: Callable[..., RunFolder], domain: Path, tmp_path: Path, capsys: Printed
) -> None:
    corpus = copy_corpus(domain, tmp_path / "data" / "own.jsonl")
    folder = stop("--set", f"rehearsal.corpus={corpus}")
    corpus.unlink()
    write_rows(corpus, read_rows(domain / "corpus.jsonl")[1:])
    new = corpus.rename(tmp_path / "other.jsonl")
    told = refused(folder, capsys, "--set", f"rehearsal.corpus={new}")
    assert "rehearsal.corpus: changed, 210 rows -> 209 rows" in told


def test_a_recording_is_kept_with_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings.model_validate({"rehearsal": {"recording": "llm"}})
    assert settle(settings).rehearsal.recording == str(tmp_path / "llm")


def test_files_outside_of_a_domain_are_named_by_what_led_to_them(tmp_path: Path) -> None:
    outside, inside = tmp_path / "seeds.jsonl", tmp_path / "toy" / "sub" / "seeds.jsonl"
    inside.parent.mkdir(parents=True)
    for path in (outside, inside):
        path.touch()
    found = digest_files(tmp_path / "toy", [inside, outside], "rehearsal.corpus")
    assert list(found) == ["sub/seeds.jsonl", "rehearsal.corpus"]


def test_a_file_is_the_same_one_under_another_name() -> None:
    record = {"preset": "evokd", "settings": {}, "prompts": {}, "versions": {}}
    began = {**record, "data": {"domain.yaml": "a", "../../data/own.jsonl": "b", "x": "c"}}
    assert find_changes(began, {**record, "data": {"domain.yaml": "a", "rehearsal.corpus": "b", "x": "c"}}) == []
    (change,) = find_changes(began, {**record, "data": {"domain.yaml": "a", "rehearsal.corpus": "b"}})
    assert (change.key, change.free) == ("x", False)


def test_runs_from_before_and_after_a_move_stand_in_one_table(
    domain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    give_student(monkeypatch, WordStudent)
    corpus, base = copy_corpus(domain, tmp_path / "data" / "own.jsonl"), write_base(tmp_path / "base")
    options = ["--cycles", "0", "--student", "{base}", "--set", "rehearsal.corpus={corpus}"]
    run_quick(domain, *(part.format(base=base, corpus=corpus) for part in options))
    (tmp_path / "deep" / "er").mkdir(parents=True)
    moved = [path.rename(tmp_path / "deep" / "er" / path.name) for path in (domain, base)]
    filled = [part.format(base=moved[1], corpus=corpus) for part in options]
    other = run_quick(moved[0], *filled, run_id="two")
    shutil.move(other.path, tmp_path / "runs" / "two")
    assert read_summary(RunFolder(tmp_path / "runs" / "two").summary) is not None
    capsys.readouterr()
    assert main.run_cli(["compare", "one", "two", "--runs-dir", str(tmp_path / "runs")]) == 0
    printed = capsys.readouterr()
    assert "tables" not in printed.err
    assert "Settings that differ" not in printed.out
