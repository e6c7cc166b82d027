"""What is wrong with a text that is no YAML, in whole sentences with what to do about it."""

from yaml import YAMLError
from yaml.reader import ReaderError

_WHOLE = {
    "expected <block end>": "this does not belong to what stands above; mend the indentation,"
    " or put a text with quotes in it in other quotes",
    "but found another document": "a second document begins here; leave out the line ---",
    "found unhashable key": "a key is a list or has keys of its own; put it in quotes",
    "could not find expected ':'": "a key without a colon; write key: value",
}
"""Words of PyYAML's that are half a sentence, or its own terms -> what is wrong."""
_ADVICE = {
    "'\\t' that cannot start": "indent with blanks, not with tabs",
    "that cannot start any token": "put a text that begins with it in quotes",
    "constructor for the tag": "a tag may stand for code, so write a plain value",
    "mapping values are not allowed": "put a text with a colon in quotes, or mend the line above",
    "unexpected end of stream": "close the quote or bracket that is open",
    "unknown escape character": "write \\\\ for a backslash, or use single quotes",
    "expected ',' or": "close the bracket that is open, with commas between what stands in it",
    "expected a comment or a line break": "a text in lines begins below the | or >, indented",
}
"""Words of PyYAML's -> what to do about it; the first that fits counts."""


def describe_yaml_fault(fault: YAMLError, text: str) -> tuple[int | None, str]:
    """Say in which line of a text the fault is, from 1, and what is wrong; None where that is not known.

    Of a quote or bracket that is never closed, and of a key without a colon, it is the line in which it begins.
    """
    problem = getattr(fault, "problem", None) or str(fault).splitlines()[0]
    whole = next((told for sign, told in _WHOLE.items() if sign in problem), None)
    advice = next((f"; {advice}" for sign, advice in _ADVICE.items() if sign in problem), "")
    return _find_line(fault, problem, text), whole or problem + advice


def _find_line(fault: YAMLError, problem: str, text: str) -> int | None:
    if isinstance(fault, ReaderError):
        return text.count("\n", 0, fault.position) + 1
    is_open = any(sign in problem for sign in ("end of stream", "<stream end>", "could not find expected"))
    marks = [getattr(fault, name, None) for name in ("context_mark", "problem_mark")]
    mark = next((mark for mark in (marks if is_open else reversed(marks)) if mark is not None), None)
    return None if mark is None else mark.line + 1
