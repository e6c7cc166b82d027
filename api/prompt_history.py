"""Prompts in the record of a run: which version made which texts, and how those of two runs differ."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from evokd.api.record import Run, open_run
from evokd.messages import InputError
from evokd.prompts.lint import compare_texts
from evokd.tracing.view_rows import PromptRecord, PromptSet


@dataclass(frozen=True)
class PromptUse:
    """A set of prompts of a run, and what was made with it."""

    hash: str
    """As in the run's calls."""
    from_cycle: int
    """Cycle in which the run was when the set came into force."""
    roles: dict[str, PromptRecord]
    calls: dict[str, int]
    """Role -> calls with this set."""
    cycles: list[int]
    """Cycles in which it was used."""
    written: int
    """Texts that the Generator wrote with it."""
    labeled: int
    """Texts that the Labeler labelled with it."""
    accepted: int
    """Of these texts, those that became samples."""


def prompt_versions(run: str | Path | Run, runs_dir: str | Path = "runs") -> list[PromptUse]:
    """List the sets of prompts of a run in order, with what was made with each.

    Raises:
        InputError: there is no such run, or it was made before prompts were recorded.
    """
    opened = open_run(run, runs_dir)
    sets = _read_sets(opened)
    calls, samples = opened.calls(), opened.samples()
    set_of = {call.id: call.prompts for call in calls}
    uses = []
    for known in sets:
        own = [call for call in calls if call.prompts == known["hash"]]
        drafted = [sample for sample in samples if set_of.get(sample.draft_call) == known["hash"]]
        labeled = [sample for sample in samples if sample.label_call and set_of.get(sample.label_call) == known["hash"]]
        made = {sample.id: sample for sample in (*drafted, *labeled)}
        uses.append(
            PromptUse(
                hash=known["hash"],
                from_cycle=known["from_cycle"],
                roles=known["roles"],
                calls=dict(Counter(call.role for call in own)),
                cycles=sorted({call.cycle for call in own}),
                written=sum(not sample.is_real for sample in drafted),
                labeled=len(labeled),
                accepted=sum(sample.state == "accepted" for sample in made.values()),
            )
        )
    return uses


def diff_run_prompts(first: str | Path | Run, second: str | Path | Run, runs_dir: str | Path = "runs") -> list[str]:
    """Compare the prompts that were last in force in two runs.

    Returns:
        Lines of unified diffs of the templates, one after the other; [] where all are the same. A rendered prompt may
        differ although its template does not, if the domains do: a line says so.

    Raises:
        InputError: there is no such run, or it was made before prompts were recorded.
    """
    runs = [open_run(run, runs_dir) for run in (first, second)]
    old, new = (_read_sets(run)[-1]["roles"] for run in runs)
    ids = [run.path.name for run in runs]
    lines = []
    for role in dict.fromkeys((*old, *new)):
        if role not in old or role not in new:
            lines.append(f"{role}: in {ids[role in new]} alone")
            continue
        names = [f"{run}: {_name(record[role])}" for run, record in zip(ids, (old, new), strict=True)]
        changed = compare_texts(old[role]["body"], new[role]["body"], *names)
        if not changed and old[role]["hash"] != new[role]["hash"]:
            changed = [f"{role}: the same template, filled with other descriptions, languages or settings"]
        lines += changed
    return lines


def _read_sets(run: Run) -> list[PromptSet]:
    with run.ledger() as ledger:
        sets = ledger.prompt_sets()
    if not sets:
        raise InputError(f"{run.path}: this run was made before prompts were recorded; only their hash is known")
    return sets


def _name(record: PromptRecord) -> str:
    return f"{record['path']} v{record['version']}"
