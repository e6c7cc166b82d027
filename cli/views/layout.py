"""How pages are laid out on a terminal of any width: indented prose, headings, tables, curves made of characters."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evokd.cli.markup import literal, paint

BLOCKS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_PLAIN_BLOCKS = "_.-=+*#@"
"""Where the encoding of the terminal has no blocks."""
_GAP = 2
_SHORT = 24
"""Characters of a text that are shown on any terminal."""
_ANSWER = 44
"""Columns that id and answer of a text take about."""
_NARROW = 60
"""Columns below which less is indented."""


def say(console: Console, markup: str, indent: int = 0, hang: int = 0) -> None:
    """Print a paragraph, folded to the width; every line of it is indented.

    Args:
        console: the console to write to.
        markup: the text, with those of users and models as `literal`.
        indent: columns.
        hang: columns by which all lines but the first are indented further.
    """
    if console.width < _NARROW:
        indent, hang = indent // 2, min(hang, 2)
    text, before = paint(markup), " " * indent
    for line in text.wrap(console, max(1, console.width - indent - hang)):
        line.rstrip()
        console.print(Text(before) + line, highlight=False, soft_wrap=True)
        before = " " * (indent + hang)


def say_command(console: Console, words: str, command: str) -> None:
    """Print a command that can be copied: it is not folded, whatever the width.

    Args:
        console: the console to write to.
        words: what stands before it.
        command: as markup.
    """
    console.print(paint(f"{words} [bold]{command}[/]"), highlight=False, soft_wrap=True)


def fit(console: Console, most: int) -> int:
    """Characters of a text that leave room for its answer in the same row; `most` on a wide terminal."""
    return min(most, max(_SHORT, console.width - _ANSWER))


def say_heading(console: Console, title: str, beside: str = "") -> None:
    """Print a rule with a title, and what stands beside it where there is room."""
    room = console.width - 8
    markup = f"[bold]{title}[/]"
    if beside and paint(f"{title}  {beside}").cell_len <= room:
        markup += f"  {beside}"
        beside = ""
    console.rule(paint(markup), align="left")
    if beside:
        say(console, beside)


def print_table(
    console: Console, head: Sequence[str], rows: Sequence[Sequence[str]], indent: int = 2, texts: Sequence[str] = ()
) -> None:
    """Print rows as a table; where the terminal is too narrow for it, each as a paragraph that names its columns.

    Args:
        console: the console to write to.
        head: names of the columns. Their cells stand to the right, as figures do, except in the first column.
        rows: cells as markup.
        indent: columns.
        texts: names of more columns whose cells stand to the left.
    """
    cells = [[paint(cell) for cell in row] for row in rows]
    if indent + measure_table(head, rows) > console.width:
        for row in rows:
            named = (f"{name} {cell}".strip() for name, cell in zip(head[1:], row[1:], strict=True) if cell.strip())
            say(console, f"{row[0]}: {', '.join(named)}", indent, 2)
        return
    table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False)
    table.add_column(Text(" " * indent + head[0]), no_wrap=True)
    for name in head[1:]:
        table.add_column(Text(name), justify="left" if name in texts else "right", no_wrap=True)
    for first, *others in cells:
        table.add_row(Text(" " * indent) + first, *others)
    console.print(table)


def measure_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Columns that a table takes; arguments as of `print_table`."""
    widths = [max([len(name), *(paint(row[at]).cell_len for row in rows)]) for at, name in enumerate(head)]
    return sum(widths) + _GAP * (len(head) - 1)


def draw_curve(console: Console, scores: Sequence[float], most: int = 40) -> str:
    """Draw scores as blocks, the lowest score as the lowest block; of many, a choice at equal distances.

    Args:
        console: says by its encoding which characters there are.
        scores: from first to last.
        most: blocks at most.
    """
    if len(scores) < 2:
        return ""
    if len(scores) > most:
        scores = [scores[round(at * (len(scores) - 1) / (most - 1))] for at in range(most)]
    blocks = BLOCKS if console.encoding.startswith("utf") else _PLAIN_BLOCKS
    low, high = min(scores), max(scores)
    if high == low:
        return blocks[3] * len(scores)
    return "".join(blocks[round((score - low) / (high - low) * (len(blocks) - 1))] for score in scores)


def count(number: int, what: str, many: str = "s") -> str:
    """Write a number with its noun, such as "1 weakness" or "2 weaknesses"."""
    return f"{number:,} {what}{'' if number == 1 else many}"


def tell_cost(cost: float | None) -> str:
    """Write US dollars; None is an unknown price."""
    return "price unknown" if cost is None else f"{cost:.4f} USD"


def quote(text: str, limit: int) -> str:
    """Write a text of a user or a model in quotation marks, on one line."""
    return f"\u201c{literal(text, limit)}\u201d"
