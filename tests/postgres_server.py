"""A Postgres server of the tests' own, from the binaries that are installed: in a temporary folder, on a free port."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

USER = "evokd"
PASSWORD = "open sesame/@:"
"""Has what an address must write as %20, %2F and so on."""
_ESCAPED = "open%20sesame%2F%40%3A"


def find_binaries() -> Path | None:
    """The folder of the newest server's binaries; None where there is no server."""
    folders = [Path(found).parent for found in [shutil.which("initdb")] if found]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return next((folder for folder in reversed(folders) if (folder / "initdb").is_file()), None)


class PostgresServer:
    """A server; over TCP it asks for the password, over its socket it trusts everybody.

    Postgres refuses to run as root, so root starts it as the user `postgres` or `nobody`.
    """

    def __init__(self) -> None:
        binaries = find_binaries()
        assert binaries is not None, "no Postgres server is installed"
        self._binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="evokd-postgres-"))
        self._as: dict[str, Any] = {}
        if os.getuid() == 0:
            owner = next(entry for entry in pwd.getpwall() if entry.pw_name in ("postgres", "nobody"))
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self._as = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        self.port = _find_port()
        secret = self.folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        data = str(self.folder / "data")
        auth = ("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}")
        # another order of letters than SQLite's, as many databases have it
        self._run("initdb", "-D", data, "-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", *auth)
        self.start()

    @property
    def url(self) -> str:
        """The address over the socket, where no password is asked for."""
        return f"postgresql://{USER}@/postgres?host={self.folder}&port={self.port}"

    @property
    def tcp(self) -> str:
        """The address over TCP, without the password."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    @property
    def tcp_with_password(self) -> str:
        """The address over TCP, with the password."""
        return f"postgresql://{USER}:{_ESCAPED}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        options += " -c fsync=off -c shared_buffers=32MB -c max_connections=60"
        log = str(self.folder / "log")
        self._run("pg_ctl", "start", "-w", "-D", str(self.folder / "data"), "-l", log, "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        """Stop it; `immediate`: as a crash does, without a word to its clients."""
        self._run("pg_ctl", "stop", "-w", "-D", str(self.folder / "data"), "-m", mode)

    def restart(self, away: float = 0.0, mode: str = "immediate") -> None:
        """Stop it and start it again after so many seconds."""
        self.stop(mode)
        time.sleep(away)
        self.start()

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Ask it directly."""
        import psycopg
        from psycopg.rows import dict_row

        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            found = connection.execute(statement)
            return found.fetchall() if found.description else []

    def close(self) -> None:
        """Stop it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, *command: str) -> None:
        name, *rest = command
        done = subprocess.run(
            [str(self._binaries / name), *rest],
            cwd=self.folder,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if name == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            timeout=120,
            **self._as,
        )
        assert done.returncode == 0, f"{name}: {done.stdout!r}"


def _find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
