"""The benchmark of large ledgers, in small: it plants a run, resumes it and tells what grows."""

from pathlib import Path

import pytest

from benchmarks import endurance


@pytest.fixture
def found(tmp_path: Path) -> dict[str, dict[int, list[endurance._Time]]]:
    return endurance._compare(tmp_path, small=200, large=400, repeats=1)


def test_every_figure_is_measured_on_both_ledgers(found: dict[str, dict[int, list[endurance._Time]]]) -> None:
    nodes = {"analyze", "generate", "label", "curate", "train", "gate", "examine", "decide"}
    cycles = {"first cycle after it", "second cycle"}
    assert set(found) >= {"show", "resume, up to the first node", *cycles, *(f"- {node}" for node in nodes)}
    assert all(set(times) == {200, 400} for times in found.values())
    assert all(len(passed) == 1 and passed[0].wall > 0 for times in found.values() for passed in times.values())


def test_slopes_want_two_cycles(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["endurance", "cycles", "--cycles", "9", "--from-cycle", "9"])
    with pytest.raises(SystemExit) as ended:
        endurance.main()
    assert ended.value.code == 2
    assert "--from-cycle: a slope needs two cycles; give less than 9" in capsys.readouterr().err
