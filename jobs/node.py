"""What runs on a machine of a cluster: looks whether the machine is fit, then does jobs one after another.

Programs are named, not sent: `module:function`, of the package that is installed there. No code travels.
"""

import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from evokd.messages import EvokdError


@dataclass(frozen=True)
class NodeProgram:
    """What the machines of a cluster are to run."""

    check: str
    """`module:function`, called with the body; raises EvokdError where the machine cannot do the jobs."""
    worker: str
    """`module:function`, called with the body; returns a `NodeWorker`."""
    body: Mapping[str, Any]
    """What both need to know, as JSON."""
    folder: str
    """Where the command was typed: relative paths are meant from there."""


class ProcessDiedError(Exception):
    """The process that did a job died; the machine is well."""


class NodeWorker(Protocol):
    """Does jobs of one kind of work."""

    def do(self, job_id: str, kind: str, body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Do a job: yields `{"event"}` any number of times, then `{"result"}` or `{"error": {"message", "code"}}`.

        Raises:
            ProcessDiedError: see there.
        """


class NodeServer:
    """Holds a worker on a machine; Ray makes an actor of it."""

    def __init__(self, program: NodeProgram) -> None:
        self._program = program
        self._worker: NodeWorker | None = None

    def prepare(self) -> dict[str, Any]:
        """Open the worker: returns `{"ready": true}`, or `{"unfit": why}`."""
        problem = check_node(self._program)
        if problem is None:
            try:
                self._worker = load(self._program.worker)(self._program.body)
            except EvokdError as exc:
                problem = str(exc)
        return {"ready": True} if problem is None else {"unfit": problem}

    def do(self, job_id: str, kind: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Do a job: yields its messages as they come; `{"died": cause}` where its process died."""
        assert self._worker is not None
        try:
            for message in self._worker.do(job_id, kind, body):
                yield {"id": job_id, **message}
        except ProcessDiedError as exc:
            yield {"id": job_id, "died": str(exc)}
        except EvokdError as exc:
            yield {"id": job_id, "error": {"message": str(exc), "code": exc.exit_code}}
        except Exception as exc:  # the border of the machine: else it would count as lost
            traceback.print_exc()
            fault = f"{type(exc).__name__}: {exc}".splitlines()[0]
            yield {"id": job_id, "error": {"message": fault, "code": EvokdError.exit_code}}


def check_node(program: NodeProgram) -> str | None:
    """Look whether this machine can do the jobs: None, or what is wrong with it."""
    folder = Path(program.folder)
    if not folder.is_dir():
        return f"there is no folder {folder}; use a file system that all machines share, or start from another folder"
    _forget(program.folder)
    try:
        os.chdir(folder)
        load(program.check)(program.body)
    except EvokdError as exc:
        return str(exc)
    except OSError as exc:
        return f"{exc.filename or folder}: cannot be read there ({exc.strerror})"
    return None


def _forget(folder: str) -> None:
    """Look for no module in the folder where the command was typed, as Ray does: files of the user's are no modules.

    Where the package itself lies in there, as in a checkout, the folder stays.
    """
    if not (Path(folder) / __package__.split(".")[0]).is_dir():
        sys.path[:] = [entry for entry in sys.path if Path(entry).absolute() != Path(folder)]


def load(name: str) -> Any:
    """Load what `module:function` names."""
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)
