"""Experiment: runs are killed with SIGKILL at random moments and resumed, again and again, until they are over."""

import random
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from evokd.tracing.events import read_events
from tests.chaos.judge import GRACE, Calls, find_orphans, judge_calls, measure_lag, stored_calls
from tests.chaos.killer import Launcher, Life
from tests.chaos.lab import Case, Lab, dataset, tell_end
from tests.chaos.remote import Server

NAME = "kills"
PER_RUN = (2, 6)
"""Kills of one run, from and to."""
REAL_SHARE = 0.6
"""Share of the kills that hit real processes with the real student; the others hit forked ones."""
LATENCY = {False: 1.0, True: 0.06}
"""Seconds until an answer, for real processes and for forked ones: the calls shall take a good part of a run."""
PATIENCE = 40
"""Processes after which a run that does not end is given up."""


@dataclass
class Story:
    """A run with all its processes."""

    tag: str
    folder: Path
    lives: list[Life] = field(default_factory=list)
    stored: list[set[str]] = field(default_factory=list)
    """Per process, the calls whose reply was in the ledger at its end."""
    places: list[str] = field(default_factory=list)
    """What the run was at when it was killed."""
    problems: list[str] = field(default_factory=list)
    calls: Calls = field(default_factory=Calls)
    lag: float = 0.0
    """Of an uninterrupted run: seconds from the server's socket into the ledger, at most."""

    @property
    def kills(self) -> int:
        """How often it was killed."""
        return sum(life.killed for life in self.lives)

    @property
    def finished(self) -> bool:
        """Whether it came to its end."""
        return bool(self.lives) and self.lives[-1].code == 0

    def add(self, life: Life) -> None:
        """Take a process that has ended."""
        self.lives.append(life)
        self.stored.append(stored_calls(self.folder))
        if life.killed:
            self.places.append(find_place(self.folder))


@dataclass(frozen=True)
class Pace:
    """How long an uninterrupted run takes, in seconds."""

    whole: float
    start_up: float
    """Until the first node begins."""


def find_place(folder: Path) -> str:
    """What a run was at when its process ended: the nodes that had begun and not ended."""
    path = folder / "events.jsonl"
    if not path.is_file():
        return "start-up"
    open_nodes: Counter[str] = Counter()
    for event in read_events(path):
        if event["event"] in ("run_started", "run_resumed"):
            open_nodes = Counter({"start-up": 1})
        elif event["event"] == "node_started":
            open_nodes["start-up"] = 0
            open_nodes[event["node"]] += 1
        elif event["event"] == "node_finished":
            open_nodes[event["node"]] -= 1
    return "+".join(sorted(name for name, count in open_nodes.items() if count > 0)) or "between nodes"


def run_whole(lab: Lab, case: Case, server: Server, launcher: Launcher, tag: str) -> tuple[Story, Pace]:
    """A run that nobody disturbs.

    Raises:
        RuntimeError: it fails, and nothing can be compared with it.
    """
    runs = lab.folder / "runs"
    story = Story(tag, runs / tag)
    story.add(launcher(*case.command(server, tag, runs)))
    if not story.finished:
        raise RuntimeError(f"the uninterrupted run {tag} failed: {tell_end(story.lives[0])}\n{story.lives[0].err}")
    life = story.lives[0]
    begun = next(event for event in read_events(story.folder / "events.jsonl") if event["event"] == "node_started")
    born = time.time() - (time.monotonic() - life.start)
    return story, Pace(life.end - life.start, datetime.fromisoformat(begun["time"]).timestamp() - born)


