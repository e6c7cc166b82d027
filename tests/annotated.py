"""Generated texts with entities, and tags written in other schemes by hand, for property tests of all rooms."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import assume
from hypothesis import strategies as st

from evokd.messages.spans import Span, split_words
from evokd.student.tasks.row_checks import is_blank

LABELS = ("person", "place", "art-work", "名")

_LETTERS = "abAB09_éßжЖعन"
_MARKS = "\u0301\u0308\u093f\ufe0f\u0e31"
_UNSPACED = "漢字かなไม"
_SINGLES = "'\u2019-#.,=[]()😀👩🏽\u200d\u200b🇩🇪"
_REPEATED = ("Ash", "Ashley", "ash", "a", "New", "York", "don't", "U.S.", "-O", "O", "#")

tokens = st.one_of(
    st.sampled_from(_REPEATED), st.text(_LETTERS + _MARKS + _UNSPACED + _SINGLES, min_size=1, max_size=5)
)
"""A token as another tokeniser may have cut it: anything without white space."""

_gaps = st.sampled_from((" ", " ", " ", "  ", "\n", "\t", "\u00a0", "\u3000", "\u2028", ""))


@st.composite
def bio_tags(draw: st.DrawFn, length: int) -> list[str]:
    """Draw valid BIO tags, entities of one type often side by side."""
    written: list[str] = []
    for choice in draw(st.lists(st.sampled_from(("O", "I", "I", *LABELS)), min_size=length, max_size=length)):
        if choice == "I":
            written.append("I" + written[-1][1:] if written and written[-1] != "O" else "O")
        else:
            written.append("O" if choice == "O" else f"B-{choice}")
    return written


@st.composite
def tagged(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Draw tokens and their BIO tags."""
    drawn = draw(st.lists(tokens, min_size=1, max_size=12).filter(lambda words: not is_blank("".join(words))))
    return drawn, draw(bio_tags(len(drawn)))


@st.composite
def annotated(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """Draw a text that is not blank, and spans in order at the edges of its words."""
    parts = draw(st.lists(st.tuples(_gaps, tokens), min_size=1, max_size=12))
    text = "".join(gap + token for gap, token in parts) + draw(_gaps)
    assume(not is_blank(text))
    words = split_words(text)
    spans = [Span(words[first][0], words[last][1], label) for first, last, label in chunks(draw(bio_tags(len(words))))]
    return text, spans


def chunks(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Find (first, last, type) of the entities in valid BIO tags, by words."""
    begins = [number for number, tag in enumerate(tags) if tag[0] == "B"]
    found = []
    for begin, limit in pairwise([*begins, len(tags)]):
        last = begin
        while last + 1 < limit and tags[last + 1][0] == "I":
            last += 1
        found.append((begin, last, tags[begin][2:]))
    return found


def as_iob1(tags: Sequence[str]) -> list[str]:
    """Write valid BIO tags as IOB1."""
    written = ["O"] * len(tags)
    behind: tuple[int, str] | None = None
    for first, last, label in chunks(tags):
        written[first : last + 1] = [f"I-{label}"] * (last - first + 1)
        if behind == (first - 1, label):
            written[first] = f"B-{label}"
        behind = (last, label)
    return written


def as_iobes(tags: Sequence[str], spelling: str = "SBIE") -> list[str]:
    """Write valid BIO tags as IOBES, or as BILOU with the spelling "UBIL"."""
    single, begin, inside, end = spelling
    written = ["O"] * len(tags)
    for first, last, label in chunks(tags):
        size = last - first + 1
        prefixes = single if size == 1 else begin + inside * (size - 2) + end
        written[first : last + 1] = [f"{prefix}-{label}" for prefix in prefixes]
    return written
