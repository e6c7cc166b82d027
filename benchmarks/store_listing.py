"""Time the list of a database's runs (`evokd runs --store`): over one connection, and with connections for each run.

    python -m benchmarks.store_listing [--runs 50] [--repeats 5] [--socket]

It starts a Postgres server of its own in a temporary folder, which needs the server's binaries (`make postgres-server`)
and the extra `postgres`, and puts runs into it that have begun, each in a schema of its own. The two ways take turns;
the fastest of the repeats is shown, and the slowest: whatever else runs makes a list slower.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from evokd import api


@dataclass(frozen=True)
class Listing:
    """Seconds of one way, over all repeats."""

    way: str
    seconds: tuple[float, ...]

    def tell(self) -> str:
        """Write it as a row of a table."""
        return f"{self.way:<24} {min(self.seconds):7.2f} s   (slowest {max(self.seconds):.2f} s)"


def list_together(store: str) -> int:
    """List the runs as the command does; returns how many there are."""
    return len(api.list_stored_runs(store)[0])


def list_apart(store: str) -> int:
    """List the runs where each one is looked at over connections of its own."""
    with patch("evokd.api.run_list.read_together", lambda _: nullcontext()):
        return list_together(store)


WAYS: dict[str, Callable[[str], int]] = {"connections for each run": list_apart, "one connection": list_together}


def measure(store: str, runs: int, repeats: int) -> list[Listing]:
    """Time each way, in turns.

    Args:
        store: address of the database.
        runs: how many runs it holds, no others.
        repeats: lists per way.
    """
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(repeats):
        for way, list_runs in WAYS.items():
            began = time.perf_counter()
            found = list_runs(store)
            seconds[way].append(time.perf_counter() - began)
            if found != runs:
                raise SystemExit(f"{found} of {runs} runs were listed")
    return [Listing(way, tuple(times)) for way, times in seconds.items()]


def tabulate(listings: Sequence[Listing]) -> list[str]:
    """Write the ways below each other, and how many times as long as the last one the first takes."""
    first, last = (min(listing.seconds) for listing in (listings[0], listings[-1]))
    return [*(listing.tell() for listing in listings), f"ratio {first / last:.1f}"]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Time the list of a database's runs.")
    parser.add_argument("--runs", type=int, default=50, help="runs in the database")
    parser.add_argument("--repeats", type=int, default=5, help="lists per way")
    parser.add_argument("--socket", action="store_true", help="over the server's socket, not over TCP with a password")
    given = parser.parse_args(arguments)

    from tests.postgres_server import PostgresServer, find_binaries
    from tests.stored_runs import make_stored_run

    if find_binaries() is None:
        raise SystemExit("no Postgres server is installed: make postgres-server")
    server = PostgresServer()
    try:
        store = server.url if given.socket else server.tcp_with_password
        with tempfile.TemporaryDirectory() as base:
            for number in range(given.runs):
                name = f"run-{number:03}"
                make_stored_run(store, name, Path(base, name))
        print(f"{given.runs} runs over {'the socket' if given.socket else 'TCP'}, {given.repeats} lists each way")
        print("\n".join(tabulate(measure(store, given.runs, given.repeats))))
    finally:
        server.close()


if __name__ == "__main__":
    main()
