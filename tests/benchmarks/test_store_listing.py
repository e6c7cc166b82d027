"""The benchmark of the list of a database's runs: both ways list the same runs, one of them over one connection."""

from pathlib import Path

import pytest

pytest.importorskip("psycopg_pool", reason="needs evokd[postgres]")

import psycopg

from benchmarks.store_listing import WAYS, Listing, main, tabulate
from tests.postgres_server import PostgresServer, find_binaries
from tests.stored_runs import make_stored_run


def test_the_ratio_is_that_of_the_fastest_lists() -> None:
    table = tabulate([Listing("apart", (4.0, 9.0)), Listing("together", (3.0, 1.0))])
    assert table[0].split() == ["apart", "4.00", "s", "(slowest", "9.00", "s)"]
    assert table[-1] == "ratio 4.0"


def test_one_way_opens_one_connection_and_the_other_some_for_each_run(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("listed-1", "listed-2")
    places = [make_stored_run(postgres.url, name, tmp_path / name) for name in names]
    opened: list[str] = []
    connect = psycopg.connect

    def note(*args: object, **options: object) -> object:
        opened.append(str(options.get("application_name")))
        return connect(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(psycopg, "connect", note)
    counts = []
    for list_runs in WAYS.values():
        opened.clear()
        counts.append((list_runs(postgres.url), len(opened)))
    for place in places:
        postgres.query(f'DROP SCHEMA "{place.schema}" CASCADE')
    (runs, apart), together = counts
    assert together == (runs, 1)
    assert apart > runs >= len(names)


@pytest.mark.skipif(find_binaries() is None, reason="no Postgres server is installed: make postgres")
def test_it_measures_on_a_server_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--runs", "2", "--repeats", "1", "--socket"])
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "2 runs over the socket, 1 lists each way"
    assert [line.split("  ")[0] for line in told[1:3]] == ["connections for each run", "one connection"]
    assert told[3].startswith("ratio ")
