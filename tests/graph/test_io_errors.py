"""A disk that is full, closed or broken: one line that says what, where and what to do; the run goes on later."""

import errno
import resource
import shutil
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.applications import Starlette

from evokd.cli import main
from evokd.graph.io_errors import DiskError, disk_errors
from evokd.graph.setup.run_folder import RunFolder
from evokd.student.process.client import StudentError
from evokd.tracing.events import EventLog, read_events
from evokd.tracing.ledger import LedgerError
from tests.conftest import ServeApp
from tests.graph.conftest import Evokd, Zygote
from tests.graph.test_kills_inside import check_orphans
from tests.graph.test_resume import facts
from tests.graph.toy import QUICK, WordStudent, write_domain


@pytest.fixture(scope="module")
def whole(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, Any]]:
    """The arguments of a run, and the facts of one with room enough."""
    base = tmp_path_factory.mktemp("whole")
    args = ["run", str(write_domain(base / "toy")), *QUICK]
    code, printed = zygote(*args, "--runs-dir", str(base / "runs"), "--run-id", "one", log=base / "printed.txt")
    assert code == 0, printed
    return args, facts(base / "runs" / "one")


Whole = tuple[list[str], dict[str, Any]]
FAULTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    # a limit on the size of files is an I/O error to SQLite
    "ledger at its start": ({"limit": 5_000}, ["ledger.db: cannot be written or read (disk I/O error)"]),
    "ledger in the first node": ({"limit": 200_000}, ["ledger.db: cannot be written or read (disk I/O error)"]),
    "ledger in a cycle": ({"limit": 400_000}, ["ledger.db: cannot be written or read (disk I/O error)"]),
    "events": (
        {"call": "evokd.tracing.events.EventLog._append", "count": 20, "fault": "ENOSPC"},
        ["cannot be written (No space left on device)", "free there; make room first"],
    ),
    "student": (
        {"call": "tests.graph.toy.WordStudent.train", "count": 2, "fault": "EDQUOT"},
        ["cannot be written (Disk quota exceeded)", "make room first"],
    ),
    "copy of the student": (
        {"call": "evokd.graph.nodes.publish.shutil.copytree", "count": 1, "fault": "ENOSPC"},
        ["cannot be written (No space left on device)"],
    ),
    "data set": (
        {"call": "evokd.graph.nodes.publish.write_jsonl", "count": 1, "fault": "EROFS"},
        ["cannot be written (Read-only file system)", "give this user write permission"],
    ),
    "summary": (
        {"call": "evokd.graph.nodes.publish.write_summary", "count": 1, "fault": "EACCES"},
        ["cannot be written (Permission denied)", "give this user write permission"],
    ),
}


@pytest.mark.parametrize(("fault", "told"), FAULTS.values(), ids=FAULTS)
def test_a_run_goes_on_to_the_same_end_once_there_is_room(
    fault: dict[str, Any], told: list[str], whole: Whole, evokd: Evokd, tmp_path: Path
) -> None:
    args, expected = whole
    folder = tmp_path / "runs" / "full"
    code, printed = evokd(*args, "--runs-dir", str(tmp_path / "runs"), "--run-id", "full", **fault)
    last = printed.splitlines()[-1]
    assert code == 1, printed
    assert "Traceback" not in printed
    assert last.startswith(f"evokd: {folder}")
    assert last.endswith(f"; go on with: evokd resume {folder}")
    for part in told:
        assert part in last
    events = (folder / "events.jsonl").read_bytes()
    assert len(read_events(folder / "events.jsonl")) == events.count(b"\n")
    code, printed = evokd("resume", str(folder))
    assert code == 0, printed
    assert facts(folder) == expected
    check_orphans(folder)
    assert not list(folder.rglob("*.part*"))


