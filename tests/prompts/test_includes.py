"""Partials: whose text is put in, what they may not do, and where their errors are said to be."""

from pathlib import Path

import pytest

from evokd.messages import InputError
from evokd.prompts.loader import load_prompt, load_prompts, partial_folders
from tests.prompts.test_loader import write_prompt

INCLUDE = '{% include "answer_form" %}'


def save(folder: Path, body: str, inputs: str = "[language, schema]", **partials: str) -> Path:
    """Write an overlay of one prompt and its partials; the body begins on line 8."""
    (folder / "partials").mkdir(exist_ok=True)
    for name, text in partials.items():
        (folder / "partials" / f"{name}.md").write_text(text, encoding="utf-8")
    path = folder / "labeler.md"
    path.write_text(write_prompt(body, inputs=inputs), encoding="utf-8")
    return path


def render(path: Path) -> str:
    return load_prompt(path, partial_folders("en", path.parent)).render({"language": "Dutch", "schema": "{}"})


def test_a_partial_of_the_base_set_is_put_in(tmp_path: Path) -> None:
    path = save(tmp_path, "In {{ language }}.\n" + INCLUDE)
    assert render(path) == "In Dutch.\nAnswer with one JSON object and nothing else, of this form:\n{}"


def test_a_partial_of_the_domain_replaces_that_of_the_base_set_in_every_prompt(tmp_path: Path) -> None:
    save(tmp_path, "In {{ language }}.\n" + INCLUDE, answer_form="JSON, please: {{ schema }}\n")
    prompts = load_prompts("ner", tmp_path)
    own = tmp_path / "partials" / "answer_form.md"
    assert all(prompt.partials[-1] == own for prompt in prompts.values())
    assert all(prompt.body.rstrip().endswith("JSON, please: {{ schema }}") for prompt in prompts.values())
    assert prompts["guide"].path != tmp_path / "guide.md"


def test_partials_may_stand_in_partials_and_in_conditions(tmp_path: Path) -> None:
    body = '{% if language %}\n  {% include "outer" %}\n{% endif %}\n{{ schema }}'
    path = save(tmp_path, body, outer='a\n{% include "inner" %}\nc', inner="b {{ language }}\n\n")
    assert render(path) == "a\nb Dutch\nc\n{}"


BROKEN = {
    "unknown": (
        '{% include "answer_from" %}',
        {},
        r"labeler\.md:8: .*no partial 'answer_from' \(did you mean 'answer_form'",
    ),
    "path": ('{% include "../seeds" %}', {}, r"labeler\.md:8: .*an include is a line of its own"),
    "absolute": ("{% include '/etc/passwd' %}", {}, r"labeler\.md:8: .*a file elsewhere cannot be included"),
    "variable": ("{% include language %}", {}, r"labeler\.md:8: .*an include is a line of its own"),
    "list": ('{% include ["answer_form"] %}', {}, r"labeler\.md:8: .*an include is a line of its own"),
    "inline": ('x {% include "answer_form" %}', {}, r"labeler\.md:8: template error: a prompt may not use 'include'"),
    "itself": ('{% include "a" %}', {"a": 'x\n{% include "a" %}'}, r"partials.a\.md:2: .*the partial includes itself"),
    "circle": (
        '{% include "a" %}',
        {"a": '{% include "b" %}', "b": '\n{% include "a" %}'},
        r"partials.b\.md:2: .*the partial includes itself",
    ),
    "deep": (
        '{% include "a" %}',
        {"a": '{% include "b" %}', "b": '{% include "c" %}', "c": '{% include "d" %}', "d": "x"},
        r"partials.c\.md:1: .*nested more than 3 deep",
    ),
    "many": ('{% include "a" %}\n' * 51, {"a": "x"}, r"labeler\.md:58: .*more than 50 partials"),
    "syntax": ('{% include "a" %}', {"a": "one\ntwo {{ language"}, r"partials.a\.md:2: template error: unexpected end"),
    "filter": ('{% include "a" %}', {"a": "one\n{{ schema|shout }}"}, r"partials.a\.md:2: .*No filter named 'shout'"),
    "undeclared": ('{% include "a" %}', {"a": "one\n\n{{ tone }}"}, r"partials.a\.md:3: the body uses 'tone', which"),
    "loops": (
        '{% for x in labels %}\n{% include "a" %}\n{% endfor %}',
        {"a": "{% for y in labels %}{{ y }}{% endfor %}"},
        r"labeler\.md:8: .*a loop inside a loop",
    ),
}


@pytest.mark.parametrize(("body", "partials", "fault"), BROKEN.values(), ids=BROKEN)
def test_a_partial_that_cannot_be_put_in_is_refused_with_its_place(
    tmp_path: Path, body: str, partials: dict[str, str], fault: str
) -> None:
    path = save(tmp_path, f"{body}\n{{{{ language }}}}{{{{ schema }}}}", **partials)
    with pytest.raises(InputError, match=fault) as caught:
        render(path)
    assert "\n" not in str(caught.value)


def test_an_error_while_a_partial_is_rendered_names_its_line(tmp_path: Path) -> None:
    path = save(tmp_path, '{{ schema }}\n{% include "a" %}', a="one\n\n{{ language.nothing }}")
    with pytest.raises(InputError, match=r"partials.a\.md:3: the template cannot be rendered: .*nothing"):
        render(path)
