"""EvoKD: distil a large language model into a small model for your own domain, by watching where the small model fails.

Must not know: what any room does; it hands on the public functions of `evokd.api`. Importing it loads none of them.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evokd.api import Event as Event
    from evokd.api import EvokdError as EvokdError
    from evokd.api import Export as Export
    from evokd.api import InputError as InputError
    from evokd.api import Report as Report
    from evokd.api import Run as Run
    from evokd.api import Student as Student
    from evokd.api import build_graph as build_graph
    from evokd.api import check as check
    from evokd.api import export as export
    from evokd.api import exporting as exporting
    from evokd.api import init_domain as init_domain
    from evokd.api import load_domain as load_domain
    from evokd.api import load_student as load_student
    from evokd.api import open_review as open_review
    from evokd.api import open_run as open_run
    from evokd.api import report as report
    from evokd.api import resume as resume
    from evokd.api import resume_async as resume_async
    from evokd.api import run as run
    from evokd.api import run_async as run_async
    from evokd.api import send_run as send_run
    from evokd.api import stream as stream
    from evokd.api import view as view

    __version__: str

PUBLIC = (
    "Event",
    "EvokdError",
    "Export",
    "InputError",
    "Report",
    "Run",
    "Student",
    "build_graph",
    "check",
    "send_run",
    "export",
    "exporting",
    "init_domain",
    "load_domain",
    "load_student",
    "open_review",
    "open_run",
    "report",
    "resume",
    "resume_async",
    "run",
    "run_async",
    "stream",
    "view",
)
"""Names that are handed on."""


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        return version("evokd")
    if name in PUBLIC:
        from evokd import api

        return getattr(api, name)
    raise AttributeError(f"module 'evokd' has no attribute {name!r}")


def __dir__() -> list[str]:
    """The public names."""
    return [*PUBLIC, "__version__"]
