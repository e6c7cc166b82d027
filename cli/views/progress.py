"""Progress of a run in the terminal, from its events: a line per step, and a live line at the bottom."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console

from evokd.cli.markup import literal
from evokd.cli.views.batch_wait import BatchWait
from evokd.cli.views.experiment_progress import format_duration
from evokd.cli.views.failed_calls import FailedCalls
from evokd.cli.views.live_line import LiveLine
from evokd.cli.views.notices import Notices, is_adapted
from evokd.cli.views.run_sentences import describe_batches, describe_estimate, describe_review
from evokd.cli.views.spending import Spending
from evokd.cli.views.time_left import TimeLeft
from evokd.cli.views.unusable_replies import UnusableReplies

_NOTICES = {
    "rehearsal": "rehearsal: no language model was called; texts and labels come from the domain's labelled corpus",
    "recorded": "recorded: no language model was called now; texts and labels are those that one gave earlier, the"
    " Analyst's words are computed",
}


def notice(teacher: str) -> str:
    """The notice on a run in which no language model was called."""
    return _NOTICES.get(teacher, _NOTICES["rehearsal"])


class Progress(LiveLine):
    """Shows the progress of a run; use it as an event listener and as a context manager.

    Args:
        console: the console to write to; there is a live line if it is a terminal.
        clock: seconds, from any zero.
        is_quiet: whether only warnings and errors are shown.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic, is_quiet: bool = False) -> None:
        super().__init__(console, "starting", is_quiet)
        self.folder: str | None = None
        self.pages: str | None = None
        """Address of the live pages; None: none are served."""
        self._time = TimeLeft(clock)
        self._start: Mapping[str, Any] = {}
        self._spending = Spending()
        self._place = ""
        self._steps = ""
        self._accepted = 0
        self._score: float | None = None
        self._curated: Mapping[str, Any] = {}
        self._is_reported = True
        self._notices = Notices()
        self._unusable = UnusableReplies()
        self._failed = FailedCalls(clock)
        self._batches = BatchWait(clock)

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take one event in."""
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler is not None:
            handler(event)

    def _on_run_started(self, event: Mapping[str, Any]) -> None:
        self._start, self.folder = event, event["folder"]
        data = event["data"]
        self._say(
            f"[bold]{literal(event['domain'])}[/] ({event['task']}, {data['labels']} labels): {data['seeds']} seeds,"
            f" {data['validation']} validation, {data['test']} test; preset {event['preset']}, teacher"
            f" {literal(event['teacher'])}, student {literal(event['student'])}, seed {event['seed']}"
        )
        if event["rehearsal"]:
            self._say(f"[yellow]{notice(event['teacher'])}[/]")
        for prompt in event.get("own_prompts", []):
            self._say(f"the domain's own prompt: {literal(prompt)}")
        for note in event.get("warnings" if self._is_quiet else "notes", []):
            self._warn(f"note: {literal(note)}")
        if event.get("estimate"):
            self._spending.revise(event["estimate"])
            for line in (describe_estimate(event["estimate"]), *describe_batches(event["estimate"])):
                self._say(line)
        self._say(f"run folder {literal(event['folder'])}")
        if self.pages is not None:
            self._warn(
                f"pages at {literal(self.pages)}/run/{quote(Path(event['folder']).name, safe='')} while it runs; later:"
                f" evokd view {literal(event['folder'])}"
            )

    def _on_run_resumed(self, event: Mapping[str, Any]) -> None:
        self._on_run_started(event)
        self._time.resume()
        self._say("resumed from the last checkpoint; stored replies are not asked for again")

    def _on_changed(self, event: Mapping[str, Any]) -> None:
        for change in event["changes"]:
            for line in change["lines"][:1]:
                if change["free"]:
                    self._say(f"changed: {literal(line)}")
                else:
                    self._warn(f"[yellow]forced: {literal(line)}[/]")

    def _on_node_started(self, event: Mapping[str, Any]) -> None:
        self._place, self._steps = f"cycle {event['cycle']}: {event['node']}", ""
        self._report(event["cycle"])
        self._update(self._line)

    def _on_training_step(self, event: Mapping[str, Any]) -> None:
        self._steps = f" {event['step']}/{event['steps']} steps"

    def _on_pool_progress(self, event: Mapping[str, Any]) -> None:
        of = f" of {event['of']:,}" if event["of"] else ""
        self._steps = f" {event['step']} the pool, {event['done']:,}{of} lines"

    def _on_pool_opened(self, event: Mapping[str, Any]) -> None:
        self._steps = ""
        place = f"({format_duration(event['seconds'])}), prepared in {literal(event['folder'])}"
        self._say(f"pool: {event['texts']:,} texts to choose from {place}")

    def _on_pool_embedded(self, event: Mapping[str, Any]) -> None:
        self._steps = ""
        self._say(f"pool: {event['texts']:,} texts embedded ({format_duration(event['seconds'])})")

    def _on_estimate_revised(self, event: Mapping[str, Any]) -> None:
        self._spending.revise(event)
        if event.get("seconds") is not None:
            self._time.revise(event["seconds"])

    def _line(self) -> str:
        """The live line: what is left is said first, since a narrow terminal cuts the end off."""
        budget = self._start.get("budget_samples")
        samples = f"{self._accepted}/{budget}" if budget else f"{self._accepted}"
        score = f", {literal(str(self._start.get('metric')))} {self._score:.3f}" if self._score is not None else ""
        left = self._time.seconds
        time_left = f", about {format_duration(left)} left" if left is not None else ""
        spent = f"{samples} samples{score}, {self._spending.tell()}"
        place = f"{self._place}{self._steps}{self._batches.tell()}"
        return f"{format_duration(self._time.elapsed)}{time_left} | {place} | {spent}"

    def _report(self, cycle: int) -> None:
        """Say which share of the work is done: samples of their budget, or cycles of their limit."""
        budget, cycles = self._start.get("budget_samples"), self._start.get("cycles")
        shares = [self._accepted / budget if budget else 0.0, (cycle - 1) / cycles if cycles and cycle else 0.0]
        self._time.report(max(shares))

    def _on_call(self, event: Mapping[str, Any]) -> None:
        for line in self._notices.of_call(event):
            self._warn(f"[yellow]note: {literal(line)}[/]")
        if is_adapted(event):
            return
        if "optional" in event.get("flags", ()):
            self._say(
                f"cycle {event['cycle']}: {event['role']}: goes on without an answer that the teacher cannot give"
            )
        elif event["status"] in ("error", "lost"):
            failed = self._failed.tell(event)
            if failed is not None:
                self._warn(f"[red]cycle {event['cycle']}: {failed}[/]")
        if event["status"] == "error":
            return
        self._spending.add(event)
        if event["status"] == "fault" and "optional" not in event.get("flags", ()):
            told = self._unusable.tell(event, _tell_fate(event))
            tell = self._say if event.get("again") else self._warn
            if told is not None:
                tell(f"[yellow]cycle {event['cycle']}: {event['role']}: {told}[/]")

    def _on_batch(self, event: Mapping[str, Any]) -> None:
        told = self._batches.take(event)
        if told is not None:
            self._say(f"{self._place}: {literal(told, 300)}" if self._place else literal(told, 300))

    def _on_waiting(self, event: Mapping[str, Any]) -> None:
        calls = "1 call that is" if event["calls"] == 1 else f"{event['calls']} calls that are"
        self._warn(f"[yellow]waiting for {calls} under way, at most {event['seconds']} s; Ctrl-C leaves them[/]")

    def _on_teacher_unreachable(self, event: Mapping[str, Any]) -> None:
        reason = literal(event["reason"], 300)
        self._warn(f"[yellow]{reason}; going on with stored replies, as far as they last[/]")

    def _on_kinds(self, event: Mapping[str, Any]) -> None:
        if event.get("verdict"):
            self._say(f"cycle {event['cycle']}: {literal(event['verdict'], 300)}")

    def _on_profile(self, event: Mapping[str, Any]) -> None:
        if event["axes"]:
            self._say(f"cycle {event['cycle']}: real texts differ in {literal(', '.join(event['axes']), 200)}")

    def _on_labels_measured(self, event: Mapping[str, Any]) -> None:
        if event["agreement"] is None:
            return
        line = f"the Labeler agrees with {event['agreement']:.0%} of {event['rows']} labelled rows"
        guide = event.get("guide")
        if guide:
            fate = "used" if guide["used"] else "left out"
            line += f"; with a guide {guide['agreement'] or 0:.0%}, so it is {fate}"
        self._say(f"cycle {event['cycle']}: {line}")

    def _on_refit(self, event: Mapping[str, Any]) -> None:
        refit = f"trained once more, the {event['rows']} validation rows taken in ({event['seconds']:.0f} s)"
        self._say(f"cycle {event['cycle']}: {refit}; the validation score is the one from before")

    def _on_budget_spent(self, event: Mapping[str, Any]) -> None:
        self._say(f"[yellow]cycle {event['cycle']}: {event['role']} not asked: {literal(event['reason'])}[/]")

    def _on_curated(self, event: Mapping[str, Any]) -> None:
        for line in (*self._failed.close_cycle(), *self._unusable.close_cycle()):
            self._say(f"[yellow]cycle {event['cycle']}: {line}[/]")
        self._accepted += event["accepted"]
        self._curated = event
        self._is_reported = False

    def _on_reviewed(self, event: Mapping[str, Any]) -> None:
        self._say(f"cycle {event['cycle']}: {literal(describe_review(event), 300)}")

    def _on_training_fault(self, event: Mapping[str, Any]) -> None:
        if event["mended"]:  # a fault that is not mended ends the command with an error
            self._warn(f"[yellow]cycle {event['cycle']}: training: {literal(event['fault'], 300)}[/]")

    def _on_trained(self, event: Mapping[str, Any]) -> None:
        before, after, metric = event["before"], event["after"], event["metric"]
        score = "no gate data yet"
        if after is not None:
            score = f"{metric} {after:.3f}" if before is None else f"{metric} {before:.3f} -> {after:.3f}"
        self._score = after if event["promoted"] else before
        verdict = "" if event["promoted"] else " [red]rolled back[/]"
        self._is_reported = True
        if event["cycle"] == 0:
            self._say(f"cycle 0: trained on the seeds alone, {score} ({event['seconds']:.0f} s)")
            return
        self._say(
            f"cycle {event['cycle']}: {self._tell_curated(event['cycle'])}"
            f"{event['steps']} steps in {event['seconds']:.0f} s; {score}{verdict}"
        )

    def _tell_curated(self, cycle: int) -> str:
        """Describe the curation of a cycle; empty where an earlier process of the run did it."""
        if self._curated.get("cycle") != cycle:
            return ""
        reasons = ", ".join(f"{count} {reason}" for reason, count in self._curated["rejected"].items())
        refused = f"{sum(self._curated['rejected'].values())} refused" + (f" ({reasons})" if reasons else "")
        return f"{self._curated['accepted']} accepted, {refused}; "

    def _on_decided(self, event: Mapping[str, Any]) -> None:
        # Only here the counts include what a resumed run had before, and what roll-backs took away.
        self._accepted, self._score = event["accepted"], event["score"]
        if not self._is_reported:
            self._is_reported = True
            self._say(f"cycle {event['cycle']}: {self._tell_curated(event['cycle'])}nothing to train on")

    def _on_weakness(self, event: Mapping[str, Any]) -> None:
        left = {"dropped": " (dropped: the student does not fail on such texts)", "given_up": " (given up)"}
        fate = left.get(event.get("state", "open"), "")
        self._say(f"  weakness {event['id']}: {literal(event['name'], 100)}{fate}", style="dim")


def _tell_fate(event: Mapping[str, Any]) -> str:
    """Describe what follows a call whose reply has faults."""
    if not event.get("again"):
        return "unusable reply, not asked again"
    if "cut_off" in event.get("flags", ()):
        return "reply cut off, what is missing is asked for"
    return "unusable reply, asked again"
