import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evokd.messages.escape import clean, clean_lines, inert, json_line

CLEANED = {
    "plain": ("as it is", "as it is"),
    "ansi": ("a\x1b[31mred\x1b[0m", "a\ufffd[31mred\ufffd[0m"),
    "carriage_return": ("safe\rOVERWRITTEN", "safe OVERWRITTEN"),
    "bell": ("a\x07b", "a\ufffdb"),
    "backspace": ("a\x08b", "a\ufffdb"),
    "c1_escape": ("a\x9b31mb", "a\ufffd31mb"),
    "right_to_left": ("a\u202eb", "a\ufffdb"),
    "white_space": (" a\n\n\t b\u2028c\u00a0d ", "a b c d"),
    "surrogate": ("a\ud83d", "a\ufffd"),
    "joined_emoji": ("\U0001f469\u200d\U0001f4bb", "\U0001f469\u200d\U0001f4bb"),
    "joined_persian": ("\u0645\u06cc\u200c\u0631\u0648\u0645", "\u0645\u06cc\u200c\u0631\u0648\u0645"),
    "markup": ("[bold]x[/]", "[bold]x[/]"),
    "empty": ("\n", ""),
}


@pytest.mark.parametrize(("text", "expected"), CLEANED.values(), ids=CLEANED.keys())
def test_control_sequences_go_and_words_stay(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(("limit", "expected"), [(None, "abc def"), (7, "abc def"), (6, "abc d\u2026"), (1, "\u2026")])
def test_a_long_text_is_cut_after_folding(limit: int | None, expected: str) -> None:
    assert clean("abc \n def", limit) == expected


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain words, 3.5 of them: yes", "plain words, 3.5 of them: yes"),
        ("cancel_plan", "cancel\\_plan"),
        ("a\n---\n# b", "a --- \\# b"),
        ("![x](http://a.example/t.png)", "\\!\\[x\\]\\(http\\://a.example/t.png\\)"),
        ("<img src=x>`&amp;", "\\<img src=x\\>\\`\\&amp;"),
        ("www.a.example", "www\\.a.example"),
    ],
)
def test_a_text_in_a_page_stays_text(text: str, written: str) -> None:
    assert inert(text) == written


@given(st.text() | st.text(alphabet="\\`*_[]()<>#!|&ab \n"))
def test_no_mark_of_a_page_is_left_as_it_is(text: str) -> None:
    written = inert(text)
    assert "\n" not in written
    assert not re.search(r"[\\`*_{}\[\]()<>#+!|~&]", re.sub(r"\\.", "", written))


@given(st.text() | st.text(alphabet='\x1b\x9b\u202e\u2028\x7f"\\a\U000e0001'))
def test_a_json_line_shows_what_can_be_seen_and_means_the_same(text: str) -> None:
    line = json_line({text: [text, 1]})
    assert all(char.isprintable() or char in "\u200c\u200d" for char in line)
    assert json.loads(line) == {text: [text, 1]}


def test_lines_stay_and_what_steers_a_terminal_goes() -> None:
    assert clean_lines("a\r\n\tb  c\x1b[2J\u202e\rd\u200c") == "a\n    b  c\ufffd[2J\ufffd\ufffdd\u200c"
