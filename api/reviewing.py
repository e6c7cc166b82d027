"""Review by people: what a run waits for, decisions one by one, by file, or in the browser."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evokd.api.record import Run, find_local_run
from evokd.graph.setup.run_folder import RunFolder
from evokd.messages import InputError
from evokd.messages.files import write_atomically
from evokd.messages.suggest import suggest
from evokd.review.files import read_reviews, write_review
from evokd.review.label_studio import describe_controls
from evokd.review.marking import MarkingError, mark_answer, read_marked
from evokd.review.merging import merge
from evokd.review.pending import (
    NewDecision,
    Pending,
    Rest,
    ReviewItem,
    ReviewSession,
    check_answer,
    count_waiting,
    summarise,
)
from evokd.tracing.reviews import Action, Agreement, ReviewDecision, measure_agreement
from evokd.tracing.rows import Answer

__all__ = [
    "Action",
    "Agreement",
    "Imported",
    "MarkingError",
    "NewDecision",
    "Pending",
    "Rest",
    "Review",
    "ReviewItem",
    "decide_rest",
    "mark_answer",
    "measure_agreement",
    "open_review",
    "read_marked",
    "summarise",
]
LONGEST_NAME = 80
"""Characters of the longest name of a reviewer."""


@dataclass(frozen=True)
class Imported:
    """What files with decisions have brought."""

    new: int
    """Decisions that were stored."""
    read: int
    """Decisions in the files."""
    agreed: int
    """Texts on which two or more people decided alike."""
    settled: int
    """Conflicts that a preference has settled."""


class Review:
    """The review that a run waits for. Every decision is stored at once.

    Args:
        run: the run.
        reviewer: who decides.
        is_named: whether the reviewer was named by the caller.
    """

    def __init__(self, run: Run, reviewer: str, is_named: bool) -> None:
        self.run = run
        self.reviewer = reviewer
        self._is_named = is_named
        self._session = _open_session(run.folder, reviewer)

    def pending(self) -> Pending:
        """The texts that wait, with all that helps to decide, and the decisions so far.

        Raises:
            InputError: the run waits for no review.
        """
        return self._session.read()

    def decide(self, name: str, action: Action, answer: Answer | None = None) -> ReviewDecision:
        """Decide on a text: the last decision is in force.

        Args:
            name: id of the text.
            action: `accept`, `correct`, `refuse` or `skip`, which leaves what curation decided.
            answer: the right label or labels, or the entities as {"start", "end", "label"}; None: the teacher's.

        Raises:
            InputError: no such text waits, the answer does not fit, or a process works on the run.
        """
        return self._session.decide(NewDecision(name, action, answer))[0]

    def decide_rest(self, rest: Rest) -> int:
        """Decide on all texts that are left; see `decide_rest`."""
        return decide_rest(self.run.folder, rest, self.reviewer)

    def check(self, text: str, answer: Answer) -> Answer:
        """Check an answer to a text; raises InputError where a label or an entity does not fit."""
        return check_answer(self.pending().codec, text, answer)

    def write(self, path: str | Path) -> list[Path]:
        """Write the texts that wait into a file: .jsonl, .csv, or .json for Label Studio with its configuration beside.

        Raises:
            InputError: another ending, the file is there already, or it cannot be written.
        """
        path = Path(path)
        pending = self.pending()
        if path.exists():
            raise InputError(f"{path}: is there already, and may hold decisions; give another name or remove it")
        if not path.parent.is_dir():
            raise InputError(f"{path}: there is no folder {path.parent}; make it first")
        files = {path: write_review(path, pending)}
        if path.suffix.lower() == ".json":
            files[path.with_suffix(".xml")] = describe_controls(pending)
        for file, text in files.items():
            try:
                write_atomically(file, text)
            except OSError as exc:
                raise InputError(f"{file}: cannot be written ({exc.strerror}); name another file") from exc
        return list(files)

    def read(self, *paths: str | Path, prefer: str | None = None) -> Imported:
        """Take in decisions from files; all or none.

        Args:
            paths: files that `write` made and people filled in.
            prefer: what settles two different decisions on a text: `first`, `last`, or the name of a reviewer.

        Raises:
            InputError: lists every fault with its file and line, or the conflicts that nothing settles.
        """
        pending = self.pending()
        files = [Path(path) for path in paths]
        # of several files without names in them, each is somebody's
        reviewer = self.reviewer if self._is_named or len(files) == 1 else None
        found = read_reviews(files, pending, reviewer)
        merged = merge(pending, found, prefer)
        self._session.decide(*merged.decisions)
        return Imported(len(merged.decisions), sum(map(len, found)), merged.agreed, merged.settled)

    def serve(self, port: int | None, announce: Callable[[str], None]) -> None:
        """Serve a page for the review on this machine alone, until interrupted (Ctrl-C).

        Args:
            port: TCP port, 0 or None for any free one.
            announce: called with the address, which holds the key to the page.

        Raises:
            InputError: the run waits for no review, or the port cannot be used.
        """
        from evokd.review.app import create_app, make_token
        from evokd.review.serving import serve

        self.pending()
        token = make_token()
        serve(create_app(self._session, self.run.id, token), port, lambda base: announce(f"{base}/#{token}"))


def open_review(run: str | Path | Run, *, reviewer: str | None = None, runs_dir: str | Path = "runs") -> Review:
    """Open the review that a run waits for.

    Args:
        run: the run, its folder, or its id in `runs_dir`.
        reviewer: who decides; None: the user of this machine.
        runs_dir: folder that holds the runs.

    Raises:
        InputError: there is no such run, or the name is empty or too long.
    """
    opened = run if isinstance(run, Run) else find_local_run(run, runs_dir)
    if opened.is_shipped:
        raise InputError(f"run {opened.id}: comes with the program and has ended; nothing waits for a review")
    return Review(opened, _check_reviewer(reviewer), reviewer is not None)


def decide_rest(folder: RunFolder, rest: str, reviewer: str | None) -> int:
    """Decide on all texts that are left without a look at them; returns how many.

    Such decisions are no one's word for an answer: they do not count as agreement, and the texts are not `reviewed_by`.

    Raises:
        InputError: neither `accept` nor `refuse`, or a process works on the run.
    """
    if rest not in ("accept", "refuse"):
        raise InputError(f"--rest {rest!r}: one of: accept, refuse{suggest(rest, ('accept', 'refuse'))}")
    name = _check_reviewer(reviewer)
    if not count_waiting(folder.ledger)[0]:
        return 0
    return _open_session(folder, name).decide_rest("accept" if rest == "accept" else "refuse")


def _open_session(folder: RunFolder, reviewer: str) -> ReviewSession:
    return ReviewSession(folder.ledger, folder.run_id, lambda: folder.is_running, reviewer)


def _check_reviewer(name: str | None) -> str:
    if name is None:
        return os.environ.get("USER") or os.environ.get("USERNAME") or "reviewer"
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(f"--reviewer: a name of 1 to {LONGEST_NAME} visible characters, not {name[:100]!r}")
    return name.strip()
