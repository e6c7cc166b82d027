"""Write a domain folder: it appears whole, and checked, or not at all."""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from evokd.intake.domain_text import domain_text
from evokd.intake.new_domain import NewDomain
from evokd.messages import EvokdError, InputError
from evokd.messages.files import write_atomically
from evokd.student.data import write_jsonl
from evokd.student.tasks.base import LabeledExample

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def check_target(folder: Path) -> None:
    """Refuse a folder that cannot be made.

    Raises:
        InputError: its name is unusable, there is something of that name, or nowhere to put it.
    """
    name = folder.name
    if not _NAME.fullmatch(name):
        usable = re.sub(r"[^A-Za-z0-9_.-]+", "_", name.strip()).strip("._-") or "my_domain"
        mend = f"use the letters a to z, digits, '-', '_' and '.', such as {usable}"
        raise InputError(f"{name!r} cannot be the name of a domain; {mend}")
    if os.path.lexists(folder):
        raise InputError(f"{folder}: is there already, and nothing is overwritten; give another name or remove it")
    if not folder.parent.is_dir():
        raise InputError(f"{folder.parent}: no such folder to put {name} into; make it first")
    if not os.access(folder.parent, os.W_OK):
        raise InputError(f"{folder.parent}: nothing can be written there; check its permissions or name another place")


def write_folder(domain: NewDomain, check: Callable[[Path], Any]) -> list[str]:
    """Write the folder beside its place, check it, and move it there.

    Args:
        domain: what is written.
        check: reads the folder as a run would; an error leaves nothing behind.

    Returns:
        Names of the files.

    Raises:
        InputError: the check refuses it, or the folder has appeared meanwhile.
        EvokdError: it cannot be written.
    """
    check_target(domain.folder)
    try:
        part = Path(tempfile.mkdtemp(prefix=f".{domain.name}.", dir=domain.folder.parent))
    except OSError as exc:
        raise EvokdError(f"{domain.folder}: cannot be written ({exc.strerror})") from exc
    try:
        _write_files(domain, part)
        check(part)
        part.chmod(0o777 & ~_umask())
        check_target(domain.folder)
        part.rename(domain.folder)
    except InputError as exc:
        raise InputError(str(exc).replace(str(part), str(domain.folder))) from exc
    except OSError as exc:
        raise EvokdError(f"{domain.folder}: cannot be written ({exc.strerror})") from exc
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return sorted(path.name for path in domain.folder.iterdir())


def _write_files(domain: NewDomain, folder: Path) -> None:
    write_atomically(folder / "domain.yaml", domain_text(domain))
    for name, rows in (("seeds", domain.seeds), ("validation", domain.validation), ("test", domain.test)):
        if rows:
            write_jsonl(folder / f"{name}.jsonl", _write_rows(domain, rows))
    if domain.pool:
        write_jsonl(folder / "pool.jsonl", ({"text": text} for text in domain.pool))


def _write_rows(domain: NewDomain, rows: Iterable[LabeledExample]) -> Iterable[dict[str, Any]]:
    """Write rows as the reader reads them; the note, which it passes over, says where a row comes from."""
    for row in rows:
        place = {"note": f"{domain.origin}, {domain.unit} {row.line}"} if domain.origin and row.line else {}
        yield {**domain.codec.write_row(row.text, row.gold), **place}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
