"""Reports and live pages from Python: where the file goes, what a notebook shows, which runs are served."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote
from urllib.request import urlopen

import pytest

import evokd
from evokd import api
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.run_lock import hold, is_held
from tests.viewer.made_runs import make_hostile, make_run


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two runs below the working directory."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        make_run(tmp_path / "runs" / name)
    return tmp_path / "runs"


def test_a_report_lies_in_the_folder_of_its_run_and_is_shown_by_a_notebook(runs: Path) -> None:
    before = {path.name for path in (runs / "one").iterdir()}
    written = evokd.report("one")
    assert written.path == runs / "one" / "report.html"
    assert {path.name for path in (runs / "one").iterdir()} == before | {"report.html"}
    assert written.path.read_text(encoding="utf-8") == written.page
    shown = written._repr_html_()
    assert shown.startswith("<iframe ")
    assert 'sandbox="allow-scripts"' in shown
    assert "<script" not in shown
    assert evokd.open_run("one")._repr_html_() == shown
    assert repr(written) == f"Report({str(written.path)!r})"


def test_reports_of_several_runs_and_of_the_example_lie_in_the_working_directory(runs: Path) -> None:
    assert evokd.report("one", "two").path == Path("comparison.html")
    assert evokd.report("example", out="example.html").path == Path("example.html")
    assert evokd.report("one", "one", str(runs / "one")).path == runs / "one" / "report.html"  # it is one run
    assert not (evokd.open_run("example").path / "report.html").exists()


def test_a_report_made_twice_is_the_same(runs: Path) -> None:
    assert evokd.report("one").page == evokd.report("one").page


@pytest.mark.parametrize(
    ("names", "out", "told"),
    [
        ((), None, "no run"),
        (("none",), None, "no run 'none'"),
        (("one",), "runs", "is a folder"),
        (("one",), "report.pdf", "ends with .html"),
        (("one",), "none/report.html", "cannot be written"),
    ],
)
def test_wrong_names_are_one_line(runs: Path, names: tuple[str, ...], out: str | None, told: str) -> None:
    with pytest.raises(evokd.InputError, match=told):
        evokd.report(*names, out=out)


def test_pages_beside_other_work_find_runs_by_name_and_nothing_outside(runs: Path) -> None:
    make_hostile(runs / "odd").rename(runs / '<b> "&#')
    (runs / "no_run").mkdir()
    (runs.parent / "config.yaml").write_text("secret: 1\n", encoding="utf-8")
    with api.serve_pages("runs", 0) as base:
        assert urlopen(base + api.address_of("one")).status == 200
        assert urlopen(base + api.address_of('<b> "&#')).status == 200
        assert urlopen(base + api.address_of(None)).status == 200
        for name in ("no_run", "..", ".", "../runs/one", "none", "one/../two"):
            with pytest.raises(OSError, match="404"):
                urlopen(f"{base}/api/run/{quote(name, safe='')}/overview")


ADDRESSES = {"": "", "runs": "", "two": "run/two", "runs/two": "run/two", "example": "run/example"}
"""What is asked for -> the path of the page that is opened."""
# A process of its own: each view ends with an interrupt of its main thread.
SCRIPT = """
import _thread, sys, threading
import evokd
def announce(address):
    print(address.split("/", 3)[3], flush=True)
    threading.Timer(0.3, _thread.interrupt_main).start()
for argument in sys.argv[1:]:
    evokd.view(*filter(None, [argument]), port=0, announce=announce)
"""


def test_view_opens_at_what_it_was_asked_for(runs: Path) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, *ADDRESSES], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n")[:-1] == list(ADDRESSES.values())


def test_view_of_no_run_is_refused(runs: Path) -> None:
    with pytest.raises(evokd.InputError, match="no run 'none'"):
        evokd.view("none", port=0)


# -------------------------------------------------------------------------------------------------- who holds a run


def test_a_lock_is_seen_without_being_touched(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with hold(tmp_path):
        assert is_held(tmp_path)
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    assert RunFolder(tmp_path).path == tmp_path


@pytest.mark.skipif(os.name == "nt", reason="there the lock itself tells")
def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    (tmp_path / ".holder").write_text(child.stdout.strip())
    assert not is_held(tmp_path)
    (tmp_path / ".holder").write_text("no number")
    assert not is_held(tmp_path)
    (tmp_path / ".holder").write_text(str(2**70))
    assert not is_held(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="nobody tells when a process began")
def test_a_process_that_got_the_number_later_holds_nothing(tmp_path: Path) -> None:
    note = tmp_path / ".holder"
    note.write_text(str(os.getpid()))
    os.utime(note, (1, 1))
    assert not is_held(tmp_path)
