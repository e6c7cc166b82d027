"""Broken JSON is told in whole sentences, with the place."""

import json

import pytest

from evokd.messages.json_faults import describe_json_fault

BROKEN = {
    "tab": ('{"text": "a\tb"}', "at column 12: a text holds a tab; write \\t"),
    "line break": ('{"text": "a\nb"}', "at column 12: a text holds a line break; write \\n"),
    "bell": ('{"text": "a\x07b"}', "at column 12: a text holds a control character; write \\u0007"),
    "open text": ('{"text": "abc', "at column 10: the text that begins here has no closing quote;"),
    "path": ('{"text": "C:\\"}', "at column 10: the text that begins here has no closing quote;"),
    "escape": ('{"text": "a\\qb"}', "at column 12: a backslash before a character that takes none; write \\\\"),
    "short escape": ('{"text": "\\u12"}', "at column 12: \\u without four hexadecimal digits"),
    "comma behind": ('{"text": "a"},', "at column 14: something stands behind the end of the JSON"),
    "no comma": ('{"text": "a" "label": "b"}', "at column 14: a comma or a closing bracket is missing"),
    "no colon": ('{"text" "a"}', "at column 9: a colon is missing"),
    "no value": ('{"text": }', "at column 10: here must be a value"),
    "single quotes": ("{'text': 'a'}", "at column 2: here must be a key in double quotes"),
}


@pytest.mark.parametrize(("text", "told"), BROKEN.values(), ids=BROKEN)
def test_a_fault_is_told_in_whole_sentences(text: str, told: str) -> None:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    assert describe_json_fault(caught.value).startswith(told)
    assert not describe_json_fault(caught.value).endswith((" at", "'"))


@pytest.mark.parametrize(
    ("text", "told"),
    [("[" * 100_000, "(it is nested too deeply)"), ("9" * 5_000, "(a number has thousands of digits)")],
    ids=["nested", "long number"],
)
def test_limits_are_told_without_words_about_python(text: str, told: str) -> None:
    with pytest.raises((ValueError, RecursionError)) as caught:
        json.loads(text)
    assert describe_json_fault(caught.value) == told


def test_faults_of_our_own_keep_their_words() -> None:
    assert describe_json_fault(ValueError("the key is there twice")) == "(the key is there twice)"
