"""A weakness in a few lines: what the Analyst said, whether it held, and what came of it."""

from rich.console import Console

from evokd.api.record import StatementTest, WeaknessRow
from evokd.cli.markup import literal, paint
from evokd.cli.views.layout import say


def say_weakness(console: Console, row: WeaknessRow, limit: int) -> None:
    """Print a weakness: name, state, effect, test, and the Analyst's words.

    Args:
        console: the console to write to.
        row: the weakness.
        limit: characters of pattern and advice at most.
    """
    say(console, _tell_name(row), 2)
    if row["tested"] and row["tested"]["inside"] is not None:
        say(console, f"tested: {_tell_test(row['tested'])}", 4)
    say(console, f"pattern: {literal(row['pattern'], limit)}", 4)
    say(console, f"advice: {literal(row['advice'], limit)}", 4)


def outline_weakness(console: Console, row: WeaknessRow) -> None:
    """Print a weakness in two lines: name, state, effect, and as much of the Analyst's words as there is room for."""
    name = _tell_name(row)
    room = 2 * console.width - paint(name).cell_len - 12
    say(console, f"{name}: {literal(row['pattern'], max(room, 20))}", 2, 2)


def _tell_name(row: WeaknessRow) -> str:
    effect = "effect unknown" if row["effect"] is None else f"effect {row['effect']:+.3f}"
    mastery = row["mastery"]["now"] if row["mastery"] else None
    now = "" if mastery is None else f", mastery {mastery:.2f}"
    return f"[bold]{row['id']}[/] {literal(row['name'], 100)} [{_tint(row)}]{row['state']}{now}, {effect}[/]"


def _tell_test(test: StatementTest) -> str:
    if "near" not in test:  # runs of earlier versions tested in the embedding alone
        sides = f"{test['inside']:.0%} of the evidence and {test['outside']:.0%} of right cases lie on its side"
        return f"{test['verdict']}; {sides}"
    failed = f"{test['verdict']}; the student errs or doubts on {test['inside']:.0%} of the evidence"
    if test["near"] is None or test["outside"] is None:
        return failed
    return f"{failed}, errs on {test['near']:.0%} of other texts of this kind and on {test['outside']:.0%} of all"


def _tint(row: WeaknessRow) -> str:
    return {"improving": "green", "fixed": "green", "regressed": "red", "rolled_back": "red"}.get(
        row["state"], "yellow"
    )


_FATES = {
    "open": "nothing is known yet",
    "improving": "the student got better at it",
    "fixed": "the student got better at it: it counts as fixed",
    "regressed": "they did not help: the student got worse at it",
    "rolled_back": "the cycle was rolled back, and its texts with it",
    "given_up": "they did not help, and it was given up",
    "dropped": "it was dropped before any text was written: the student does not fail on such texts",
}


FEW = 12
"""Examined texts below which a change of mastery may be chance."""


def tell_help(row: WeaknessRow) -> str:
    """Say whether the texts for a weakness helped, with the figures."""
    fate = _FATES.get(row["state"], literal(row["state"]))
    mastery = row["mastery"]
    if not mastery or mastery["first"] is None or mastery["now"] is None:
        return f"[{_tint(row)}]{fate}[/]."
    examined = sum(texts for cycle, _, texts in mastery["counts"] if cycle >= row["cycle"])
    doubt = ", too few texts to be sure" if examined < FEW else ""
    figures = f"right on {mastery['first']:.0%} of such texts at first, {mastery['now']:.0%} now, n {examined}{doubt}"
    return f"[{_tint(row)}]{fate}[/] ({figures})."
