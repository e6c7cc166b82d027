"""Runs that are kept in a Postgres database: the same results, resumed elsewhere, refused clearly."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("psycopg_pool", reason="needs evokd[postgres]")

import evokd.graph.postgres_checkpoints as postgres_checkpoints
import evokd.tracing.postgres.address as address
import evokd.tracing.postgres.connection as connection
from evokd.cli import main
from evokd.graph.nodes import publish
from evokd.graph.nodes import train as train_node
from evokd.graph.setup.run_folder import RunFolder
from evokd.tracing.events import read_events
from evokd.tracing.postgres import session
from evokd.tracing.postgres.address import parse_address
from evokd.tracing.postgres.session import hold_run
from tests.graph.conftest import KILLED, Evokd, run_quick
from tests.graph.setup.test_resume_check import stop_in_cycle_1
from tests.graph.toy import QUICK, read_rows
from tests.postgres_server import PASSWORD, PostgresServer

Printed = pytest.CaptureFixture[str]


@pytest.fixture
def database(postgres: PostgresServer) -> PostgresServer:
    """A server without runs."""
    for row in postgres.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'evokd%'"):
        postgres.query(f'DROP SCHEMA "{row["nspname"]}" CASCADE')
    postgres.query("DROP SCHEMA IF EXISTS other CASCADE")
    return postgres


def read_results(folder: RunFolder) -> tuple[list[dict[str, object]], set[str]]:
    """The accepted set, and the kinds of files that a finished run has left."""
    return read_rows(folder.dataset), {path.name for path in folder.path.iterdir()} - {"ledger.db", "checkpoints.db"}


@pytest.mark.usefixtures("word_students")
def test_a_run_in_a_database_has_the_results_of_one_in_a_file(
    toy_domain: Path, database: PostgresServer, capsys: Printed
) -> None:
    file = run_quick(toy_domain, run_id="file")
    stored = run_quick(toy_domain, "--store", database.url, run_id="stored")
    rows, files = read_results(stored)
    assert (rows, files - {"store.json"}) == read_results(file)
    assert f"the run is kept in {database.url}, schema evokd_stored" in capsys.readouterr().err
    assert not list(stored.path.glob("*.db"))
    for command in (["show"], ["show", "--cycle", "1"], ["report"]):
        assert main.run_cli([*command, str(stored.path)]) == 0, capsys.readouterr().err
    assert main.run_cli(["runs", "--runs-dir", str(stored.path.parent)]) == 0
    assert capsys.readouterr().out.count("done (cycles)") >= 2
    kept = {row["path"] for row in database.query("SELECT path FROM evokd_stored.files")}
    assert {"config.yaml", "summary.json", "dataset/train.jsonl", "domain/domain.yaml"} <= kept
    assert not any(name.startswith("work/") for name in kept)
    assert main.run_cli(["runs", "--delete", "stored", "--yes", "--runs-dir", str(stored.path.parent)]) == 0
    told = f"deleted {stored.path}; what {database.url}, schema evokd_stored holds of it stays there"
    assert told in capsys.readouterr().err
    assert not stored.path.exists()
    assert main.run_cli(["resume", "stored", "--store", database.url, "--runs-dir", str(stored.path.parent)]) == 0
    assert read_results(stored) == (rows, files - {"report.html"})


@pytest.mark.usefixtures("word_students")
def test_the_runs_of_a_database_are_listed_and_deleted_from_any_machine(
    toy_domain: Path, database: PostgresServer, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    long_name = "a-run-with-a-name-" + "x" * 70
    stopped = stop_in_cycle_1(toy_domain, monkeypatch, capsys, "--store", database.url)
    done = run_quick(toy_domain, "--store", database.url, run_id=long_name)
    for folder in (stopped, done):
        shutil.rmtree(folder.path)
    database.query("CREATE SCHEMA other; CREATE TABLE other.run_owner (slot int)")
    monkeypatch.setenv("EVOKD_STORE", database.url)
    with hold_run(parse_address(database.url, stopped.run_id)):
        assert main.run_cli(["runs", "--store", "env", "--json"]) == 0, capsys.readouterr().err
        running, other = (json.loads(line) for line in capsys.readouterr().out.splitlines())
        assert main.run_cli(["runs", "--delete", stopped.run_id, "--yes", "--store", "env"]) == 2
    refusal = capsys.readouterr().err
    assert f"{stopped.run_id}: evokd {os.getpid()} on " in refusal
    assert "is working on this run; stop it first" in refusal.replace("\n", " ")
    assert (running["run_id"], running["status"]) == (stopped.run_id, "running")
    assert running["holder"].startswith(f"evokd {os.getpid()} on ")
    assert (other["run_id"], other["state"], other["holder"]) == (long_name, "done (cycles)", None)
    assert other["samples"] > 0
    assert len(other["gate_scores"]) == 3

    assert main.run_cli(["runs", "--delete", stopped.run_id, "--yes", "--store", database.url]) == 0
    assert main.run_cli(["runs", "--store", database.url]) == 0
    printed = capsys.readouterr()
    assert f"deleted {stopped.run_id} from {database.url}" in printed.err.replace("\n", "")
    assert "done" in printed.out
    assert "interrupted" not in printed.out
    assert main.run_cli(["runs", "--delete", stopped.run_id, "--yes", "--store", database.url]) == 2
    assert f"no run {stopped.run_id!r} in {database.url}" in capsys.readouterr().err.replace("\n", " ")
    monkeypatch.delenv("EVOKD_STORE")
    assert main.run_cli(["runs", "--store", "env"]) == 2
    assert "EVOKD_STORE is not set" in capsys.readouterr().err


@pytest.mark.usefixtures("word_students")
def test_a_stopped_run_goes_on_where_there_is_neither_its_folder_nor_its_domain(
    toy_domain: Path, database: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    whole = run_quick(toy_domain, run_id="whole")
    folder = stop_in_cycle_1(toy_domain, monkeypatch, capsys, "--store", database.tcp_with_password)
    shutil.rmtree(folder.path)
    shutil.rmtree(toy_domain)
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("EVOKD_STORE", database.tcp_with_password)
    assert main.run_cli(["resume", folder.run_id, "--runs-dir", str(elsewhere)]) == 0, capsys.readouterr().err
    told = capsys.readouterr()
    there = RunFolder(elsewhere / folder.run_id)
    assert read_rows(there.dataset) == read_rows(whole.dataset)
    assert there.domain_copy.is_dir()
    written = [path for path in elsewhere.rglob("*") if path.is_file()]
    assert [path for path in written if PASSWORD.split()[1].encode() in path.read_bytes()] == []
    assert "sesame" not in told.err + told.out
    assert main.run_cli(["resume", folder.run_id, "--runs-dir", str(elsewhere)]) == 0
    assert "has ended already" in capsys.readouterr().err


def test_a_killed_run_goes_on_and_the_other_machine_is_told_who_works_on_it(
    evokd: Evokd, toy_domain: Path, database: PostgresServer, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    options = [*QUICK, "--runs-dir", str(runs), "--run-id", "one", "--store", database.url]
    code, printed = evokd("run", str(toy_domain), *options, event="node_finished", node="curate", count=1)
    assert code == KILLED, printed
    there = ["resume", "one", "--store", database.url, "--runs-dir", str(tmp_path / "there")]
    code, printed = evokd(*there, event="node_started", node="gate", count=1)
    assert code == KILLED, printed
    code, printed = evokd("resume", str(runs / "one"))
    assert code == 0, printed
    calls = database.query("SELECT key FROM evokd_one.calls WHERE status = 'ok' GROUP BY key HAVING count(*) > 1")
    assert calls == []
    assert len(read_rows(runs / "one" / "dataset" / "train.jsonl")) > 3


_FILL = """
CREATE FUNCTION evokd_full.refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$;
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'evokd_full' LOOP
    EXECUTE format(
      'CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON evokd_full.%I EXECUTE FUNCTION evokd_full.refuse()', name);
  END LOOP;
