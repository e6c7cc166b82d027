"""`evokd view`, `evokd report`, and `run --view`: addresses, files, refusals in one line."""

import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from evokd.cli import main
from tests.viewer.made_runs import damage, make_run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with one made run."""
    make_run(tmp_path / "runs" / "one")
    return tmp_path / "runs"


def test_report_tells_path_and_size(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run_cli(["report", "one", "--runs-dir", str(runs)]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert (runs / "one" / "report.html").is_file()
    assert told.endswith(" MB)")
    assert "report.html" in told


def test_report_takes_several_runs_and_a_file(runs: Path, tmp_path: Path) -> None:
    make_run(runs / "two")
    out = tmp_path / "both.html"
    assert main.run_cli(["report", "one", "two", "--runs-dir", str(runs), "--out", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    assert 'data-chunk="compare"' in page
    assert 'data-chunk="1/main"' in page


REFUSED = {
    "no_run": (["report", "none"], "no run 'none'", 2),
    "no_page": (["report", "one", "--out", "x.pdf"], ".html", 2),
    "nothing_to_view": (["view", "none"], "no run 'none'", 2),
    "no_port": (["view", "one", "--port", "70000"], "65535", 2),
}


@pytest.mark.parametrize(("arguments", "told", "code"), REFUSED.values(), ids=REFUSED.keys())
def test_wrong_input_is_one_line(
    runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str, code: int
) -> None:
    assert main.run_cli([*arguments, "--runs-dir", str(runs)]) == code
    assert told in capsys.readouterr().err


def test_a_damaged_run_is_one_line(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(runs / "one")
    assert main.run_cli(["report", "one", "--runs-dir", str(runs)]) == 1
    printed = capsys.readouterr().err
    assert "Traceback" not in printed
    assert "ledger.db" in printed
    assert not (runs / "one" / "report.html").exists()


def test_view_tells_the_address_and_ends_on_an_interrupt(runs: Path) -> None:
    command = [sys.executable, "-m", "evokd", "view", "one", "--port", "0", "--runs-dir", str(runs)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as viewing:
        assert viewing.stderr is not None
        line = viewing.stderr.readline()
        address = line.split()[2]
        assert address.endswith("/run/one")
        assert urlopen(address).status == 200
        viewing.send_signal(signal.SIGINT)
        assert viewing.wait(20) == 0
        assert viewing.stderr.read() == ""


def test_run_serves_its_pages_while_it_goes_on(
    toy_domain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def ask(address: str) -> None:
        asked.append(urlopen(address).status)

    from evokd.cli.views.progress import Progress

    original = Progress.__call__

    def listen(self: Progress, event: dict[str, object]) -> None:
        original(self, event)
        if event["event"] == "decided" and not asked:
            ask(f"{self.pages}/api/run/live/overview")

    monkeypatch.setattr(Progress, "__call__", listen)
    arguments = [*("run", str(toy_domain), "--runs-dir", str(tmp_path / "runs"), "--run-id", "live", "--view")]
    quick = ["student.tune=head", "stop.cycles=1", "budget.samples=12", "curriculum.quotas.drafts=12"]
    assert main.run_cli([*arguments, *(word for setting in quick for word in ("--set", setting))]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert asked == [200]
    assert "/run/live while it runs; later: evokd view" in told
