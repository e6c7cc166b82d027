"""Templates that want out of their sandbox, or want all the time or memory there is; and mutated prompt files."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evokd.messages import InputError
from evokd.prompts.loader import BASE, ROLES, load_prompt
from tests.fuzzing import Step, Tally, few_or_many, mutate_text, steps

TALLY = Tally("mutated prompt files")
VALUES = {
    "language": "Dutch " * 500,
    "labels": {f"label {number}": "what it means" for number in range(300)},
    "description": "d",
    "schema": "{" * 5_000,
    "max_weaknesses": 4,
}
HEAD = "---\nname: n\nversion: 1\ndescription: d\ninputs: [language, labels]\nreply: LabelReply\n---\n{{ labels }}"


def outcome(path: Path) -> str:
    """Load and render a file; what came of it. Another error than ours is passed on."""
    try:
        text = load_prompt(path).render(VALUES)
    except InputError as exc:
        told = str(exc)
        assert told.startswith(str(path))
        assert told.isprintable(), told
        assert len(told) < 1_500 + len(str(path))
        return told
    assert len(text) <= 1_000_000
    return "rendered"


HOSTILE = {
    "class": "{{ language.__class__ }}",
    "mro": "{{ ().__class__.__base__.__subclasses__() }}{{ language }}",
    "globals-of-a-function": "{{ lipsum.__globals__['os'].popen('id').read() }}{{ language }}",
    "attr": "{{ language|attr('__class__') }}",
    "format-string": "{{ '{0.__class__}'.format(language) }}",
    "include": "{{ language }}{% include '/etc/passwd' %}",
    "import": "{{ language }}{% import 'os' as os %}",
    "extends": "{% extends '/etc/passwd' %}{{ language }}",
    "endless-range": "{% for i in range(10**12) %}{{ language }}{% endfor %}",
    "range": "{% for i in range(1000000000) %}{{ language }}{% endfor %}",
    "nested-loops": "{% for a in language %}{% for b in language %}{% for c in language %}{% endfor %}{% endfor %}"
    "{% endfor %}{{ language }}",
    "loops-of-ranges": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}{{ language }}",
    "much-text": "{% for a in range(9999) %}{{ language }}{% endfor %}",
    "long-text": "{{ language * 10000000 }}",
    "long-constant": "{{ 'a' * 10000000000 }}{{ language }}",
    "power": "{{ 9**9**9**9 }}{{ language }}",
    "power-of-numbers": "{{ 999999999 * 999999999 * 999999999 * 999999999 }}{{ language }}",
    "format": "{{ '%9999999999d' % 1 }}{{ language }}",
    "format-filter": "{{ '%9999999999d'|format(1) }}{{ language }}",
    "center": "{{ language|center(10000000000) }}",
    "center-constant": "{{ 'a'|center(10000000000) }}{{ language }}",
    "ljust": "{{ language.ljust(10000000000) }}",
    "replace": "{{ language|replace('', language)|replace('', language)|replace('', language) }}",
    "join": "{{ language|join(language)|join(language)|join(language) }}",
    "json-of-json": "{{ labels" + "|tojson" * 60 + " }}{{ language }}",
    "text-of-list": "{{ language" + "|list|string" * 60 + "|length }}",
    "sum-of-constants": "{{ 'a'" + " + 'a'" * 9_000 + " }}{{ language }}",
    "subscript-call": "{{ language['ljust'](10000000000) }}",
    "indent": "{{ labels|tojson(indent=1000000000) }}{{ language }}",
    "round": "{{ 1.5|round(1000000000, 'ceil') }}{{ language }}",
    "recursive-loop": "{% for a in language recursive %}{{ loop(language) }}{% endfor %}",
    "recursive-macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}{{ language }}",
    "doubling": "{% set a = language %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "namespace": "{% set n = namespace(a='x') %}{% for i in range(99) %}{% set n.a = n.a + n.a %}{% endfor %}"
    "{{ language }}",
    "cycler": "{{ cycler('a').__init__.__globals__ }}{{ language }}",
    "change-an-input": "{{ labels.update({'a': 'b'}) }}{{ language }}",
    "brackets": "{{ " + "(" * 5_000 + "language" + ")" * 5_000 + " }}",
    "blocks": "{% for a in language %}" * 30 + "{% endfor %}" * 30 + "{{ language }}",
    "long-number": "{{ " + "9" * 9_000 + " }}{{ language }}",
    "not": "{{ " + "not " * 20_000 + "language }}",
    "large-file": "{{ language }}" * 20_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_template_is_refused_in_one_line_and_soon(body: str, tmp_path: Path) -> None:
    path = tmp_path / "labeler.md"
    path.write_text(HEAD + body, encoding="utf-8")
    with TALLY.timed(body):
        assert outcome(path) != "rendered"


def test_what_prompts_need_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "labeler.md"
    body = (
        "{% if language|length > 3 and labels %}{% for label, meaning in labels.items() %}{% if not loop.first %}, "
        "{% endif %}{{ loop.index + 1 }}{{ label|upper }}={{ meaning|trim }}{% endfor %}{% endif %}"
        "{{ labels|join('/') }} {{ labels|tojson }} {{ labels['a'] }}"
    )
    path.write_text(HEAD.replace("{{ labels }}", "") + body, encoding="utf-8")
    text = load_prompt(path).render({"language": "Dutch", "labels": {"a": " x", "b": "y "}})
    assert text == '2A=x, 3B=ya/b {"a": " x", "b": "y "}  x'


SPLINTERS = [
    *"{}[]()%#-:|'\"\\\n\r\t\x00\x1b\ufeff\u2028",
    *("{{ ", " }}", "{% for a in labels %}", "{% endfor %}", "{% if a %}", "{% raw %}", "{#", "---\n", "inputs: [a]\n"),
    *("{{ language.x }}", "{{ labels|list }}", "{{ 1/0 }}", "{% set a = 1 %}", "!!python/object:a x\n", "&a [*a]"),
    *("name: &a [*a, *a]\n", "version: " + "9" * 5_000, "<<: *a\n", "{{ lang", "9" * 300, "1_0:90", "2024-99-99"),
]  # fmt: skip
SHIPPED = [
    (BASE / task / f"{role}.md").read_text(encoding="utf-8") for task in ("classification", "ner") for role in ROLES
]
SHORT = "\ufeff---\r\nname: n\nversion: 1\ndescription: d\ninputs: [language]\nreply: r\n---\n{{ language|trim }}\n"


@few_or_many(80, 500)
@given(number=st.integers(0, 8), damage=steps)
def test_a_mutated_prompt_file_ends_in_a_text_or_one_line(
    number: int, damage: list[Step], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "labeler.md"
    text = [*SHIPPED, SHORT, SHORT, HEAD][number]
    path.write_bytes(
        mutate_text(text, damage, SPLINTERS).encode("utf-8", "surrogateescape" if number % 2 else "replace")
    )
    with TALLY.timed(text):
        TALLY.count("rendered" if outcome(path) == "rendered" else "refused")
