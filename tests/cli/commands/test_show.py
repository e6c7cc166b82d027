"""`evokd show` on runs of the user and on the shipped example."""

import shutil
from pathlib import Path

import pytest

from evokd.cli import main


@pytest.mark.parametrize("option", [[], ["--cycle", "1"], ["--weakness", "c001-w1"], ["--sample", "c001-l01-d01"]])
def test_show_tells_of_a_finished_run(option: list[str], done_runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main.run_cli(["show", "done", "--runs-dir", str(done_runs), *option]) == 0
    out = capsys.readouterr().out
    assert "rehearsal" in out or option
    assert all(word in out for word in option[1:])


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
