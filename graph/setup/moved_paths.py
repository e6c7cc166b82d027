"""Paths of what a run needs (domain, untrained student, recording), and what to do if they have moved."""

import re
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

from evokd.graph.setup.domain import SHIPPED, find_domain
from evokd.graph.setup.run_folder import ResumeError, RunFolder
from evokd.graph.setup.run_settings import Settings
from evokd.student.base import EMBEDDED, fingerprint


def settle(settings: Settings) -> Settings:
    """Write paths in full, so that a run can be resumed from another folder; names of hub models stay."""
    student, rehearsal = settings.student, settings.rehearsal
    base, recording = Path(student.base).expanduser(), rehearsal.recording
    if student.base != EMBEDDED and base.exists():
        student = student.model_copy(update={"base": str(base.absolute())})
    if recording is not None:
        rehearsal = rehearsal.model_copy(update={"recording": str(Path(recording).expanduser().absolute())})
    return settings.model_copy(update={"student": student, "rehearsal": rehearsal})


def digest_base(base: str) -> str | None:
    """The SHA-256 of a base that is a user's folder; None for the embedded one and for hub models."""
    return fingerprint(base) if base != EMBEDDED and Path(base).is_absolute() else None


def find_domain_of(run: RunFolder, record: Mapping[str, Any], named: str | None) -> Path:
    """Find the domain folder of a run.

    Args:
        run: the run.
        record: its `config.yaml`.
        named: where it is now, as the user says; None: where it was.

    Raises:
        InputError: the user names no domain.
        ResumeError: it is not where it was.
    """
    if named is not None:
        return find_domain(named)
    folder = Path(record["domain_folder"])
    if is_domain(folder):
        return folder
    # a shipped domain is elsewhere in another environment or on another machine; its contents are compared later
    *_, above, name = ["", *re.split(r"[\\/]", record["domain_folder"].rstrip("\\/"))]
    if above == SHIPPED.name and name and is_domain(SHIPPED / name):
        return SHIPPED / name
    if is_domain(run.domain_copy):
        return run.domain_copy
    raise ResumeError(
        f"the domain of this run is no longer in {folder}; if it was moved or renamed, resume with:"
        f" evokd resume {run.path} --domain NEW"
    )


def is_domain(folder: Path) -> bool:
    """Whether a folder is there and has a `domain.yaml`."""
    try:
        return (folder / "domain.yaml").is_file()
    except OSError:
        return False


def check_base(run: RunFolder, base: str) -> None:
    """Say how to resume if the untrained student of a run was moved.

    Raises:
        ResumeError: it is not where it was.
    """
    full = Path(base).is_absolute() or PureWindowsPath(base).is_absolute()
    if full and not Path(base).exists():
        raise ResumeError(
            f"the untrained student of this run is no longer in {base}; if it was moved or renamed, resume with:"
            f" evokd resume {run.path} --student NEW"
        )
