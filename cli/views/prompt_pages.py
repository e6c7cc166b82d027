"""What `evokd prompts` prints: lists, rendered prompts, differences, findings, versions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from evokd.cli.markup import literal
from evokd.cli.views.layout import print_table, say, say_heading
from evokd.messages.escape import clean_lines

if TYPE_CHECKING:
    from evokd.api.prompt_history import PromptUse
    from evokd.api.prompt_sets import Finding, PromptEntry, SentPrompt

_DIFF_STYLES = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))


def print_entries(console: Console, entries: Sequence["PromptEntry"]) -> None:
    """Print prompts as a table per set, with their descriptions below."""
    for task, language in dict.fromkeys((entry.task, entry.language) for entry in entries):
        own = [entry for entry in entries if (entry.task, entry.language) == (task, language)]
        say_heading(console, f"{task}, base set {language}")
        head = ("role", "name", "version", "from", "tokens")
        rows = [
            [entry.role, literal(entry.name, 40), f"v{entry.version}", _tell_origin(entry), f"{entry.tokens:,}"]
            for entry in own
        ]
        print_table(console, head, rows, indent=0, texts=("name", "from"))
        for entry in own:
            say(console, f"{entry.role}: {literal(entry.description)}", hang=2)
        for path in dict.fromkeys(path for entry in own for path in (entry.path, *entry.own_partials)):
            if any(path in _own_files(entry) for entry in own):
                say(console, f"the domain's own: {literal(str(path))}", hang=2)


def _tell_origin(entry: "PromptEntry") -> str:
    partials = ", ".join(literal(path.stem, 30) for path in entry.own_partials)
    return f"{entry.origin}, own {partials}" if partials and entry.origin == "base" else entry.origin


def _own_files(entry: "PromptEntry") -> tuple[Path, ...]:
    return (*([entry.path] if entry.origin == "domain" else []), *entry.own_partials)


def print_source(console: Console, shown: "SentPrompt") -> None:
    """Print a prompt file as it is."""
    _print_plain(console, shown.source)


def print_turns(console: Console, shown: "SentPrompt") -> None:
    """Print the system prompt and the user turn of the first call."""
    say(console, literal(str(shown.path)))
    say_heading(console, "system prompt", f"about {shown.system_tokens:,} tokens")
    _print_plain(console, shown.system)
    say_heading(console, "user turn", f"about {shown.turn_tokens:,} tokens" if shown.turn is not None else "")
    if shown.turn is None:
        say(console, "none: the first cycles ask nothing with this prompt")
    else:
        _print_plain(console, shown.turn)


def _print_plain(console: Console, text: str) -> None:
    console.print(Text(clean_lines(text)), highlight=False, soft_wrap=True)


def print_diff(console: Console, lines: Sequence[str]) -> None:
    """Print the lines of a unified diff."""
    for line in lines:
        style = next((style for start, style in _DIFF_STYLES if line.startswith(start)), "")
        console.print(Text(clean_lines(line), style=style), highlight=False, soft_wrap=True)


def print_findings(console: Console, findings: Sequence["Finding"]) -> None:
    """Print what is wrong, a line each."""
    for finding in findings:
        console.print(Text(f"{finding.level}: {literal_line(finding.note)}"), highlight=False, soft_wrap=True)


def literal_line(text: str) -> str:
    """Make a text safe for one line that is printed without markup."""
    return " ".join(clean_lines(text).split())


def print_versions(console: Console, uses: Sequence["PromptUse"]) -> None:
    """Print the sets of prompts of a run, and what was made with each."""
    for use in uses:
        cycles = f"cycles {use.cycles[0]} to {use.cycles[-1]}" if use.cycles else "not used"
        say_heading(console, f"set {literal(use.hash)}", f"in force from cycle {use.from_cycle}; {cycles}")
        calls = ", ".join(f"{literal(role)} {count}" for role, count in sorted(use.calls.items())) or "none"
        say(console, f"calls: {calls}")
        say(console, f"texts: {use.written} written, {use.labeled} labelled; {use.accepted} of them became samples")
        head = ("role", "name", "version", "hash", "file")
        rows = [
            [
                literal(role),
                literal(record["name"], 40),
                f"v{record['version']}",
                literal(record["hash"]),
                literal(record["path"], 60),
            ]
            for role, record in use.roles.items()
        ]
        print_table(console, head, rows, indent=0, texts=("name", "hash", "file"))