def test_a_run_that_had_no_room_for_its_last_event_has_ended_and_gets_it_later(
    whole: Whole, evokd: Evokd, tmp_path: Path
) -> None:
    args, expected = whole
    folder = RunFolder(tmp_path / "runs" / "full")
    where = ["--runs-dir", str(tmp_path / "runs")]
    code, printed = evokd(
        *args, *where, "--run-id", "full", call="evokd.graph.runner.finish_run", count=1, fault="ENOSPC"
    )
    told = f"make room first; the results are written; complete the record with: evokd resume {folder.path}"
    assert (code, printed.splitlines()[-1].endswith(told)) == (1, True), printed
    assert "done (cycles)" in evokd("runs", *where)[1]
    assert read_events(folder.events)[-1]["event"] == "node_finished"
    code, printed = evokd("resume", str(folder.path))
    assert code == 0
    assert "run full has ended already; its last event, which was missing, is written now" in printed
    assert facts(folder.path) == expected
    last = read_events(folder.events)[-1]
    assert (last["event"], last["stop_reason"]) == ("finished", "cycles")
    ended = datetime.fromisoformat(last["time"]).timestamp()
    assert ended == pytest.approx(folder.summary.stat().st_mtime, abs=0.01), "no time between the two resumes"
    before = folder.events.read_bytes()
    assert "has ended already; nothing to resume" in evokd("resume", str(folder.path))[1]
    assert folder.events.read_bytes() == before


def test_a_run_without_room_for_its_configuration_has_not_begun(whole: Whole, evokd: Evokd, tmp_path: Path) -> None:
    args, _ = whole
    where = ["--runs-dir", str(tmp_path / "runs"), "--run-id", "full"]
    code, printed = evokd(*args, *where, limit=1500)
    assert code == 1
    (line,) = printed.splitlines()
    assert line.startswith(f"evokd: {tmp_path}/runs/full/config.yaml: cannot be written (File too large); ")
    assert "go on with" not in line
    assert not (tmp_path / "runs" / "full").exists()
    assert evokd(*args, *where, "--cycles", "0")[0] == 0


def test_a_resume_without_room_for_its_new_configuration_keeps_the_old_one(
    whole: Whole, evokd: Evokd, tmp_path: Path
) -> None:
    args, _ = whole
    folder = RunFolder(tmp_path / "runs" / "full")
    where = ["--runs-dir", str(tmp_path / "runs"), "--run-id", "full"]
    assert evokd(*args, *where, event="node_started", node="train", count=2)[0] < 0
    before = folder.config.read_bytes()
    code, printed = evokd(
        "resume",
        str(folder.path),
        "--cycles",
        "1",
        call="evokd.messages.files.os.fsync",
        count=1,
        fault="ENOSPC",
    )
    assert code == 1
    assert f"evokd: {folder.config}: cannot be written (No space left on device)" in printed
    assert folder.config.read_bytes() == before
    assert not folder.config.with_suffix(".part").exists()
    assert evokd("resume", str(folder.path), "--cycles", "1")[0] == 0


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("it said so")
    error.sqlite_errorcode = code
    return error


def ledger_error(code: int) -> LedgerError:
    error = LedgerError("the ledger")
    error.__cause__ = sqlite_error(code)
    return error