def run_killed(
    lab: Lab, case: Case, server: Server, launcher: Launcher, tag: str, kills: int, pace: Pace, chance: random.Random
) -> Story:
    """A run that is killed so many times, at moments drawn evenly from the time that it still needs."""
    runs = lab.folder / "runs"
    story = Story(tag, runs / tag)
    done = 0.0
    while len(story.lives) < PATIENCE:
        args = ["resume", str(story.folder)] if (story.folder / "config.yaml").is_file() else None
        if args is None:
            args = case.command(server, tag, runs)
        left = max(1.0, pace.whole - done)
        life = launcher(*args, kill_after=chance.uniform(0, left) if story.kills < kills else None)
        story.add(life)
        if life.killed:
            done += max(0.0, life.end - life.start - pace.start_up)
        elif life.code == 0:
            break
        elif life.code == 2 and story.folder.is_dir() and not (story.folder / "config.yaml").is_file():
            story.problems.append(f"killed before its configuration was written, it cannot go on: {tell_end(life)}")
            shutil.rmtree(story.folder)
        else:
            story.problems.append(tell_end(life))
            if life.code != 3:
                break
    return story


def _kill_case(lab: Lab, case: Case, kills: int) -> list[Story]:
    """Kill runs of one case; the first story is that of the uninterrupted run."""
    launcher = lab.launcher(case)
    with lab.serve([case], latency=LATENCY[bool(case.student)], spread=0.8) as server:
        whole, pace = run_whole(lab, case, server, launcher, f"{case.name}-whole")
        lab.say(f"{case.name}: an uninterrupted run takes {pace.whole:.1f} s, {pace.start_up:.1f} s of them to begin")
        chance = lab.chance(NAME, case.name)
        stories = [whole]
        while (left := kills - sum(story.kills for story in stories)) > 0 and len(stories) <= kills:
            wanted = min(left, chance.randint(*PER_RUN))
            tag = f"{case.name}-k{len(stories):02d}"
            story = run_killed(lab, case, server, launcher, tag, wanted, pace, chance)
            stories.append(story)
            lab.say(f"{tag}: killed at {', '.join(story.places) or 'no time'}; exit {story.lives[-1].code}")
        lag = measure_lag(whole.folder, server.log(whole.tag))
        for story in stories:
            # a busy machine takes its time with everything: what an undisturbed run needs, a killed one may need twice
            grace = max(GRACE, 2 * lag)
            story.calls = judge_calls(server.log(story.tag), story.lives, story.stored, grace)
        whole.lag = lag
    return stories


def kill_runs(lab: Lab) -> None:
    """Kill runs of every task and judge what came of them."""
    cases = [*([] if lab.short else lab.cases(quick=False)), *lab.cases(quick=True)]
    weights = [REAL_SHARE if not case.student else 1 - REAL_SHARE * (not lab.short) for case in cases]
    bounds = [round(lab.kills * sum(weights[:at]) / sum(weights)) for at in range(len(cases) + 1)]
    kills = {case.name: after - before for case, before, after in zip(cases, bounds, bounds[1:], strict=False)}
    results = lab.each(cases, lambda part, case: _kill_case(part, case, kills[case.name]))
    stories = [story for told in results for story in told[1:]]
    told = ", ".join(f"{case.name} {sum(s.kills for s in of[1:])}" for case, of in zip(cases, results, strict=True))
    count = sum(story.kills for story in stories)
    lab.note(NAME, "runs that were killed and resumed", f"{len(stories)} runs, {count} kills ({told})")
    places = Counter(place for story in stories for place in story.places)
    lab.note(NAME, "where the kills hit", ", ".join(f"{name} {count}" for name, count in places.most_common()))
    note_ends(lab, NAME, stories)
    if not lab.short:
        left = [f"{story.tag}: {life.orphans}" for story in stories for life in story.lives if life.orphans]
        lab.note(NAME, "no student process outlives its parent", f"{len(left)} outlived", not left, left)
    _note_unbegun(lab, lab.cases(quick=True)[0])
    _note_calls(lab, [story for of in results for story in of])
    note_sets(lab, NAME, [(story, of[0]) for of in results for story in of[1:]], "the uninterrupted run's")
    note_orphans(lab, NAME, [story for of in results for story in of])


