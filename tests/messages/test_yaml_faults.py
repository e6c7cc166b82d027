"""Broken YAML is told with the line to mend and what to write."""

import pytest
import yaml

from evokd.messages.yaml_faults import describe_yaml_fault

BROKEN = {
    "indentation": ("labels:\n  a: b\n  - c\n", 3, "this does not belong to what stands above; mend the indentation"),
    "quotes in quotes": ("name: 'it's'\n", 1, "this does not belong to what stands above"),
    "at sign": ("task: ner\nname: @x\n", 2, "found character '@' that cannot start any token; put a text that begins"),
    "tab": ("labels:\n\ta: b\n", 2, "found character '\\t' that cannot start any token; indent with blanks"),
    "open quote": ('name: "x\ntask: ner\n\n', 1, "found unexpected end of stream; close the quote or bracket"),
    "open bracket": (
        "task: ner\nlabels: {a: b\n\n",
        2,
        "close the bracket that is open, with commas between",
    ),
    "path": ('name: "C:\\dir"\n', 1, "found unknown escape character 'd'; write \\\\ for a backslash"),
    "no colon": ("name: x\ntask ner\n", 2, "a key without a colon; write key: value"),
    "two documents": ("name: x\n---\nname: y\n", 2, "a second document begins here; leave out the line ---"),
    "text beside a bar": ("description: | x\n", 1, "a text in lines begins below the | or >, indented"),
    "list as a key": ("{[a]: b}\n", 1, "a key is a list or has keys of its own; put it in quotes"),
    "control character": ("name: x\ntask: n\x01r\n", 2, "special characters are not allowed"),
}


@pytest.mark.parametrize(("text", "line", "told"), BROKEN.values(), ids=BROKEN)
def test_a_fault_has_the_line_to_mend_and_a_whole_sentence(text: str, line: int, told: str) -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        yaml.safe_load(text)
    found, what = describe_yaml_fault(caught.value, text)
    assert (found, told in what) == (line, True), what
    assert "\n" not in what
    assert not what.startswith("but ")
    assert "<block end>" not in what