TORN = shutil.Error([("/a", "/r/one/.student.partial/model", "[Errno 28] No space left on device: '/r/b'")])
ERRORS: dict[str, tuple[Exception, str, str]] = {
    "full": (OSError(errno.ENOSPC, "No space left on device", "{run}/x"), "{run}/x", "make room first"),
    "limit": (OSError(errno.EFBIG, "File too large"), "{run}", "make room first"),
    "closed": (OSError(errno.EROFS, "Read-only file system", "{run}/x"), "{run}/x", "give this user write permission"),
    "broken": (OSError(errno.EIO, "Input/output error", "{run}/x"), "{run}/x", "repair the disk"),
    "ledger full": (ledger_error(sqlite3.SQLITE_FULL), "{run}/ledger.db", "make room first"),
    "ledger broken": (ledger_error(sqlite3.SQLITE_IOERR_WRITE), "{run}/ledger.db", "repair the disk"),
    "ledger closed": (
        ledger_error(sqlite3.SQLITE_READONLY_DBMOVED),
        "{run}/ledger.db",
        "give this user write permission",
    ),
    "ledger damaged": (ledger_error(sqlite3.SQLITE_CORRUPT), "{run}/ledger.db", "restore a copy"),
    "checkpoints full": (sqlite_error(sqlite3.SQLITE_FULL), "{run}/checkpoints.db", "make room first"),
    "checkpoints damaged": (sqlite_error(sqlite3.SQLITE_NOTADB), "{run}/checkpoints.db", "remove it to start again"),
    "student saved": (
        StudentError("student train failed: OSError: [Errno 28] No space left on device: '/r/kept/c001'; see log"),
        "/r/kept/c001",
        "make room first",
    ),
    "weights saved": (
        StudentError("student train failed: SafetensorError: I/O error: No space left on device (os error 28)"),
        "{run}/work",
        "make room first",
    ),
    "copied": (TORN, "/r/b", "make room first"),
}


