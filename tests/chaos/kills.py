"""Experiment: runs are killed with SIGKILL at random moments and resumed, again and again, until they are over."""

import random
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from tests.chaos.judge import GRACE, Calls, find_orphans, judge_calls, stored_calls
from tests.chaos.killer import Launcher, Life
from tests.chaos.lab import Case, Lab, dataset, tell_end
from tests.chaos.remote import Server
from tracing.events import read_events

NAME = "kills"
PER_RUN = (2, 6)
"""Kills of one run, from and to."""
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
    if "Traceback" in "".join(life.err for life in story.lives):
        story.problems.append(f"{tag}: a traceback on standard error")
    return story


def _kill_case(lab: Lab, case: Case, server: Server, kills: int) -> tuple[Story, list[Story]]:
    launcher = lab.launcher(case)
    whole, pace = run_whole(lab, case, server, launcher, f"{case.name}-whole")
    lab.say(f"{case.name}: an uninterrupted run takes {pace.whole:.1f} s, {pace.start_up:.1f} s of them to begin")
    chance = lab.chance(NAME, case.name)
    stories: list[Story] = []
    while (left := kills - sum(story.kills for story in stories)) > 0 and len(stories) < kills:
        wanted = min(left, chance.randint(*PER_RUN))
        tag = f"{case.name}-k{len(stories) + 1:02d}"
        story = run_killed(lab, case, server, launcher, tag, wanted, pace, chance)
        stories.append(story)
        lab.say(f"{tag}: killed at {', '.join(story.places) or 'no time'}; exit {story.lives[-1].code}")
    return whole, stories


def kill_runs(lab: Lab) -> None:
    """Kill runs of every task and judge what came of them."""
    cases = lab.cases()
    latency = {"latency": 0.03, "spread": 0.8} if lab.short else {"latency": 0.3, "spread": 0.8}
    shares = [lab.kills // len(cases) + (at < lab.kills % len(cases)) for at in range(len(cases))]
    with lab.serve(cases, **latency) as server:
        kills = {case.name: share for case, share in zip(cases, shares, strict=True)}
        results = lab.each(cases, lambda part, case: _kill_case(part, case, server, kills[case.name]))
        stories = [story for _, told in results for story in told]
        calls = {story.tag: judge_calls(server.log(story.tag), story.lives, story.stored) for story in stories}
        wholes = [judge_calls(server.log(whole.tag), whole.lives, whole.stored) for whole, _ in results]
    tasks = " and ".join(case.name for case in cases)
    lab.note(NAME, f"runs of {tasks}, killed and resumed", f"{len(stories)} runs, {_sum(stories, 'kills')} kills")
    places = Counter(place for story in stories for place in story.places)
    lab.note(NAME, "where the kills hit", ", ".join(f"{name} {count}" for name, count in places.most_common()))
    ended = [story for story in stories if story.finished]
    problems = [f"{story.tag}: {problem}" for story in stories for problem in story.problems]
    lab.note(
        NAME,
        "every run finishes; no resume fails",
        f"{len(ended)} of {len(stories)} finished, {len(problems)} problems",
        len(ended) == len(stories) and not problems,
        problems,
    )
    _note_calls(lab, calls, wholes)
    different = [
        f"{story.tag}: {len(dataset(story.folder))} bytes, {len(dataset(whole.folder))} uninterrupted"
        for whole, told in results
        for story in told
        if not dataset(story.folder) or dataset(story.folder) != dataset(whole.folder)
    ]
    same = f"{len(stories) - len(different)} of {len(stories)}"
    lab.note(NAME, "the accepted set equals the uninterrupted run's, byte for byte", same, not different, different)
    loose = [f"{story.tag}: {orphan}" for story in ended for orphan in find_orphans(story.folder)]
    loose += [f"{whole.tag}: {orphan}" for whole, _ in results for orphan in find_orphans(whole.folder)]
    lab.note(NAME, "nothing in the ledger is orphaned", f"{len(loose)} orphans", not loose, loose)
    left = [f"{story.tag}: {life.orphans}" for story in stories for life in story.lives if life.orphans]
    if not lab.short:
        lab.note(NAME, "no student process outlives its parent", f"{len(left)} outlived", not left, left)


def _sum(stories: list[Story], what: str) -> int:
    return sum(getattr(story, what) for story in stories)


def _note_calls(lab: Lab, calls: dict[str, Calls], wholes: list[Calls]) -> None:
    flying = sum(found.in_flight for found in calls.values())
    repeats = sum(found.repeats for found in calls.values())
    requests = sum(found.requests for found in calls.values())
    ends = sum(found.ends_in_flight for found in calls.values())
    lab.note(NAME, "calls in flight at the kills", f"{flying} at {ends} kills, of {requests} requests in all")
    own = sum(found.repeats for found in wholes)
    lab.note(NAME, "an uninterrupted run asks for nothing twice", f"{own} repeats", own == 0)
    too_many = [f"{tag}: {line}" for tag, found in calls.items() for line in found.too_many]
    lab.note(
        NAME,
        "repeats never exceed the calls in flight at the kills, of all bodies and of each",
        f"{repeats} repeats, {flying} in flight; {len(too_many)} bodies asked for too often",
        repeats <= flying and not too_many,
        too_many,
    )
    again = [f"{tag}: {line}" for tag, found in calls.items() for line in found.stored_again]
    lab.note(NAME, "a reply in the ledger is never asked for again", f"{len(again)} asked again", not again, again)
    lost = [f"{tag}: {line}" for tag, found in calls.items() for line in found.lost]
    way = sum(found.on_the_way for found in calls.values())
    measured = f"{len(lost)} lost, {way} on the way when the kill came"
    lab.note(NAME, f"a reply that reached the process is in the ledger {GRACE:g} s later", measured, not lost, lost)
