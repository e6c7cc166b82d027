"""JSON lines are one object a line, every key once."""

from pathlib import Path

import pytest

from evokd.messages import InputError
from evokd.student.reading.layout import Layout
from evokd.student.reading.rows import read_rows
from evokd.student.reading.source import file_source

GOOD = '{"text": "x", "label": "a"}\n'
REFUSED = {
    "doubled key": (GOOD + '{"text": "x", "label": "a", "label": "b"}', ':2: the key "label" is there twice'),
    "doubled text": ('{"text": "x", "text": "y"}', ':1: the key "text" is there twice in one object; keep one'),
    "doubled inside": ('{"text": "x", "entities": [{"end": 1, "end": 2}]}', ':1: the key "end" is there twice'),
    "doubled escape": ('{"text": "x", "\\u0074ext": "y"}', ':1: the key "text" is there twice'),
    "array in one line": ('[{"text": "x"}, {"text": "y"}]', ":1: a JSON array of objects in one line; write one"),
    "array over lines": ('[\n{"text": "x"},\n{"text": "y"}\n]', ":1: one JSON array over several lines; write one"),
    "pretty object": ('{\n  "text": "x"\n}\n', ":1: a JSON object over several lines; write one object a line"),
    "text left open": (
        '{"text": "abc\n',
        ":1: broken JSON at column 10: the text that begins here has no closing quote;",
    ),
    "object left open": ('{"text": "abc"\n', ":1: broken JSON at column 15: a comma or a closing bracket is missing"),
    "tab": ('{"text": "a\tb"}\n', ":1: broken JSON at column 12: a text holds a tab; write \\t; a line is one object"),
    "commas behind": ('{"text": "x"},\n', ":1: broken JSON at column 14"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_shapes_of_json_are_refused_with_the_mend(tmp_path: Path, name: str) -> None:
    content, told = REFUSED[name]
    path = tmp_path / "a.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        list(read_rows(file_source(path), "jsonl", Layout()))
    assert str(caught.value).startswith(f"{path}{told}")


def test_a_long_text_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "' + "a" * 142_500 + '"}', encoding="utf-8")
    assert [len(str(row["text"])) for _, row in read_rows(file_source(path), "jsonl", Layout())] == [142_500]
