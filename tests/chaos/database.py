"""Experiment: runs in a Postgres database. Their processes are killed and go on in other folders, as on other machines;
the server is killed while they work; and two processes go on with one run at the same time."""

import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from tests.chaos.judge import GRACE, judge_calls, measure_lag
from tests.chaos.killer import Launcher, Life
from tests.chaos.kills import (
    LATENCY,
    PATIENCE,
    Pace,
    Story,
    note_ends,
    note_orphans,
    note_repeats,
    note_sets,
    run_whole,
)
from tests.chaos.lab import Case, Lab, dataset, tell_end
from tests.chaos.remote import Server
from tests.postgres_server import PASSWORD, PostgresServer, find_binaries

NAME = "postgres"
KILLS = 20
SERVER_KILLS = 3
PER_RUN = (3, 7)
AWAY = (0.2, 2.5)
"""Seconds that the database server is away after it was killed, from and to."""
_ENV = {"PGPASSWORD": PASSWORD}


def kill_both(lab: Lab) -> None:
    """Kill processes and server, and judge what came of the runs."""
    if find_binaries() is None:
        lab.note(NAME, "a Postgres server is installed", "none, so nothing was tried")
        return
    case = lab.cases(quick=True)[0]
    lab.launcher(case, 2)  # loads everything while the first one works
    base = PostgresServer()
    try:
        with patch.dict(os.environ, _ENV), lab.serve([case], latency=LATENCY[True], spread=0.8) as server:
            _judge(lab, case, base, server)
    finally:
        base.close()


def _judge(lab: Lab, case: Case, base: PostgresServer, server: Server) -> None:
    launcher = lab.launcher(case)
    alone, _ = run_whole(lab, case, server, launcher, f"{NAME}-file")
    whole, pace = _run_undisturbed(lab, case, base, server, launcher)
    lab.say(f"{NAME}: in its folder alone {_seconds(alone):.1f} s, in a database {_seconds(whole):.1f} s")
    same = dataset(whole.folder) == dataset(alone.folder)
    lab.note(NAME, "a run in a database has the accepted set of one in a file", "the same" if same else "another", same)
    chance = lab.chance(NAME, case.name)
    killed: list[Story] = []
    while (left := KILLS - sum(story.kills for story in killed)) > 0 and len(killed) <= KILLS:
        story = _run_killed(lab, case, base, server, min(left, chance.randint(*PER_RUN)), pace, chance)
        killed.append(story)
        lab.say(f"{story.tag}: killed at {', '.join(story.places) or 'no time'}; {tell_end(story.lives[-1])[:100]}")
    shaken = [_run_shaken(lab, case, base, server, number, pace, chance) for number in range(SERVER_KILLS)]
    grace = max(GRACE, 2 * measure_lag(whole.folder, server.log(whole.tag)))
    for story in (whole, *killed, *shaken):
        story.calls = judge_calls(server.log(story.tag), story.lives, story.stored, grace)
    _note_stories(lab, killed, alone, f"{sum(story.kills for story in killed)} kills, each time in another folder")
    _note_stories(lab, shaken, alone, f"{len(shaken)} kills of the server")
    _note_twins(lab, case, base, server, alone, pace)
    _note_secret(lab)


def _seconds(story: Story) -> float:
    return story.lives[0].end - story.lives[0].start


def _run_undisturbed(
    lab: Lab, case: Case, base: PostgresServer, server: Server, launcher: Launcher
) -> tuple[Story, Pace]:
    stored = replace(case, options=(*case.options, "--store", base.url))
    return run_whole(lab, stored, server, launcher, f"{NAME}-whole")


def _run_killed(
    lab: Lab, case: Case, base: PostgresServer, server: Server, kills: int, pace: Pace, chance: random.Random
) -> Story:
    """A run that is killed so many times and goes on in a new folder each time; its domain is gone after the start."""
    tag = f"{NAME}-k{chance.randrange(10**6):06d}"
    home = lab.folder / "machines" / tag
    domain = home / "domain"
    shutil.copytree(case.domain, domain)
    story = Story(tag, home / "m00" / tag)
    done = 0.0
    while len(story.lives) < PATIENCE:
        command = replace(case, domain=domain).command(server, tag, story.folder.parent, "--store", base.tcp)
        if _has_begun(base, tag):
            shutil.rmtree(domain, ignore_errors=True)
            story.folder = home / f"m{len(story.lives):02d}" / tag
            command = ["resume", tag, "--store", base.tcp, "--runs-dir", str(story.folder.parent)]
        elif (story.folder / "config.yaml").is_file():
            command = ["resume", str(story.folder)]
        # most of them while it works: a start takes as long as the rest of such a small run
        left = max(1.0, pace.whole - pace.start_up - done)
        kill_after = chance.uniform(0.7, 1) * pace.start_up + chance.uniform(0, left) if story.kills < kills else None
        life = lab.launcher(case)(*command, kill_after=kill_after, env=_ENV)
        story.add(life)
        if life.killed:
            done += max(0.0, life.end - life.start - pace.start_up)
        elif life.code == 0:
            break
        else:
            story.problems.append(tell_end(life))
            break
    return story


