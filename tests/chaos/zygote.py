"""A process with everything loaded that forks commands of evokd with a student that counts words.

    python -m tests.chaos.zygote        requests as JSON lines on standard input

Once everything is loaded it says `{"pid": 0}`. `{"args": [...], "student": NAME, "out": FILE, "err": FILE}` starts a
command and is answered with `{"pid": n}`; `{"wait": n}` is answered with `{"code": c}` once it has ended, negative for
a signal. One command at a time.
"""

import importlib
import json
import os
import sys
import traceback
from contextlib import suppress
from typing import Any

from tests.kill_at import run_killed


def main() -> None:
    """Serve until standard input closes."""
    for name in ("langchain_openai", "langgraph.checkpoint.sqlite.aio", "sklearn.metrics"):
        importlib.import_module(name)
    with suppress(ImportError):
        importlib.import_module("langgraph.checkpoint.postgres.aio")
    _tell({"pid": 0})
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            _tell({"code": os.waitstatus_to_exitcode(status)})
            continue
        child = os.fork()
        if not child:
            _become(request)
        _tell({"pid": child})


def _tell(answer: dict[str, int]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _become(request: dict[str, Any]) -> None:
    code = 70
    try:
        os.setsid()
        os.environ.update(request.get("env", {}))
        files = [os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644) for name in ("out", "err")]
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(files[0], 1)
        os.dup2(files[1], 2)
        code = run_killed(request)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
