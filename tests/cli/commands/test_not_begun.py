"""A run of which there is a configuration alone is refused alike by what reads its record."""

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import check_refusal


@pytest.mark.parametrize(
    "command",
    [["report"], ["review"], ["show"], ["prompts", "versions"], ["send", "--trace", "http://127.0.0.1:9/v1/traces"]],
    ids=lambda command: command[0],
)
def test_a_run_that_has_not_begun_is_bad_input(
    command: list[str], done_runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one").mkdir()
    shutil.copy(done_runs / "done" / "config.yaml", tmp_path / "one")
    told = [str(tmp_path / "one")] if command[0] == "send" else [f"evokd resume {tmp_path / 'one'}"]
    check_refusal([*command, str(tmp_path / "one"), "--runs-dir", str(tmp_path)], told, capsys)
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["config.yaml"]