def _has_begun(base: PostgresServer, tag: str) -> bool:
    if not base.query(f"SELECT 1 FROM pg_tables WHERE schemaname = 'evokd_{tag}' AND tablename = 'files'"):
        return False
    return bool(base.query(f"SELECT 1 FROM \"evokd_{tag}\".files WHERE path = 'config.yaml'"))


def _run_shaken(
    lab: Lab, case: Case, base: PostgresServer, server: Server, number: int, pace: Pace, chance: random.Random
) -> Story:
    """A run whose database server is killed in the middle and comes back a little later."""
    tag = f"{NAME}-s{number}"
    runs = lab.folder / "runs"
    story = Story(tag, runs / tag)
    with ThreadPoolExecutor(1) as pool:
        command = case.command(server, tag, runs, "--store", base.tcp)
        going = pool.submit(lab.launcher(case), *command, env=_ENV)
        time.sleep(pace.start_up + chance.uniform(0.1, 0.9) * (pace.whole - pace.start_up))
        away = chance.uniform(*AWAY)
        was_going = not going.done()
        base.restart(away)
        story.add(going.result())
    lab.say(f"{tag}: server away for {away:.1f} s{'' if was_going else ' (too late)'}; {tell_end(story.lives[0])[:80]}")
    if not was_going:
        story.problems.append("the run had ended before the server was killed")
    if story.lives[0].code:
        story.problems.append(tell_end(story.lives[0]))
    return story


def _note_stories(lab: Lab, stories: Sequence[Story], alone: Story, what: str) -> None:
    places = Counter(place for story in stories for place in story.places)
    lab.note(NAME, what, ", ".join(f"{name} {count}" for name, count in places.most_common()) or "as they came")
    note_ends(lab, NAME, stories)
    note_repeats(lab, NAME, stories)
    note_sets(lab, NAME, [(story, alone) for story in stories], "that of a run in a file")
    note_orphans(lab, NAME, stories)


def _note_twins(lab: Lab, case: Case, base: PostgresServer, server: Server, alone: Story, pace: Pace) -> None:
    """Go on with a killed run in two folders at once."""
    tag = f"{NAME}-twins"
    runs = lab.folder / "runs"
    kill_after = pace.start_up + 0.3 * (pace.whole - pace.start_up)
    command = case.command(server, tag, runs, "--store", base.tcp)
    lab.launcher(case)(*command, kill_after=kill_after, env=_ENV)
    with ThreadPoolExecutor(2) as pool:
        going = [
            pool.submit(
                lab.launcher(case, number),
                *("resume", tag, "--store", base.tcp, "--runs-dir", str(runs / f"machine-{number}")),
                env=_ENV,
            )
            for number in (1, 2)
        ]
        lives: list[Life] = [life.result() for life in going]
    ended = [runs / f"machine-{number}" / tag for number, life in enumerate(lives, 1) if life.code == 0]
    refused = [life for life in lives if life.code == 4 and "another process" in life.last_line]
    told = f"exits {', '.join(str(life.code) for life in lives)}"
    good = len(ended) == len(refused) == 1
    evidence = [tell_end(life) for life in lives]
    lab.note(NAME, "of two resumes at once on two machines one is refused (exit 4)", told, good, evidence)
    same = bool(ended) and dataset(ended[0]) == dataset(alone.folder)
    lab.note(NAME, "the other goes on to the same accepted set", "the same" if same else "another", same)


def _note_secret(lab: Lab) -> None:
    """Look for the password in everything that was written."""
    folders: list[Path] = [lab.folder / name for name in ("runs", "machines", "output")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    found = [str(path) for path in files if b"sesame" in path.read_bytes()]  # a word of it that nothing escapes
    lab.note(NAME, "the password is in no file and no output", f"in {len(found)} of {len(files)}", not found, found)
