"""Commands on a real Ray cluster of several nodes on this machine, with nodes killed in the middle."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import Table, parquet

from benchmarks.shared_limits import SlowApp, make_teacher
from tests.conftest import ServeApp
from tests.ray_cluster.answers import check_answers, kill_twice, predict_command, write_lines
from tests.ray_cluster.compare import bench_command, kill_one_in_the_middle, measure_bench, run_beside
from tests.ray_cluster.machines import Machines, clean_environment, wait_until
from tests.ray_cluster.students import train_tiny


def test_an_experiment_has_the_figures_of_the_local_one_also_when_a_machine_is_killed(
    cluster: Machines, tmp_path: Path
) -> None:
    here = measure_bench(bench_command(tmp_path / "here", 2, "--cycles", "1"), tmp_path / "here")
    out = tmp_path / "there"
    command = bench_command(out, 2, "--cycles", "1", "--on", "ray", "--ray-address", cluster.address)
    there = measure_bench(command, out, kill_one_in_the_middle(out, cluster))
    assert len(there.record["cells"]) == 4
    assert there.figures() == here.figures()
    assert "Ray: a cluster of 3 machines, 3 cores" in there.told
    assert "went away; once more" in there.told
    assert "raylet" not in there.told
    assert list(out.glob(".shared-*")) == []


def test_runs_on_several_machines_keep_together_to_the_calls_that_one_may_make(
    cluster: Machines, tmp_path: Path, serve_app: ServeApp
) -> None:
    app, out = SlowApp(make_teacher("support_tickets"), latency=0.05, room=9), tmp_path / "out"
    command = bench_command(out, 2, "--cycles", "1", "--on", "ray", "--ray-address", cluster.address)
    command += ["--teacher", "m", "--base-url", f"{serve_app(app)}/v1", "--set", "teacher.concurrency=3"]
    command += ["--set", "curriculum.quotas.lesson=2"]
    done = measure_bench(command, out)
    assert len(done.record["cells"]) == 4
    assert app.counts["most"] == 3, "one run alone may use all"
    assert "cannot be reached" not in done.told


@pytest.fixture(scope="module")
def student(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tiny, tmp_path_factory.mktemp("trained") / "student")


def test_every_row_is_answered_once_after_two_kills(cluster: Machines, student: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "rows.jsonl", tmp_path / "out"
    write_lines(source, 30_000)
    command = predict_command(student, source, out, cluster.address, 1_000)
    _, told = run_beside(command, tmp_path / "log", kill_twice(out, cluster, 30))
    assert check_answers(source, out) == 30_000
    assert "30,000 answers in 30 files" in told
    # and they are the answers that are given here
    here = tmp_path / "here.jsonl"
    local = [sys.executable, "-m", "evokd", "predict", str(student), str(source), "--output", str(here)]
    run_beside(local, tmp_path / "local.log")
    together = b"".join(path.read_bytes() for path in sorted(out.glob("part-*.jsonl")))
    assert together == here.read_bytes()
    # what is there is not answered again, and a file that was removed is
    (out / "part-00007.jsonl").unlink()
    _, told = run_beside(command, tmp_path / "log")
    assert "29 done before, 1 at once" in told
    assert check_answers(source, out) == 30_000


def test_ctrl_c_leaves_whole_files_and_the_same_command_goes_on(
    cluster: Machines, student: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "rows.jsonl", tmp_path / "out"
    write_lines(source, 40_000)
    command = predict_command(student, source, out, cluster.address, 1_000)
    process = subprocess.Popen(command, env=clean_environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    wait_until(lambda: len(list(out.glob("part-*.jsonl"))) >= 2, "no part is there")
    os.kill(process.pid, signal.SIGINT)
    printed, told = process.communicate(timeout=120)
    assert (process.returncode, printed) == (130, b"")
    assert b"of 40 parts are done; go on with the same command" in told
    assert b"Traceback" not in told
    run_beside(command, tmp_path / "log")
    assert check_answers(source, out) == 40_000


def test_parquet_in_parquet_out(cluster: Machines, student: Path, tmp_path: Path) -> None:
    rows = [{"Body": f"cat {number}", "rank": number if number > 15 else None} for number in range(20)]
    table = Table.from_pylist(rows)
    parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=7)
    command = predict_command(student, tmp_path / "rows.parquet", tmp_path / "out", cluster.address, 6)
    run_beside([*command, "--text-column", "Body", "--scores"], tmp_path / "log")
    answered = parquet.read_table(sorted((tmp_path / "out").glob("part-*.parquet")))
    assert answered.select(["Body", "rank"]) == table
    assert None not in answered["predicted_label"].to_pylist()


def test_a_machine_without_the_key_is_told_before_anything_is_trained(cluster: Machines, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = bench_command(out, 1, "--on", "ray", "--ray-address", cluster.address)
    command += ["--teacher", "m", "--base-url", "http://127.0.0.1:9/v1"]
    environment = clean_environment(OPENAI_API_KEY="k")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 2
    assert ": OPENAI_API_KEY is not set there; set it before `ray start` on every machine" in done.stderr
    assert not (out / "runs").exists()


def test_nobody_else_is_let_into_a_cluster_that_was_started_here(tmp_path: Path) -> None:
    """Ray listens on all addresses of the machine."""
    _, told = run_beside([sys.executable, "-m", "tests.ray_cluster.intruder"], tmp_path / "log")
    assert told.splitlines() == ["refused", "1 machines"]
