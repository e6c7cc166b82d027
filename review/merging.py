"""Decisions of several people become one set: equal ones merge, others are conflicts that somebody has to settle."""

from collections.abc import Sequence
from dataclasses import dataclass

from evokd.messages import InputError
from evokd.messages.escape import clean
from evokd.review.files import FileDecision
from evokd.review.pending import NewDecision, Pending, describe_answer
from evokd.tracing.reviews import ReviewDecision

_SHOWN = 20
"""Conflicts that are told one by one."""


@dataclass(frozen=True)
class Merged:
    """What a merge has come to."""

    decisions: tuple[NewDecision, ...]
    """Those that are new."""
    agreed: int
    """Texts on which two or more people decided alike."""
    settled: int
    """Conflicts that the preference has settled."""


def merge(pending: Pending, files: Sequence[Sequence[FileDecision]], prefer: str | None) -> Merged:
    """Merge decisions of files with each other and with those that the run has.

    A skipped text says nothing, so any decision goes before it. Who decides anew replaces the own decision.

    Args:
        pending: what waits, with the decisions so far.
        files: the decisions of each file, in order.
        prefer: what settles a conflict: `first`, `last`, or the name of a reviewer; None: nothing does.

    Raises:
        InputError: lists the conflicts that nothing settles.
    """
    chosen, conflicts = list[NewDecision](), list[str]()
    agreed = settled = 0
    for item in pending.items:
        found = [decision for file in files for decision in file if decision.item.id == item.id]
        if not found:
            continue
        sides = [*_already(item.decision, found), *map(_to_side, found)]
        speaking = [side for side in sides if side.decision.action != "skip"] or sides
        different = _keep_different(pending, speaking)
        if len(different) == 1:
            agreed += len({side.decision.reviewer for side in speaking}) > 1
            winner = speaking[-1]
        else:
            preferred = _prefer(speaking, prefer)
            if preferred is None:
                conflicts.append(f"{item.id}: {' / '.join(side.tell() for side in different)}")
                continue
            winner, settled = preferred, settled + 1
        if not _is_in_force(pending, winner, item.decision):
            chosen.append(winner.decision)
    if conflicts:
        raise InputError(_tell_conflicts(conflicts, prefer))
    return Merged(tuple(chosen), agreed, settled)


@dataclass(frozen=True)
class _Side:
    decision: NewDecision
    where: str

    def tell(self) -> str:
        """Write the decision and who made it."""
        made = self.decision
        what = made.action if made.answer is None else f"{made.action} {describe_answer(made.answer)}"
        return f"{clean(what, 120)} ({clean(made.reviewer, 40)}, {self.where})"


def _to_side(found: FileDecision) -> _Side:
    return _Side(NewDecision(found.item.id, found.action, found.answer, found.reviewer, found.time), found.where)


def _already(decision: ReviewDecision | None, found: Sequence[FileDecision]) -> list[_Side]:
    """The decision that the run has, unless its author has decided anew."""
    if decision is None or decision.reviewer in {item.reviewer for item in found}:
        return []
    made = NewDecision(decision.sample, decision.action, decision.answer, decision.reviewer, decision.time)
    return [_Side(made, "in the run")]


def _keep_different(pending: Pending, sides: Sequence[_Side]) -> list[_Side]:
    kept: list[_Side] = []
    for side in sides:
        if not any(_is_same(pending, side.decision, other.decision) for other in kept):
            kept.append(side)
    return kept


def _is_same(pending: Pending, one: NewDecision, other: NewDecision | ReviewDecision) -> bool:
    if one.action != other.action or (one.answer is None) != (other.answer is None):
        return False
    if one.answer is None or other.answer is None:
        return True
    return pending.codec.compare(one.answer, other.answer).same


def _is_in_force(pending: Pending, side: _Side, decision: ReviewDecision | None) -> bool:
    if decision is None or decision.reviewer != side.decision.reviewer or decision.rest:
        return False
    return _is_same(pending, side.decision, decision)


def _prefer(sides: Sequence[_Side], prefer: str | None) -> _Side | None:
    if prefer in ("first", "last"):
        return sides[0 if prefer == "first" else -1]
    named = [side for side in sides if side.decision.reviewer == prefer]
    return named[-1] if named else None


def _tell_conflicts(conflicts: Sequence[str], prefer: str | None) -> str:
    count = f"{len(conflicts):,} text{'s' if len(conflicts) > 1 else ''}"
    unsettled = f" that --prefer {clean(prefer, 40)} does not settle" if prefer else ""
    more = [f"and {len(conflicts) - _SHOWN:,} more"] if len(conflicts) > _SHOWN else []
    advice = "nothing was taken in; settle them in the files, or add --prefer NAME, first or last"
    lines = [f"  {line}" for line in [*conflicts[:_SHOWN], *more]]
    return "\n".join([f"two decisions on {count}{unsettled}; {advice}", *lines])
