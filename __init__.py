"""EvoKD: distil a large language model into a small model for your own domain, by watching where the small model fails.

Must not know: what any room does; it hands on the public functions of `evokd.api`. Importing it loads none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evokd.api.record import Run as Run
    from evokd.api.record import open_run as open_run
    from evokd.api.runs import Event as Event
    from evokd.api.runs import load_domain as load_domain
    from evokd.api.runs import resume as resume
    from evokd.api.runs import resume_async as resume_async
    from evokd.api.runs import run as run
    from evokd.api.runs import run_async as run_async
    from evokd.api.runs import stream as stream
    from evokd.api.students import Student as Student
    from evokd.api.students import load_student as load_student
    from evokd.graph.build import build_graph as build_graph
    from evokd.messages import EvokdError as EvokdError
    from evokd.messages import InputError as InputError

    __version__: str

_HOMES = {
    "Event": "api.runs",
    "EvokdError": "messages",
    "InputError": "messages",
    "Run": "api.record",
    "Student": "api.students",
    "build_graph": "graph.build",
    "load_domain": "api.runs",
    "load_student": "api.students",
    "open_run": "api.record",
    "resume": "api.runs",
    "resume_async": "api.runs",
    "run": "api.runs",
    "run_async": "api.runs",
    "stream": "api.runs",
}
"""Public name -> the module that has it."""


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("evokd")
    if name in _HOMES:
        return getattr(import_module(f"evokd.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'evokd' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return [*_HOMES, "__version__"]
