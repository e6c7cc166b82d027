"""The parent's side of a process that trains students: how it is started, how a request is written. Imports no torch.

`student.process.serving` is the child's side and says what goes over the pipes.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

_ENVIRONMENT = {
    # Threads that wait by spinning slow a step down twentyfold as soon as anything else wants a core. But a step has
    # thousands of waits of microseconds, and to wake a thread takes as long, so it sleeps after so many turns: on two
    # idle cores a step takes a quarter less time than with threads that sleep at once, beside a busy program 15 % more.
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "1000",
    # oneDNN keeps code for every shape of batch it has met, 1024 of them by default: a gigabyte, filled over many
    # trainings. Measured: a quarter of them costs no time.
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "256",
    "LRU_CACHE_CAPACITY": "256",
    # cuBLAS computes reproducibly only with this set before it starts.
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}
"""Of the child, where the user has set nothing else."""


def child_command(program: Sequence[str]) -> list[str]:
    """Give the command that runs a program in this Python.

    Args:
        program: what Python runs, such as `-m` and a module, and its arguments.
    """
    return [sys.executable, "-P", *program]


def child_options(log: BinaryIO, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Give the options with which `subprocess` and `asyncio` start a child: pipes, environment, a session of its own.

    In that session Ctrl-C in the terminal does not reach it. It finds modules where the parent does, whatever folder
    the user is in (`-P` keeps that folder out).

    Args:
        log: takes what the child writes to standard error.
        environment: variables that the child has besides those of this process, or instead of them.
    """
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    own = dict(_ENVIRONMENT)
    if "OMP_WAIT_POLICY" in os.environ:
        del own["GOMP_SPINCOUNT"]  # it would win over the policy
    return {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": log,
        "env": {**own, **os.environ, **(environment or {}), "PYTHONPATH": path},
        "start_new_session": True,
    }


def start_child(
    program: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """Start a child that is asked over its pipes.

    Args:
        program: see `child_command`.
        log: file to which what it writes to standard error is added.
        environment: see `child_options`.
    """
    with log.open("ab") as file:
        return subprocess.Popen(child_command(program), **child_options(file, environment))


def close_pipes(child: "subprocess.Popen[bytes]") -> None:
    """Close the pipes of a child that has ended."""
    for pipe in (child.stdin, child.stdout):
        assert pipe is not None
        with suppress(BrokenPipeError):
            pipe.close()


def encode_request(request_id: int | str, call: str, body: Mapping[str, Any]) -> bytes:
    """Write a request as one line."""
    return json.dumps({"id": request_id, "call": call, "body": body}).encode() + b"\n"
