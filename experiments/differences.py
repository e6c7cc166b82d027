"""What finished runs differ in: the names of their loops, settings and data that differ, and prompts line by line."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evokd.experiments.run_setup import Prompt, RunSetup
from evokd.messages.escape import clean

MAX_LISTED = 20
"""Differing settings and files that a comparison lists at most."""
MAX_DIFF_LINES = 40
"""Lines of the difference of two prompts that a comparison shows at most; its JSON has all of them."""
_NAMED = 2
"""Differences that the name of a loop holds at most."""
_WIDTH = 160


def name_loops(presets: Sequence[str], setups: Sequence[RunSetup]) -> list[str]:
    """Name the loop of each run: its preset, with a letter where its runs were not made with the same."""
    variants: dict[str, list[str]] = {}
    for preset, setup in zip(presets, setups, strict=True):
        known = variants.setdefault(preset, [])
        if setup.digest not in known:
            known.append(setup.digest)
    return [
        preset + (f" ({_letter(variants[preset].index(setup.digest))})" if len(variants[preset]) > 1 else "")
        for preset, setup in zip(presets, setups, strict=True)
    ]


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else str(number + 1)


def find_differences(presets: Sequence[str], setups: Sequence[RunSetup]) -> dict[str, dict[str, str]]:
    """Loop -> what it was made with otherwise than another loop of its preset: key -> value ("none": it has none)."""
    by_preset: dict[str, dict[str, RunSetup]] = {}
    for preset, loop, setup in zip(presets, name_loops(presets, setups), setups, strict=True):
        by_preset.setdefault(preset, {})[loop] = setup
    found: dict[str, dict[str, str]] = {}
    for loops in by_preset.values():
        keys = dict.fromkeys(key for setup in loops.values() for key in setup.parts)
        differing = [key for key in keys if len({setup.parts.get(key) for setup in loops.values()}) > 1]
        for loop, setup in loops.items():
            found[loop] = {key: setup.parts.get(key, "none") for key in differing}
    return found


def name_by_difference(loop: str, differences: Mapping[str, str]) -> str:
    """Name a loop with the first things that it differs in; those that say most come first."""
    # settings and files are what a person has changed; prompts often follow from them
    told = [f"{key} {clean(value, 30)}" for key, value in differences.items() if not key.startswith("prompt ")]
    told += [f"{key} {clean(value, 50)}" for key, value in differences.items() if key.startswith("prompt ")]
    rest = f" and {len(told) - _NAMED} more" if len(told) > _NAMED else ""
    return f"{loop}: {', '.join(told[:_NAMED])}{rest}" if told else loop


def describe_differences(differences: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Lines that name the settings, files and prompts in which loops of one preset differ.

    Args:
        differences: as `find_differences` gives them.
    """
    by_key: dict[tuple[str, ...], list[str]] = {}
    for loop, own in differences.items():
        by_key.setdefault(tuple(own), []).append(loop)
    lines = []
    for keys, loops in by_key.items():
        for key in keys:
            values = ", ".join(f"{clean(differences[loop][key], 60)} in {loop}" for loop in loops)
            lines.append(f"- {clean(key, 100)}: {values}")
    rest = len(lines) - MAX_LISTED
    return [*lines[:MAX_LISTED], f"- and {rest} more"] if rest > 0 else lines


def compare_prompts(loops: Sequence[str], setups: Sequence[RunSetup]) -> list[dict[str, Any]]:
    """Prompts in which loops differ, each against the first loop: role, loops, names, and the lines that differ.

    `diff` is None where a run has stored no texts, and empty where the templates are the same and settings or the
    domain made other texts of them.
    """
    by_loop = dict(zip(loops, setups, strict=True))
    first, *others = by_loop
    rows = []
    for other in others:
        one, two = by_loop[first].prompts, by_loop[other].prompts
        for role in dict.fromkeys([*one, *two]):
            before, after = one.get(role), two.get(role)
            if before != after:
                names = [prompt.name if prompt else None for prompt in (before, after)]
                rows.append({"role": role, "loops": [first, other], "names": names, "diff": _diff(before, after)})
    return rows


def _diff(before: Prompt | None, after: Prompt | None) -> list[str] | None:
    bodies = [prompt.body if prompt else "" for prompt in (before, after)]
    if None in bodies:
        return None
    old, new = (str(body).splitlines() for body in bodies)
    lines = list(difflib.unified_diff(old, new, lineterm="", n=1))[2:]
    return [line[:1] + clean(line[1:], _WIDTH) if line[:1] in "+- " else clean(line, _WIDTH) for line in lines]


def describe_prompts(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The prompts that differ, in Markdown.

    Args:
        rows: as `compare_prompts` gives them.
    """
    for row in rows:
        (one, two), (before, after) = row["loops"], (clean(name or "none", 80) for name in row["names"])
        yield f"Prompt {clean(row['role'], 40)}: {before} in {one}, {after} in {two}."
        lines = row["diff"]
        if lines is None:
            yield "Its text is not stored in one of the runs; the hashes differ.\n"
        elif not lines:
            yield "The template is the same; settings or the domain's labels made another text of it.\n"
        else:
            shown = lines[:MAX_DIFF_LINES]
            fence = "~" * (3 + max((line.count("~") for line in shown), default=0))
            rest = len(lines) - len(shown)
            yield "\n".join(["", f"{fence}diff", *shown, *([f"({rest} more lines)"] if rest else []), fence, ""])
