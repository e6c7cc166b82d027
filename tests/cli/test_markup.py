import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from evokd.cli.markup import literal, paint
from evokd.messages.escape import clean


def test_our_own_markup_is_styled() -> None:
    painted = paint(f"[bold]{literal('x')}[/] y")
    assert painted.plain == "x y"
    assert [(span.start, span.end, span.style) for span in painted.spans] == [(0, 1, "bold")]


HOSTILE = [
    "[bold]x[/]",
    "[/nope]",
    "[/]",
    "a\\",
    "a\\\\",
    "\\[red]",
    "[link=http://x]y",
    ":bug:",
    "[",
    "]",
    "[@click=f()]",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("around", ["[cyan]{}[/]", "\u201c{}\u201d [dim]is[/]", "[red]{}", "{}"])
def test_markup_in_a_text_is_shown_letter_for_letter(text: str, around: str) -> None:
    expected = Text.from_markup(around)
    painted = paint(around.format(literal(text)))
    assert painted.plain == expected.plain.format(text)
    assert [span.style for span in painted.spans] == [span.style for span in expected.spans]


@given(st.text(st.sampled_from("[]\\/abd: =#@\n\x1b"), max_size=12), st.text(st.sampled_from("[]\\/b"), max_size=4))
def test_no_two_texts_make_markup_together(first: str, second: str) -> None:
    painted = paint(f"[bold]{literal(first)}[/] {literal(second)}]")
    assert painted.plain == f"{clean(first)} {clean(second)}]"
    assert [span.style for span in painted.spans] in ([], ["bold"])
