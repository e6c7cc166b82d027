"""What the checks that were asked for have found: suspects, baseline, dry calls."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from evokd.cli.markup import literal
from evokd.cli.views.layout import count, quote, say, say_heading, tell_cost

_LONGEST = 200
"""Characters of a text or a reply that are shown."""
_NO_LABEL = "no entity"


def print_suspects(console: Console, found: Mapping[str, Any] | None, shorten: str) -> None:
    """Print the rows whose labels look wrong.

    Args:
        console: the console.
        found: `suspects` of the facts; None: they were not looked for.
        shorten: beginning of a path that is left out.
    """
    if found is None:
        return
    if found["unjudged"]:
        say_heading(console, "suspects", f"not looked for: {literal(found['unjudged'])}")
        return
    shown = count(len(found["first"]), "most doubtful label") if found["first"] else "no doubtful label"
    say_heading(console, "suspects", f"{shown} of {found['judged']:,} rows ({found['seconds']:.0f} s)")
    for item in found["first"]:
        words = f" of {quote(item['words'], 60)}" if item["words"] is not None else ""
        given, likelier = (literal(item[key] or _NO_LABEL) for key in ("given", "likelier"))
        place = literal(item["place"].removeprefix(shorten))
        shares = f"{item['given_probability']:.2f}), likelier [bold]{likelier}[/] ({item['probability']:.2f})"
        say(console, f"{place}: label{words} [bold]{given}[/] ({shares}", hang=2)
        say(console, quote(item["text"], _LONGEST), 2, 2)


def print_baseline(console: Console, baseline: Mapping[str, Any] | None) -> None:
    """Print what the student reaches without a teacher; None: it was not trained."""
    if baseline is None:
        return
    trained = {"head": "the output layer", "full": "all weights"}[baseline["tune"]]
    seeds = count(baseline["seeds"], "seed")
    say_heading(console, "baseline", f"the student without a teacher ({baseline['seconds']:.0f} s)")
    rows = count(baseline["trained_on"], "labelled row")
    say(console, f"trained {trained} on {rows} alone, {seeds}", hang=2)
    for split, item in baseline["scores"].items():
        interval = item["interval"]
        within = f" (95 % interval {interval['low']:.3f} to {interval['high']:.3f})" if interval else ""
        score = f"{baseline['metric']} [bold]{item['score']:.3f}[/]{within}"
        say(console, f"{split}: {score} on {count(item['rows'], 'row')}", hang=2)
    if baseline["why"]:
        say(console, f"note: {literal(baseline['why'])}", hang=2)


def print_dry_calls(console: Console, calls: Sequence[Mapping[str, Any]] | None) -> None:
    """Print what the endpoint made of a call per role; None: there was none."""
    if calls is None:
        return
    if not calls:
        say_heading(console, "dry calls", "not made: no call can succeed")
        return
    say_heading(console, "dry calls", "one per role; nothing enters a run")
    for call in calls:
        about = "about " if call["estimated"] else ""
        tokens = f"{about}{call['input_tokens']:,} tokens read, {call['output_tokens']:,} written"
        requests = "" if call["requests"] < 2 else f", {call['requests']} requests"
        spent = f"{tokens} ({tell_cost(call['cost_usd'])}), {call['seconds']:.1f} s{requests}"
        say(console, f"[bold]{call['role']}[/] {literal(call['model'])}: {spent}", hang=2)
        if call["error"]:
            say(console, f"failed: {literal(call['error'])}", 2, 2)
            continue
        mended = f"; mended: {literal(', '.join(call['mended']))}" if call["mended"] else ""
        say(console, f"structured output {literal(call['mode'])}; {call['finish']}{mended}", 2, 2)
        for fault in call["faults"]:
            say(console, f"fault: {literal(fault, _LONGEST)}", 2, 2)
        say(console, quote(call["reply"], _LONGEST), 2, 2)
