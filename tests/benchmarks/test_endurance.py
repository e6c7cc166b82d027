"""The benchmark of large ledgers, in small: it plants a run, resumes it and tells what grows."""

from pathlib import Path

import pytest

from benchmarks import endurance
from benchmarks.clocks import Time
from benchmarks.growth_tables import NODES, PlantedRuns, print_growth


@pytest.fixture
def found(tmp_path: Path) -> PlantedRuns:
    return endurance._compare(tmp_path, [200, 400], repeats=1)


def test_every_figure_is_measured_on_both_ledgers(found: PlantedRuns, capsys: pytest.CaptureFixture[str]) -> None:
    cycles = {"first cycle after it", "second cycle"}
    nodes = {f"- {node}" for node in (*NODES, "publish")}
    assert set(found.times) == {"show", "resume, up to the first node", *cycles, *nodes}
    assert all(set(times) == {200, 400} for times in found.times.values())
    assert all(len(passed) == 1 and passed[0].wall > 0 for times in found.times.values() for passed in times.values())
    assert found.ledger[400] > found.ledger[200] > 200 * 500
    assert found.dataset[400] > found.dataset[200] > 200 * 100
    assert found.memory[200] > 50 * 2**20
    print_growth(found, {cycle: {node: Time(1.0, cycle / 1000) for node in NODES} for cycle in range(1, 21)})
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| `train`"))
    assert row.split(" | ")[1:4] == ["5.0", "18.0", "3.60"], "medians of cycles 3 to 7 and 16 to 20"


def test_slopes_want_two_cycles(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["endurance", "cycles", "--cycles", "9", "--from-cycle", "9"])
    with pytest.raises(SystemExit) as ended:
        endurance.main()
    assert ended.value.code == 2
    assert "--from-cycle: a slope needs two cycles; give less than 9" in capsys.readouterr().err
