"""The server of the live pages: its port, its end, and its place beside other work."""

import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from evokd.messages import InputError
from evokd.messages.loopback import HOST
from evokd.viewer.server import create_app
from evokd.viewer.serving import PORT, open_port, serve_beside
from tests.viewer.conftest import make_library

# A process of its own: an interrupt can only be tested where it may end the process.
SCRIPT = """
import os, signal, sys, threading, time
from pathlib import Path
from urllib.request import urlopen
from evokd.viewer.server import create_app
from evokd.viewer.serving import serve
from tests.viewer.conftest import make_library

def ask(base):
    try:
        print(urlopen(base + "/api/runs").status, flush=True)
        stream = urlopen(base + "/api/run/made/changes")
        stream.readline()
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        began = time.monotonic()
        while stream.readline():
            pass
        print("stream ended", time.monotonic() - began < 4, flush=True)
    except BaseException as exc:
        print(repr(exc), flush=True)
        os.kill(os.getpid(), signal.SIGINT)

def announce(base):
    threading.Thread(target=ask, args=(base,)).start()

serve(create_app(make_library(Path(sys.argv[1]))), 0, announce)
print("ended")
"""


def test_an_interrupt_ends_it_although_a_page_listens(made_run: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(made_run.parent)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == ["200", "ended", "stream ended True"]


def test_it_ends_with_the_work_beside_it(made_run: Path) -> None:
    with serve_beside(create_app(make_library(made_run.parent)), 0) as base:
        assert urlopen(f"{base}/api/runs").status == 200
        stream = urlopen(f"{base}/api/run/made/changes")
        assert stream.readline() == b"retry: 2000\n"
        began = time.monotonic()
    assert time.monotonic() - began < 4
    stream.close()
    with pytest.raises(OSError, match="refused"):
        urlopen(f"{base}/api/runs")


def test_only_this_machine_reaches_it(made_run: Path) -> None:
    with open_port(0) as listener:
        assert listener.getsockname()[0] == HOST == "127.0.0.1"


def test_a_port_that_is_taken_is_refused_and_the_next_one_found() -> None:
    with open_port(None) as first, open_port(None) as second:
        numbers = [listener.getsockname()[1] for listener in (first, second)]
        assert len(set(numbers)) == 2
        assert all(number >= PORT for number in numbers)
        with pytest.raises(InputError, match=f"port {numbers[0]} on 127.0.0.1 cannot be used"):
            open_port(numbers[0])


@pytest.mark.parametrize("port", [-1, 65536])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(InputError, match="between 0"):
        open_port(port)


def test_any_free_port_is_taken_if_all_the_usual_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        monkeypatch.setattr("evokd.viewer.serving.PORT", taken.getsockname()[1])
        monkeypatch.setattr("evokd.viewer.serving._NEXT", 1)
        with open_port(None) as listener:
            assert listener.getsockname()[1] != taken.getsockname()[1]
