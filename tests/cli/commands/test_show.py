"""`evokd show` on runs of the user and on the shipped example."""

import json
import shutil
from pathlib import Path

import pytest
from rich.cells import cell_len

from evokd import api
from evokd.cli import main
from evokd.messages import FeedbackPacket
from tests.cli.conftest import check_refusal

OPTIONS = {
    "run": [],
    "cycle": ["--cycle", "1"],
    "weakness": ["--weakness", "c001-w1"],
    "sample": ["--sample", "c001-l01-d01"],
    "call": ["--call", "c001-analyst-1"],
    "case": ["--cycle", "1", "--case", "v1"],
}


@pytest.fixture
def options(request: pytest.FixtureRequest, done_runs: Path) -> list[str]:
    """Options of `show` for a page, with ids that the run has."""
    chosen = list(OPTIONS[request.param])
    run = api.open_run("done", done_runs)
    if request.param == "call":
        chosen[-1] = run.calls(1)[0].id
    elif request.param == "case":
        with run.ledger() as ledger:
            packet = ledger.message("c001", FeedbackPacket)
        assert packet is not None
        chosen[-1] = packet.cases[0].id
    return chosen


@pytest.mark.parametrize("options", OPTIONS, indirect=True)
def test_show_tells_of_a_finished_run(
    options: list[str], done_runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in ("", "40", "80"):
        monkeypatch.setenv("COLUMNS", width)
        capsys.readouterr()
        assert main.run_cli(["show", "done", "--runs-dir", str(done_runs), *options]) == 0
        out = capsys.readouterr().out
        assert "rehearsal" in out or options
        assert all(word in out for word in options[1::2])
        assert "\x1b" not in out, "what goes into a pipe is plain"
        if "--call" not in options:
            assert max(cell_len(line.rstrip()) for line in out.splitlines()) <= int(width or 160)


@pytest.mark.parametrize("options", OPTIONS, indirect=True)
def test_show_gives_one_json_object(
    options: list[str], done_runs: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    capsys.readouterr()
    assert main.run_cli(["show", "done", "--runs-dir", str(done_runs), *options, "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    content = json.loads(line)
    page = request.node.callspec.params["options"]
    assert KEYS[page] <= content.keys()


KEYS = {
    "run": {"run_id", "state", "summary", "overview", "agents", "nodes", "slowest_node", "cycles", "weaknesses"},
    "cycle": {"messages", "lessons", "calls", "agents", "nodes", "slowest_node"},
    "weakness": {"id", "state", "cases", "samples"},
    "sample": {"sample", "weakness", "calls"},
    "call": {"request", "raw", "faults", "prompt", "seconds", "cost_usd"},
    "case": {"case", "weaknesses", "samples", "answers"},
}

REFUSED = {
    "case_alone": (["--case", "v1"], "ids of cases begin anew in every cycle; add --cycle N"),
    "two": (["--cycle", "1", "--sample", "x"], "use one of them"),
    "case_and_call": (["--cycle", "1", "--case", "v1", "--call", "x"], "use one of them"),
    "call": (["--call", "x"], "--call 'x': not in this run"),
    "case": (["--cycle", "1", "--case", "x9"], "--case 'x9': not in cycle 1"),
    "cycle": (["--cycle", "9", "--json"], "--cycle 9: the run has cycles 0 to 2"),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_there_is_one_line(
    arguments: list[str], message: str, done_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_refusal(["show", "done", "--runs-dir", str(done_runs), *arguments], [message], capsys)


def test_the_shipped_example_is_shown_where_it_lies_unless_a_run_has_its_name(
    done_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = shutil.copytree(done_runs / "done", tmp_path / "shipped")
    before = sorted(path.name for path in shipped.iterdir())
    monkeypatch.setattr("evokd.graph.setup.run_folder.SHIPPED_EXAMPLE", shipped)
    capsys.readouterr()
    assert main.run_cli(["show", "example", "--runs-dir", str(tmp_path / "none")]) == 0
    assert "domain toy" in capsys.readouterr().out
    assert sorted(path.name for path in shipped.iterdir()) == before, "nothing is written beside it"
    assert main.run_cli(["resume", "example", "--runs-dir", str(tmp_path / "none")]) == 2
    own = tmp_path / "runs" / "example"
    shutil.copytree(done_runs / "done", own)
    text = (own / "summary.json").read_text(encoding="utf-8")
    (own / "summary.json").write_text(text.replace('"domain": "toy"', '"domain": "mine"'), encoding="utf-8")
    capsys.readouterr()
    assert main.run_cli(["show", "example", "--runs-dir", str(tmp_path / "runs")]) == 0
    assert "domain mine" in capsys.readouterr().out