def note_ends(lab: Lab, name: str, stories: Sequence[Story]) -> None:
    """Judge whether all runs came to their end, and none of their processes failed."""
    ended = [story for story in stories if story.finished]
    problems = [f"{story.tag}: {problem}" for story in stories for problem in story.problems]
    torn = [story for story in stories if any("Traceback" in life.err for life in story.lives)]
    problems += [f"{story.tag}: a traceback on standard error" for story in torn]
    done = f"{len(ended)} of {len(stories)} finished, {len(problems)} problems"
    kept = len(ended) == len(stories) and not problems
    lab.note(name, "every run finishes; no resume fails", done, kept, problems)


def note_sets(lab: Lab, name: str, pairs: Sequence[tuple[Story, Story]], of_whom: str) -> None:
    """Judge whether runs have the accepted sets of those that they are paired with."""
    different = [
        f"{story.tag}: {len(dataset(story.folder))} bytes, {len(dataset(whole.folder))} uninterrupted"
        for story, whole in pairs
        if not dataset(story.folder) or dataset(story.folder) != dataset(whole.folder)
    ]
    same = f"{len(pairs) - len(different)} of {len(pairs)}"
    lab.note(name, f"the accepted set equals {of_whom}, byte for byte", same, not different, different)


def note_orphans(lab: Lab, name: str, stories: Sequence[Story]) -> None:
    """Judge whether every row of the ledgers has what it refers to."""
    loose = [f"{story.tag}: {row}" for story in stories if story.finished for row in find_orphans(story.folder)]
    lab.note(name, "nothing in the ledger is orphaned", f"{len(loose)} orphans", not loose, loose)


def note_repeats(lab: Lab, name: str, killed: Sequence[Story]) -> None:
    """Judge what runs that were interrupted have asked for again."""
    flying = sum(story.calls.in_flight for story in killed)
    repeats = sum(story.calls.repeats for story in killed)
    too_many = [f"{story.tag}: {line}" for story in killed for line in story.calls.too_many]
    lab.note(
        name,
        "repeats never exceed the calls in flight at the kills, of all bodies and of each",
        f"{repeats} repeats, {flying} in flight; {len(too_many)} bodies asked for too often",
        repeats <= flying and not too_many,
        too_many,
    )
    again = [f"{story.tag}: {line}" for story in killed for line in story.calls.stored_again]
    lab.note(name, "a reply in the ledger is never asked for again", f"{len(again)} asked again", not again, again)


def _note_unbegun(lab: Lab, case: Case) -> None:
    """Put a folder there as a kill leaves it that came before the configuration was written; random kills seldom do."""
    folder = lab.folder / "runs" / f"{case.name}-unbegun"
    (folder / "work").mkdir(parents=True)
    launcher = lab.launcher(case)
    with lab.serve([case]) as server:
        again = launcher(*case.command(server, folder.name, folder.parent))
        resumed = launcher("resume", str(folder)) if again.code else again
    told = f"run again: exit {again.code}" + (f", resume: exit {resumed.code}" if again.code else "")
    promise = "a run killed before it had written its configuration can be run again or resumed"
    lab.note(NAME, promise, told, 0 in (again.code, resumed.code), [tell_end(again), tell_end(resumed)])


def _note_calls(lab: Lab, stories: Sequence[Story]) -> None:
    killed = [story for story in stories if story.kills]
    whole = sum(story.calls.repeats for story in stories if not story.kills)
    lab.note(NAME, "an uninterrupted run asks for nothing twice", f"{whole} repeats", whole == 0)
    flying = sum(story.calls.in_flight for story in killed)
    requests = sum(story.calls.requests for story in killed)
    ends = sum(story.calls.ends_in_flight for story in killed)
    lab.note(NAME, "calls in flight at the kills", f"{flying} at {ends} kills, of {requests} requests in all")
    note_repeats(lab, NAME, killed)
    lost = [f"{story.tag}: {line}" for story in killed for line in story.calls.lost]
    way = sum(story.calls.on_the_way for story in killed)
    grace = max(GRACE, *(2 * story.lag for story in stories))
    measured = f"{len(lost)} lost, {way} on the way when the kill came"
    lab.note(NAME, f"a reply that reached the process is in the ledger {grace:.1f} s later", measured, not lost, lost)
