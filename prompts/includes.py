"""Partials: pieces of text that several prompts share, put in before a template is parsed.

A line `{% include "answer_form" %}` is replaced by the text of `partials/answer_form.md`: of the domain's own prompts,
else of the base set's language. Nothing but such a name can be included, so no other file of the machine can be read;
and since the text is put in first, a partial may do exactly what the prompt itself may do (`evokd.prompts.sandbox`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import TemplateSyntaxError

from evokd.messages import InputError
from evokd.messages.files import read_utf8
from evokd.messages.suggest import suggest
from evokd.prompts.sandbox import parse

PARTIALS = "partials"
"""Folder of partials inside a folder of prompts."""
MAX_DEPTH = 3
"""Partials inside one another."""
MAX_INCLUDES = 50
"""Partials of a prompt, repetitions included."""
MAX_PARTIAL = 20_000
"""Bytes of the largest partial."""
_INCLUDE = re.compile(r"""[ \t]*\{%-?\s*include\b(?P<rest>.*)""")
_NAME = re.compile(r"""\s+(["'])(?P<name>[a-z][a-z0-9_]{0,60})\1\s*-?%\}[ \t]*""")


@dataclass(frozen=True)
class Line:
    """A line of a template, and where it stands."""

    text: str
    path: Path
    number: int
    """From 1."""


@dataclass(frozen=True)
class Body:
    """The body of a prompt with its partials put in."""

    lines: tuple[Line, ...]
    partials: tuple[Path, ...]
    """Files that were put in, each once, in order."""

    @property
    def text(self) -> str:
        """The template."""
        return "\n".join(line.text for line in self.lines)

    def locate_own(self, path: Path, number: int) -> str:
        """Name the last line of a file itself, up to a line of the template from 1, as `path:line`.

        Partials are sound by themselves: what is wrong inside one lies with the file that includes it.
        """
        above = self.lines[: max(number, 1)]
        return f"{path}:{next((line.number for line in reversed(above) if line.path == path), 1)}"

    def locate(self, number: int) -> str:
        """Name file and line of a line of the template, from 1, as `path:line`."""
        line = self.lines[min(max(number, 1), len(self.lines)) - 1]
        return f"{line.path}:{line.number}"


def read_body(path: Path, text: str, first: int, folders: Sequence[Path]) -> Body:
    """Put the partials into a body.

    Args:
        path: the prompt file.
        text: its body.
        first: line of the file on which the body begins, from 1.
        folders: folders of partials, the first that holds one wins.

    Raises:
        InputError: a partial does not exist, includes itself, or is included by something other than its name.
    """
    found: list[Path] = []
    lines = [Line(line, path, number) for number, line in enumerate(text.split("\n"), start=first)]
    whole = _expand(lines, folders, (), found)
    return Body(tuple(whole), tuple(dict.fromkeys(found)))


def _expand(lines: Sequence[Line], folders: Sequence[Path], above: tuple[Path, ...], found: list[Path]) -> list[Line]:
    whole: list[Line] = []
    for line in lines:
        match = _INCLUDE.match(line.text)
        if match is None:
            whole.append(line)
            continue
        partial = _find(line, match["rest"], folders)
        _check_nesting(line, partial, above)
        found.append(partial)
        if len(found) > MAX_INCLUDES:
            fault = f"a prompt includes more than {MAX_INCLUDES} partials; write some of them out"
            raise InputError(f"{line.path}:{line.number}: template error: {fault}")
        text = read_utf8(partial, MAX_PARTIAL, "a prompt that long is paid for with every call").rstrip("\n")
        inside = [Line(part, partial, number) for number, part in enumerate(text.split("\n"), start=1)]
        put_in = _expand(inside, folders, (*above, partial), found)
        _check_alone(put_in)
        whole += put_in
    return whole


def _check_alone(lines: Sequence[Line]) -> None:
    """Refuse a partial that is no template by itself: what it leaves open would be blamed on the file around it."""
    body = Body(tuple(lines), ())
    try:
        parse(body.text)
    except TemplateSyntaxError as exc:
        reason = " ".join((exc.message or "").split())[:300]
        raise InputError(f"{body.locate(exc.lineno)}: template error: {reason}") from exc
    except (RecursionError, MemoryError, ArithmeticError, ValueError, TypeError, SyntaxError) as exc:
        raise InputError(f"{body.locate(1)}: template error: it is nested too deeply") from exc


def _find(line: Line, rest: str, folders: Sequence[Path]) -> Path:
    where = f"{line.path}:{line.number}: template error"
    name = _NAME.fullmatch(rest)
    if name is None:
        raise InputError(
            f'{where}: an include is a line of its own, such as {{% include "answer_form" %}}, with the name of a'
            f" partial in small letters; a file elsewhere cannot be included"
        )
    for folder in folders:
        path = folder / f"{name['name']}.md"
        if path.is_file():
            return path
    known = list_partials(folders)
    raise InputError(
        f"{where}: no partial {name['name']!r}{suggest(name['name'], known)}; there are: {', '.join(known) or 'none'}"
    )


def _check_nesting(line: Line, partial: Path, above: tuple[Path, ...]) -> None:
    if partial in above:
        raise InputError(f"{line.path}:{line.number}: template error: the partial includes itself; remove this line")
    if len(above) >= MAX_DEPTH:
        raise InputError(
            f"{line.path}:{line.number}: template error: partials are nested more than {MAX_DEPTH} deep;"
            " write the text out here"
        )


def list_partials(folders: Sequence[Path]) -> list[str]:
    """Names of all partials in folders."""
    return sorted({path.stem for folder in folders if folder.is_dir() for path in folder.glob("*.md")})