@pytest.mark.parametrize(("error", "where", "advice"), ERRORS.values(), ids=ERRORS)
def test_an_error_of_the_disk_is_told_in_one_line(error: Exception, where: str, advice: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.config.touch()
    if isinstance(error, OSError) and error.filename:
        error = OSError(error.errno, error.strerror, str(error.filename).format(run=tmp_path))
    with pytest.raises(DiskError) as caught, disk_errors(folder):
        raise error
    told = str(caught.value)
    assert told.startswith(f"{where.format(run=tmp_path)}: ")
    assert advice in told
    assert "\n" not in told
    assert (caught.value.exit_code, caught.value.folder) == (1, tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        FileNotFoundError(errno.ENOENT, "No such file", "x"),
        OSError("no number"),
        sqlite_error(sqlite3.SQLITE_BUSY),
        ledger_error(sqlite3.SQLITE_LOCKED),
        LedgerError("ledger of version 3"),
        StudentError("student train failed: the loss is not a number"),
    ],
    ids=repr,
)
def test_other_errors_stay_what_they_are(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as caught, disk_errors(RunFolder(tmp_path)):
        raise error
    assert caught.value is error


def test_an_event_that_does_not_fit_leaves_nothing_and_does_not_come_up_again(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    heard: list[Any] = []
    log = EventLog(path, "one", (heard.append,))
    log("first")
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, hard))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            log("second", text="x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    log("third")
    log.close()
    assert [event["event"] for event in read_events(path)] == ["first", "third"]
    assert [event["event"] for event in heard] == ["first", "third"]


def test_a_full_disk_does_not_hide_that_the_teacher_failed(
    tmp_path: Path,
    word_students: list[WordStudent],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    serve_app: ServeApp,
) -> None:
    append = EventLog._append

    def refuse_parked(self: EventLog, line: bytes) -> None:
        if b'"parked"' in line:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(self, line)

    monkeypatch.setattr(EventLog, "_append", refuse_parked)
    domain = write_domain(tmp_path / "toy")
    address = serve_app(Starlette()) + "/v1"  # a server that knows no address parks the run at its first call
    args = ["--teacher", "mine", "--base-url", address, "--set", "teacher.retries=0"]
    assert (
        main.run_cli(["run", str(domain), *QUICK, *args, "--runs-dir", str(tmp_path / "runs"), "--run-id", "one"]) == 3
    )
    assert address in capsys.readouterr().err.splitlines()[-1]


# ---------------------------------------------------------------------------------------------------- damaged files


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scramble(path: Path) -> None:
    path.write_bytes(b"\x00\xffnothing of use\x1b[31m" * 400)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def fold(path: Path) -> Path:
    """Move what SQLite has in the log beside a file into the file."""
    base = sqlite3.connect(path)
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()
    assert not path.with_name(f"{path.name}-wal").exists()
    return path


DAMAGES = {"cut": cut, "scrambled": scramble, "empty": empty}


@pytest.fixture(scope="module")
def halves(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder with a run that was killed in cycle 1, and one that has ended."""
    base = tmp_path_factory.mktemp("halves")
    domain = write_domain(base / "toy")
    for name, trap in (("killed", {"event": "node_started", "node": "train", "count": 2}), ("done", {})):
        zygote(
            *("run", str(domain), *QUICK, "--runs-dir", str(base / "runs"), "--run-id", name),
            log=base / "printed.txt",
            student="tagger" if name == "none" else "words",
            **trap,
        )
    assert (base / "runs" / "done" / "summary.json").is_file()
    return base / "runs"


@pytest.fixture
def runs(halves: Path, tmp_path: Path) -> Path:
    shutil.copytree(halves, tmp_path / "runs")
    return tmp_path / "runs"


def check_line(
    args: list[str], told: str, capsys: pytest.CaptureFixture[str], codes: tuple[int, ...] = (1, 2, 4)
) -> str:
    capsys.readouterr()
    assert main.run_cli(args) in codes
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if line.startswith("evokd: ")]
    assert len(lines) == 1
    assert printed.err.splitlines()[-1] == lines[0]
    assert told in lines[0]
    assert "\x1b" not in lines[0]
    return lines[0]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_ledger_is_told(
    damage: Any, runs: Path, word_students: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    for path in runs.glob("*/ledger.db"):
        damage(fold(path))
    check_line(["resume", str(runs / "killed")], "ledger.db: ", capsys)
    if damage is not empty:
        check_line(["show", str(runs / "done")], "ledger.db: ", capsys)
    assert main.run_cli(["runs", "--runs-dir", str(runs)]) == 0


@pytest.mark.parametrize("damage", [cut, scramble], ids=["cut", "scrambled"])
def test_damaged_checkpoints_are_told_and_can_be_done_without(
    damage: Any, runs: Path, word_students: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = runs / "killed"
    damage(fold(folder / "checkpoints.db"))
    check_line(["resume", str(folder)], "checkpoints.db: damaged", capsys)
    (folder / "checkpoints.db").unlink()
    assert main.run_cli(["resume", str(folder)]) == 0
    assert (folder / "dataset" / "train.jsonl").read_bytes() == (runs / "done" / "dataset" / "train.jsonl").read_bytes()


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_configuration_is_told(
    damage: Any, runs: Path, word_students: list[WordStudent], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "texts.txt").write_text("Where is my parcel?\n", encoding="utf-8")
    for path in runs.glob("*/config.yaml"):
        damage(path)
    check_line(["resume", str(runs / "killed")], "config.yaml", capsys)
    check_line(["predict", str(runs / "done"), str(tmp_path / "texts.txt")], "config.yaml", capsys)
    assert main.run_cli(["show", str(runs / "done")]) == 0
    assert main.run_cli(["runs", "--runs-dir", str(runs)]) == 0


@pytest.mark.parametrize("change", [{"settings": {"student": {"steps": "many"}}}, {"settings": {"studend": {}}}])
def test_settings_that_are_none_are_told_by_predict(
    change: dict[str, Any], runs: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "texts.txt").write_text("Where is my parcel?\n", encoding="utf-8")
    path = runs / "done" / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    check_line(["predict", str(runs / "done"), str(tmp_path / "texts.txt")], f"{path}: ", capsys)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_summary_is_told(damage: Any, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(runs / "done" / "summary.json")
    for command in ("resume", "show"):
        check_line([command, str(runs / "done")], "summary.json: damaged", capsys)
    assert main.run_cli(["runs", "--runs-dir", str(runs)]) == 0
    listed = capsys.readouterr().out
    assert "killed" in listed
    assert "damaged" in listed
