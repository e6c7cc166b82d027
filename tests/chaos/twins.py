"""Experiment: two processes go on with one run; the second is refused, the first one goes on."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.chaos.killer import Launcher, Life
from tests.chaos.kills import run_whole
from tests.chaos.lab import Case, Lab, dataset, tell_end

NAME = "twins"
TRIES = 3


def resume_twice(lab: Lab) -> None:
    """Resume killed runs twice: the second time while the first goes on, and both at once."""
    lab.each(lab.cases(), _resume_case)


def _resume_case(lab: Lab, case: Case) -> None:
    one, two = lab.launcher(case), lab.launcher(case, 2)
    with lab.serve([case], latency=0.3) as server:
        runs = lab.folder / "runs"
        whole, pace = run_whole(lab, case, server, one, f"{case.name}-alone")
        name = f"{NAME}: {case.name}"
        for both in (False, True):
            tag = f"{case.name}-{'both' if both else 'late'}"
            folder = runs / tag
            killed = one(
                *case.command(server, tag, runs), kill_after=pace.start_up + 0.3 * (pace.whole - pace.start_up)
            )
            if not killed.killed or not (folder / "config.yaml").is_file():
                lab.note(name, "the run is killed in its middle", tell_end(killed), False)
                return
            with ThreadPoolExecutor(2) as pool:
                first = pool.submit(one, "resume", str(folder))
                others = [pool.submit(two, "resume", str(folder)).result()] if both else _try_late(two, folder)
                lives = [first.result(), *others]
            same = dataset(folder) == dataset(whole.folder)
            lab.say(f"{tag}: {', '.join(tell_end(life)[:80] for life in lives)}")
            codes = [life.code for life in lives]
            held = [life for life in lives if life.code == 4]
            good = codes.count(0) == 1 and len(held) == len(lives) - 1 and (both or codes[0] == 0)
            told = f"exits {', '.join(str(code) for code in codes)}"
            when = "two resumes at once: one is refused (exit 4)" if both else "a second resume is refused (exit 4)"
            lab.note(name, when, told, good, [tell_end(life) for life in lives])
            lab.note(name, "the other goes on to the same accepted set", "the same" if same else "another", same)
            clear = all(_is_clear(life) for life in held)
            slow = max((life.end - life.start for life in held), default=0.0)
            lab.note(name, "the refusal is one line", f"after {slow:.1f} s at most", clear, [life.err for life in held])


def _is_clear(life: Life) -> bool:
    lines = life.err.strip().splitlines()
    return len(lines) == 1 and lines[0].startswith("evokd: ") and "another process" in lines[0]


def _try_late(launcher: Launcher, folder: Path) -> list[Life]:
    """Resume a run that another process goes on with, as soon as that one has told so."""
    resumed = '"event": "run_resumed"'
    patience = time.monotonic() + 60
    while resumed not in (folder / "events.jsonl").read_text(encoding="utf-8", errors="replace"):
        if time.monotonic() > patience:
            raise TimeoutError(f"{folder}: the first process does not go on")
        time.sleep(0.02)
    return [launcher("resume", str(folder)) for _ in range(TRIES)]
