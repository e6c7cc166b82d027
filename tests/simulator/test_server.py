import subprocess
import sys

import pytest

from evokd.messages import InputError
from evokd.simulator.server import serve

# A process of its own: an interrupt can only be tested where it may end the process.
SCRIPT = """
import http.client, os, signal, sys, threading
from urllib.parse import urlsplit
from evokd.messages import InputError
from evokd.simulator.server import serve

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})

def ask(base):
    url = urlsplit(base)
    try:
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=20)
        connection.request("GET", url.path + "/models")
        print("answer", connection.getresponse().read().decode(), flush=True)
        connection.close()
        try:
            serve(app, url.port, print)
        except InputError as exc:
            print("busy", exc, flush=True)
    finally:
        os.kill(os.getpid(), signal.SIGINT)

def announce(base):
    print("announced", base, flush=True)
    threading.Thread(target=ask, args=(base,)).start()

serve(app, 0, announce)
print("ended")
"""


def test_serves_on_a_free_port_refuses_a_busy_one_and_ends_on_interrupt() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    announced, answer, busy, ended = done.stdout.splitlines()
    assert announced.startswith("announced http://127.0.0.1:")
    assert announced.endswith("/v1")
    assert answer == "answer /v1/models"
    assert busy.startswith("busy port ")
    assert "cannot be used" in busy
    assert ended == "ended"
    assert done.stderr == ""


@pytest.mark.parametrize("port", [-1, 65536])
def test_refuses_what_is_no_port(port: int) -> None:
    async def app(*_: object) -> None:
        raise AssertionError("never asked")

    with pytest.raises(InputError, match=f"port {port}"):
        serve(app, port, print)
