"""Experiment: the disk is full in the middle of a run; it says so in one line, and goes on once there is room."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.chaos.judge import find_orphans, judge_calls, stored_calls
from tests.chaos.killer import Launcher, Life
from tests.chaos.kills import run_whole
from tests.chaos.lab import Case, Lab, samples, tell_end
from tests.chaos.remote import Server

NAME = "disk"
TIMES = {True: 2, False: 6}
"""Short or not -> how often the disk is full, per case with a word student."""
SIZE = 600 * 2**20
"""Bytes of the file system."""
_CLEAR = re.compile(r"no space|disk (is )?full|full disk", re.IGNORECASE)


@contextmanager
def small_disk(size: int) -> Iterator[Path]:
    """A file system in memory of so many bytes.

    Raises:
        PermissionError: this user may not mount one.
    """
    place = Path(tempfile.mkdtemp(prefix="evokd-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError as exc:
        place.rmdir()
        raise PermissionError("there is no command `mount`") from exc
    if done.returncode:
        place.rmdir()
        raise PermissionError(done.stderr.strip() or "mount failed")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)
        place.rmdir()


def fill_disk(lab: Lab) -> None:
    """Let the disk be full at random moments of runs."""
    quick, real = lab.cases(quick=True), [] if lab.short else lab.cases(quick=False)[:1]
    try:
        lab.each([*quick, *real], _fill_case)
    except PermissionError as exc:
        lab.note(NAME, "a full disk", f"skipped: a small file system cannot be mounted here ({exc}); run it as root")


def _fill_case(lab: Lab, case: Case) -> None:
    """Fill the disk during runs of one case, with room for a random part of what an undisturbed run writes."""
    launcher, times = lab.launcher(case), TIMES[lab.short] if case.student else 2
    with small_disk(SIZE) as place, lab.serve([case], latency=0.01) as server:
        whole, _ = run_whole(lab, case, server, launcher, f"{case.name}-roomy")
        size = sum(path.stat().st_blocks * 512 for path in whole.folder.rglob("*"))
        # students of earlier cycles lie beside the last one while the run goes on
        need = size if case.student else 2 * size
        chance = lab.chance(NAME, case.name)
        troubles: dict[str, list[str]] = {name: [] for name in _PROMISES}
        full = 0
        for number in range(times):
            tag = f"{case.name}-full{number}"
            room = int(need * chance.uniform(0.08, 0.9))
            shutil.rmtree(place / "runs", ignore_errors=True)
            ballast = _leave(place, room)
            life = launcher(*case.command(server, tag, place / "runs"))
            lab.say(f"{tag}: room for {room:,} of {need:,} bytes: {tell_end(life)[:150]}")
            if life.code == 0:
                ballast.unlink()
                continue
            full += 1
            _judge(tag, life, place / "runs" / tag, troubles)
            ballast.unlink()
            _resume(case, server, launcher, tag, life, place / "runs", samples(whole.folder), troubles)
        lab.note(f"{NAME}: {case.name}", "runs that met a full disk", f"{full} of {times}")
        for name, found in troubles.items():
            lab.note(
                f"{NAME}: {case.name}", name, f"{len(found)} of {full} times not", not found if full else None, found
            )


_LINE = "the run ends with one clear line, no traceback"
_WHOLE = "nothing is half-written"
_RESUMED = "after room was made, resume finishes with the same accepted set"
_PAID = "no reply in the ledger is asked for again"
_PROMISES = (_LINE, _WHOLE, _RESUMED, _PAID)


def _leave(place: Path, room: int) -> Path:
    """Fill a file system up to so many bytes; returns the file that takes the room."""
    ballast = place / "ballast"
    usage = os.statvfs(place)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, usage.f_bavail * usage.f_frsize - room))
    return ballast


def _judge(tag: str, life: Life, folder: Path, troubles: dict[str, list[str]]) -> None:
    one = [line for line in life.err.splitlines() if line.startswith("evokd: ")]
    if len(one) != 1 or not _CLEAR.search(life.last_line) or "Traceback" in life.err + life.out or life.code < 0:
        troubles[_LINE].append(f"{tag}: {tell_end(life)}")
    troubles[_WHOLE] += [f"{tag}: {fault}" for fault in find_halves(folder)]


def find_halves(folder: Path) -> list[str]:
    """Files of a run that are there but not whole."""
    found = []
    for name in ("ledger.db", "checkpoints.db"):
        if (folder / name).is_file():
            with tempfile.TemporaryDirectory() as copy:
                for path in folder.glob(f"{name}*"):
                    shutil.copy(path, copy)
                with closing(sqlite3.connect(Path(copy) / name)) as database:
                    try:
                        told = database.execute("PRAGMA integrity_check").fetchone()[0]
                    except sqlite3.Error as exc:
                        told = str(exc)
            found += [f"{name}: {told}"] if told != "ok" else []
    for path in (folder / "events.jsonl", folder / "dataset" / "train.jsonl", folder / "summary.json"):
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        lines = [text] if path.suffix == ".json" and path.is_file() else text.splitlines()
        found += [f"{path.name}: a line that is not whole: {line[-60:]!r}" for line in lines if not _is_json(line)]
    if folder.is_dir() and not any(path.name == "config.yaml" for path in folder.iterdir()):
        found.append("the folder is there without config.yaml: neither run nor resume can go on with it")
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _resume(
    case: Case,
    server: Server,
    launcher: Launcher,
    tag: str,
    first: Life,
    runs: Path,
    expected: list[dict[str, Any]],
    troubles: dict[str, list[str]],
) -> None:
    folder = runs / tag
    stored = [stored_calls(folder)]
    begun = (folder / "config.yaml").is_file()
    shutil.rmtree(folder, ignore_errors=not begun) if not begun else None
    second = launcher(*(["resume", str(folder)] if begun else case.command(server, tag, runs)))
    if second.code != 0:
        troubles[_RESUMED].append(f"{tag}: {tell_end(second)}")
        return
    if samples(folder) != expected:
        troubles[_RESUMED].append(f"{tag}: another accepted set")
    troubles[_RESUMED] += [f"{tag}: {orphan}" for orphan in find_orphans(folder)]
    calls = judge_calls(server.log(tag), [first, second], [*stored, stored_calls(folder)])
    troubles[_PAID] += [f"{tag}: {line}" for line in calls.stored_again]
