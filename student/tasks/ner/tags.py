"""Tags of words and spans of characters: which scheme tags follow, and the way from one to the other.

A tag is "O" or a prefix, a hyphen and a type. In BIO (also called IOB2) every entity begins with B-. In IOB1 it begins
with I-, and with B- only where an entity of its type ends directly before. In IOBES an entity of one word is S-, a
longer one B-, I-, E-; BILOU spells these U-, B-, I-, L-.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import pairwise

from evokd.messages.spans import Span
from evokd.student.tasks.row_checks import kind

OUTSIDE = "O"
_PREFIXES = "BIESLU"


class Scheme(StrEnum):
    """How tags mark where an entity begins and ends."""

    BIO = "BIO"
    IOB1 = "IOB1"
    IOBES = "IOBES"
    BILOU = "BILOU"


class TagError(ValueError):
    """A tag that does not fit.

    Attributes:
        sequence: the number of its sequence, from 0.
        token: its number in the sequence, from 0.
    """

    def __init__(self, message: str, sequence: int, token: int) -> None:
        super().__init__(message)
        self.sequence = sequence
        self.token = token


_Fault = tuple[int, str]
"""The number of a tag and what is wrong with it."""


def recognise(sequences: Sequence[Sequence[str]]) -> Scheme:
    """Find the scheme that all tags of a file follow; one sentence often cannot tell.

    Raises:
        TagError: a tag is none, or the tags fit no scheme; then it is the first fault under the scheme that fits best.
    """
    for sequence, tags in enumerate(sequences):
        for token, tag in enumerate(tags):
            fault = tag_fault(tag)
            if fault:
                raise TagError(fault, sequence, token)
    misfits: list[tuple[int, TagError]] = []
    for scheme in Scheme:
        count, first = 0, None
        for sequence, tags in enumerate(sequences):
            for token, fault in _faults(tags, scheme):
                first = first or TagError(fault, sequence, token)
                count += 1
        if first is None:
            return scheme
        misfits.append((count, first))
    raise min(misfits, key=lambda misfit: misfit[0])[1]


def tag_fault(tag: object) -> str | None:
    """Say what is wrong with the form of a tag, None if nothing."""
    forms = 'write "O", or "B-" or "I-" and a type'
    if not isinstance(tag, str):
        return f"a tag must be a string, not {kind(tag)}; {forms}"
    prefix, hyphen, name = tag.partition("-")
    if tag == OUTSIDE or (hyphen and name and len(prefix) == 1 and prefix in _PREFIXES):
        return None
    if tag.strip("-") in (*_PREFIXES, ""):
        return f"tag {tag!r} has no type; {forms}"
    if hyphen and name:
        return f"tag {tag!r} has the unknown prefix {prefix!r}; {forms}"
    return f"tag {tag!r} has no prefix; {forms}"


def to_bio(tags: Sequence[str], scheme: Scheme) -> list[str]:
    """Write the tags of one sequence as BIO.

    Raises:
        TagError: the tags do not follow the scheme; `sequence` is 0.
    """
    _check(tags, scheme)
    if scheme is Scheme.IOB1:
        return [
            f"B-{_type(tag)}" if tag != OUTSIDE and _type(tag) != _type(before) else tag
            for before, tag in pairwise([OUTSIDE, *tags])
        ]
    spelling = {"S": "B", "U": "B", "E": "I", "L": "I"}
    return [tag if tag == OUTSIDE else spelling.get(tag[0], tag[0]) + tag[1:] for tag in tags]


def tags_to_spans(words: Sequence[tuple[int, int]], tags: Sequence[str]) -> list[Span]:
    """Read BIO tags as spans.

    Args:
        words: (start, end) of each word in characters, in order.
        tags: a tag for each word.

    Returns:
        Spans from the start of an entity's first word to the end of its last one, in order.

    Raises:
        TagError: the tags are no BIO; `sequence` is 0.
        ValueError: there are not as many tags as words.
    """
    if len(words) != len(tags):
        raise ValueError(f"{len(tags)} tags for {len(words)} words; give every word one tag")
    _check(tags, Scheme.BIO)
    spans: list[Span] = []
    for (start, end), tag in zip(words, tags, strict=True):
        if tag.startswith("B-"):
            spans.append(Span(start, end, _type(tag)))
        elif tag.startswith("I-"):
            spans[-1] = spans[-1]._replace(end=end)
    return spans


def spans_to_tags(words: Sequence[tuple[int, int]], spans: Sequence[Span]) -> list[str]:
    """Write spans as BIO tags.

    Args:
        words: (start, end) of each word in characters, in order.
        spans: spans in characters, in any order.

    Returns:
        A tag for each word.

    Raises:
        ValueError: a span does not begin and end with a word, or meets another one.
    """
    starts = {start: number for number, (start, _) in enumerate(words)}
    ends = {end: number for number, (_, end) in enumerate(words)}
    tags = [OUTSIDE] * len(words)
    for span in spans:
        entity = f"entity {span.start}-{span.end} ({span.label})"
        first, last = starts.get(span.start), ends.get(span.end)
        if first is None or last is None or first > last:
            raise ValueError(f"{entity} does not begin and end with a word; move its ends to the words")
        if any(tag != OUTSIDE for tag in tags[first : last + 1]):
            raise ValueError(f"{entity} shares a word with another entity; keep one of them")
        tags[first : last + 1] = [f"B-{span.label}", *[f"I-{span.label}"] * (last - first)]
    return tags


def _check(tags: Sequence[str], scheme: Scheme) -> None:
    for token, tag in enumerate(tags):
        fault = tag_fault(tag)
        if fault:
            raise TagError(fault, 0, token)
    for token, fault in _faults(tags, scheme):
        raise TagError(fault, 0, token)


def _type(tag: str) -> str:
    return tag[2:]


def _faults(tags: Sequence[str], scheme: Scheme) -> Iterator[_Fault]:
    if scheme is Scheme.BIO:
        return _bio_faults(tags)
    if scheme is Scheme.IOB1:
        return _iob1_faults(tags)
    end, single = ("E", "S") if scheme is Scheme.IOBES else ("L", "U")
    return _chain_faults(tags, scheme, end, single)


def _bio_faults(tags: Sequence[str]) -> Iterator[_Fault]:
    for token, (before, tag) in enumerate(pairwise([OUTSIDE, *tags])):
        if tag[0] not in "OBI":
            yield token, _foreign(tag, Scheme.BIO)
        elif tag[0] == "I" and _type(tag) != _type(before):
            yield token, f'tag {tag!r} continues nothing; begin an entity with "B-{_type(tag)}"'


def _iob1_faults(tags: Sequence[str]) -> Iterator[_Fault]:
    for token, (before, tag) in enumerate(pairwise([OUTSIDE, *tags])):
        if tag[0] not in "OBI":
            yield token, _foreign(tag, Scheme.IOB1)
        elif tag[0] == "B" and _type(tag) != _type(before):
            fault = f"tag {tag!r} does not follow an entity of its type, as B- does in the IOB1 of this file"
            yield token, f'{fault}; write "I-{_type(tag)}", or begin every entity of the file with B-'


def _chain_faults(tags: Sequence[str], scheme: Scheme, end: str, single: str) -> Iterator[_Fault]:
    opened: str | None = None
    for token, tag in enumerate([*tags, OUTSIDE]):
        continues = tag[0] in ("I", end)
        if opened is not None and not (continues and _type(tag) == opened):
            fault = f"the entity at tag {tags[token - 1]!r} is not closed, as the {scheme} of this file asks"
            yield token - 1, f'{fault}; end it with "{end}-{opened}", or write "{single}-{opened}" for one word'
            opened = None
        if tag[0] not in ("O", "B", "I", end, single):
            yield token, _foreign(tag, scheme)
        elif continues and opened is None:
            yield token, f'tag {tag!r} continues nothing; begin an entity with "B-{_type(tag)}"'
        opened = _type(tag) if tag[0] in "BI" else None


def _foreign(tag: str, scheme: Scheme) -> str:
    return f"tag {tag!r} is no tag of {scheme}, as which the others are read; use one scheme in the whole file"