END $$"""


@pytest.mark.usefixtures("word_students")
def test_a_run_whose_server_is_full_after_its_summary_is_completed_by_a_resume(
    toy_domain: Path, database: PostgresServer, monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    write_summary = publish.write_summary

    def fill(path: Path, summary: Any) -> None:
        write_summary(path, summary)
        database.query(_FILL)

    with monkeypatch.context() as patched:
        patched.setattr(publish, "write_summary", fill)
        runs = ["--runs-dir", str(toy_domain.parent / "runs")]
        code = main.run_cli(["run", str(toy_domain), *QUICK, *runs, "--run-id", "full", "--store", database.url])
    folder = RunFolder(toy_domain.parent / "runs" / "full")
    told = capsys.readouterr().err.splitlines()[-1]
    assert code == 1
    assert "No space left on device; make room on the server's disk; what was stored is safe" in told
    assert told.endswith(f"the results are written; complete the record with: evokd resume {folder.path}")
    assert main.run_cli(["runs", "--store", database.url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "killed"
    assert main.run_cli(["resume", str(folder.path)]) == 1, "there is no room yet"
    assert "make room on the server's disk" in capsys.readouterr().err
    database.query("DROP FUNCTION evokd_full.refuse() CASCADE")
    assert main.run_cli(["resume", str(folder.path)]) == 0, capsys.readouterr().err
    assert [event["event"] for event in read_events(folder.events)].count("finished") == 1
    capsys.readouterr()
    assert main.run_cli(["runs", "--store", database.url, "--json"]) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["status"], row["state"]) == ("done", "done (cycles)")
    shutil.rmtree(folder.path)
    assert main.run_cli(["resume", "full", "--store", database.url, *runs]) == 0
    assert read_events(folder.events)[-1]["event"] == "finished"


REFUSED: dict[str, tuple[Callable[[PostgresServer], str], str]] = {
    "no address": (lambda base: "sqlite:///x", "--store: must begin with postgresql://"),
    "no server": (lambda base: "postgresql://me@127.0.0.1:1/x", "check the address, and that the server runs"),
    "no password": (lambda base: base.tcp, "set the password in PGPASSWORD"),
    "wrong password": (lambda base: base.tcp.replace("evokd@", "evokd:hush@"), "set the password in PGPASSWORD"),
    "no database": (lambda base: base.url.replace("/postgres?", "/gone?"), "createdb NAME"),
    "no right": (lambda base: base.url.replace("evokd@", "guest@"), "GRANT CREATE ON DATABASE postgres TO guest"),
}


@pytest.mark.usefixtures("word_students")
@pytest.mark.parametrize(("make", "told"), REFUSED.values(), ids=REFUSED)
def test_what_the_database_refuses_is_one_line_before_anything_is_written(
    make: Callable[[PostgresServer], str],
    told: str,
    toy_domain: Path,
    database: PostgresServer,
    tmp_path: Path,
    capsys: Printed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setattr(address, "_KNOWN", {})
    if not database.query("SELECT 1 FROM pg_roles WHERE rolname = 'guest'"):
        database.query("CREATE ROLE guest LOGIN")
    runs = tmp_path / "runs"
    code = main.run_cli(
        ["run", str(toy_domain), *QUICK, "--runs-dir", str(runs), "--run-id", "one", "--store", make(database)]
    )
    error = capsys.readouterr().err
    assert code == 2, error
    assert told in error
    assert error.startswith("evokd: ")
    assert error.count("\n") == 1
    assert "hush" not in error
    assert not (runs / "one").exists()


@pytest.mark.usefixtures("word_students")
def test_names_that_are_taken_or_unknown_are_told(
    toy_domain: Path, database: PostgresServer, tmp_path: Path, capsys: Printed
) -> None:
    run_quick(toy_domain, "--cycles", "1", "--store", database.url)
    run_quick(toy_domain, "--cycles", "1", run_id="file")
    capsys.readouterr()
    runs = str(tmp_path / "there")
    store = ["--store", database.url, "--runs-dir"]
    for command, told in (
        (["run", str(toy_domain), *QUICK, *store, runs, "--run-id", "one"], "already exists in postgresql://"),
        (["resume", "onee", *store, runs], "(did you mean 'one'?); runs there: one"),
        (["run", str(toy_domain), *QUICK, *store, runs, "--run-id", "../x"], "use letters, digits"),
    ):
        assert main.run_cli(command) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1
    assert not Path(runs, "onee").exists()
    session.make_schema(parse_address(database.url, "early"))
    assert main.run_cli(["resume", "early", *store, runs]) == 2
    told = "the run 'early' there was stopped before it began; start it again under this name, or delete it: evokd runs"
    assert told in capsys.readouterr().err
    database.query("DROP SCHEMA evokd_one CASCADE")
    (tmp_path / "runs" / "one" / "summary.json").unlink()
    assert main.run_cli(["resume", str(tmp_path / "runs" / "one")]) == 2
    assert "holds no run 'one' (any more)" in capsys.readouterr().err
    assert main.run_cli(["resume", "file", *store, str(tmp_path / "runs")]) == 2
    assert "no run 'file' in postgresql://" in capsys.readouterr().err


@pytest.mark.usefixtures("word_students")
def test_a_run_whose_tables_are_damaged_is_told(
    toy_domain: Path, database: PostgresServer, tmp_path: Path, capsys: Printed
) -> None:
    run_quick(toy_domain, "--cycles", "1", "--store", database.url)
    database.query("DROP TABLE evokd_one.files")
    there = str(tmp_path / "there")
    for command in (["runs", "--store", database.url], ["resume", "one", "--store", database.url, "--runs-dir", there]):
        capsys.readouterr()
        assert main.run_cli(command) == 2
        error = " ".join(capsys.readouterr().err.split())
        assert "the run 'one' there is damaged (relation \"files\" does not exist); restore the database, or" in error
    assert main.run_cli(["runs", "--delete", "one", "--yes", "--store", database.url]) == 0


@pytest.mark.usefixtures("word_students")
def test_a_folder_takes_a_new_address_of_its_run_and_no_other_run(
    toy_domain: Path, database: PostgresServer, capsys: Printed
) -> None:
    folder = run_quick(toy_domain, "--cycles", "1", "--store", database.tcp_with_password)
    command = ["resume", "one", "--runs-dir", str(folder.path.parent), "--store", database.url]
    config = folder.config.read_bytes()
    folder.config.write_bytes(config + b"# of another run\n")
    assert main.run_cli(command) == 2
    assert f"holds a run of this name from {database.tcp}; choose another folder" in capsys.readouterr().err
    folder.config.write_bytes(config)
    assert main.run_cli(command) == 0, capsys.readouterr().err
    assert address.read_pointer(folder.ledger).url == database.url


@pytest.mark.usefixtures("word_students")
def test_a_server_that_stays_away_stops_the_run_and_says_how_to_go_on(
    toy_domain: Path, database: PostgresServer, tmp_path: Path, capsys: Printed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.5)
    monkeypatch.setattr(connection, "HURRY", 0.1)
    monkeypatch.setattr(postgres_checkpoints, "_WAIT", 0.5)
    hurries: list[bool] = []

    def choose_patience(in_hurry: bool) -> float:
        hurries.append(in_hurry)
        return connection.choose_patience(in_hurry)

    monkeypatch.setattr(postgres_checkpoints, "choose_patience", choose_patience)
    train = train_node.run_training

    async def train_without_server(*args: object) -> object:
        if args[1] == 1:
            database.stop()
            hurries.clear()
        return await train(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(train_node, "run_training", train_without_server)
    runs = tmp_path / "runs"
    options = [*QUICK, "--runs-dir", str(runs), "--run-id", "one", "--store", database.url]
    code = main.run_cli(["run", str(toy_domain), *options])
    last = capsys.readouterr().err.splitlines()[-1]
    try:
        assert code == 1
        assert True in hurries, "the checkpoints do not wait as long again for a server that the ledger has given up"
        assert "has not answered for" in last
        assert f"go on with: evokd resume {runs / 'one'}" in last
        assert main.run_cli(["resume", str(runs / "one")]) == 2
        assert "check the address, and that the server runs" in capsys.readouterr().err
        assert main.run_cli(["show", str(runs / "one")]) == 2
    finally:
        database.start()
    monkeypatch.setattr(train_node, "run_training", train)
    assert main.run_cli(["resume", str(runs / "one")]) == 0, capsys.readouterr().err
