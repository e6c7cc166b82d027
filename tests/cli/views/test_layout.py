import io

import pytest
from rich.console import Console

from evokd.cli.markup import literal
from evokd.cli.views.layout import count, draw_curve, print_table, say, say_heading, tell_cost


def paper(width: int) -> Console:
    return Console(file=io.StringIO(), width=width)


def lines_of(console: Console) -> list[str]:
    return [line.rstrip() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def test_every_line_of_a_paragraph_is_indented() -> None:
    console = paper(70)
    say(console, "[bold]one[/] " + literal("[two] " * 20), 4, hang=2)
    first, *others = lines_of(console)
    assert first.startswith("    one [two]")
    assert others != []
    assert all(line.startswith("      [two]") and len(line) <= 70 for line in others)
    narrow = paper(40)
    say(narrow, "word " * 20, 4)
    assert all(line.startswith("  word") and len(line) <= 40 for line in lines_of(narrow))


def test_a_word_that_is_wider_than_the_terminal_is_folded() -> None:
    console = paper(20)
    say(console, literal("x" * 50 + " \u6f22" * 10))
    assert "".join(lines_of(console)).count("x") == 50


HEAD, ROWS = ("name", "calls", "note"), [["a", "1", "ok"], ["[bold]bb[/]", "22", ""]]


def test_a_table_stands_in_columns_where_there_is_room_and_in_sentences_where_there_is_none() -> None:
    wide, narrow = paper(40), paper(12)
    print_table(wide, HEAD, ROWS, texts=("note",))
    assert lines_of(wide) == ["  name  calls  note", "  a         1  ok", "  bb       22"]
    print_table(narrow, HEAD, ROWS)
    assert lines_of(narrow) == [" a: calls", "   1, note", "   ok", " bb: calls", "   22"]


def test_what_stands_beside_a_title_goes_below_it_where_there_is_no_room() -> None:
    wide, narrow = paper(40), paper(20)
    say_heading(wide, "cycle 1", "promoted")
    say_heading(narrow, "cycle 1", "promoted and more")
    assert lines_of(wide)[0].startswith("cycle 1  promoted \u2500")
    assert lines_of(narrow)[1] == "promoted and more"


CURVES = {
    "rising": ([0.0, 0.5, 1.0], "\u2581\u2585\u2588"),
    "flat": ([0.4, 0.4], "\u2584\u2584"),
    "one": ([0.4], ""),
    "none": ([], ""),
    "many": ([step / 99 for step in range(100)], "\u2581\u2588"),
}


@pytest.mark.parametrize(("scores", "curve"), CURVES.values(), ids=CURVES.keys())
def test_curves(scores: list[float], curve: str) -> None:
    assert draw_curve(paper(40), scores, most=2 if len(scores) > 3 else 40) == curve


def test_words() -> None:
    assert [count(1, "text"), count(2_000, "text"), count(2, "loss", "es")] == ["1 text", "2,000 texts", "2 losses"]
    assert [tell_cost(None), tell_cost(0.5)] == ["price unknown", "0.5000 USD"]
