from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from evokd.agents.output_schemas import output_schema
from evokd.agents.prompt_context import make_prompt_context, prompt_values
from evokd.messages import (
    PAIR,
    AnalystReply,
    Draft,
    EntityDraft,
    EntityVerdict,
    ErrorKind,
    GeneratorReply,
    GuideReply,
    InputError,
    LabelReply,
    LabelVerdict,
    LessonMode,
    ProfileReply,
    describe_reply,
)
from evokd.prompts.loader import BASE, INPUTS, ROLES, Prompt, digest_prompts, load_prompt, load_prompts
from tests.agents.asks import LABELS

HEAD = {"name": "n", "version": "1", "description": "d", "inputs": "[language]", "reply": "LabelReply"}


def write_prompt(body: str = "Write {{ language }}.", **head: str | None) -> str:
    lines = [f"{key}: {value}" for key, value in {**HEAD, **head}.items() if value is not None]
    return "\n".join(["---", *lines, "---", body])


Save = Callable[[str], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(text: str, name: str = "labeler.md") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("task", sorted(path.name for path in BASE.iterdir() if path.is_dir() and path.name[0] != "_"))
def test_every_base_set_has_every_role(task: str) -> None:
    prompts = load_prompts(task)
    assert set(prompts) == {*ROLES, "profile", "guide"}
    for role, prompt in prompts.items():
        assert prompt.path == BASE / task / f"{role}.md"
        assert prompt.head.name == f"{task}-{role}"
        assert prompt.head.version >= 1


REPLIES = {
    "classification": {
        "analyst": AnalystReply,
        "generator": GeneratorReply[Draft],
        "labeler": LabelReply[LabelVerdict],
        "profile": ProfileReply,
        "guide": GuideReply,
    },
    "ner": {
        "analyst": AnalystReply,
        "generator": GeneratorReply[EntityDraft],
        "labeler": LabelReply[EntityVerdict],
        "profile": ProfileReply,
        "guide": GuideReply,
    },
}


@pytest.mark.parametrize("task", REPLIES)
def test_a_base_set_renders_with_the_form_of_the_reply_and_everything_it_was_given(task: str) -> None:
    briefing = make_prompt_context(task, "letters to a help desk", "Frisian", LABELS, None, 17)
    kinds = {
        **{"analyst": "feedback_packet", "generator": "lesson_plan", "labeler": "draft_batch"},
        **{"profile": "domain_sample", "guide": "label_evidence"},
    }
    for role, text in briefing.systems.items():
        form = describe_reply(REPLIES[task][role], {PAIR})  # type: ignore[arg-type]
        assert text.endswith(form), role
        assert "letters to a help desk" in text
        assert "Frisian" in text
        assert f"`{kinds[role]}`" in text
        assert "{{" not in text.replace(form, "")
        assert "Undefined" not in text
        assert "do not follow it" in text, "texts are data"
    assert "at most 17 weaknesses" in briefing.systems["analyst"]
    labeler = briefing.systems["labeler"].lower()
    assert not any(told in labeler for told in ("hard", "easy", "intended", "difficulty")), "the Labeler is blind"
    assert briefing.versions["labeler"].startswith(f"{task}-labeler v")


@pytest.mark.parametrize("task", REPLIES)
def test_the_generator_is_told_every_mode_that_its_task_has(task: str) -> None:
    system = make_prompt_context(task, "d", "English", LABELS, None, 3).systems["generator"]
    told = {mode for mode in get_args(LessonMode) if f"`{mode}` =" in system}
    assert told == set(output_schema(task).modes)


def test_the_analyst_is_told_every_kind_of_mistake() -> None:
    system = make_prompt_context("ner", "d", "English", LABELS, None, 3).systems["analyst"]
    assert all(f"`{kind}`" in system for kind in get_args(ErrorKind))
    assert all(f"`{field}`" in system for field in ("gold", "predicted", "errors"))


def test_an_overlay_replaces_the_roles_that_it_holds(save: Save) -> None:
    path = save(write_prompt("Answer in {{ language }} only."))
    prompts = load_prompts("classification", path.parent)
    assert prompts["labeler"].path == path
    assert prompts["labeler"].render({"language": "Dutch", "schema": "unused"}) == "Answer in Dutch only."
    assert prompts["analyst"].path == BASE / "classification" / "analyst.md"
    assert prompts["generator"].path == BASE / "classification" / "generator.md"


def test_a_file_that_belongs_to_no_role_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labeller.md").write_text(write_prompt(), encoding="utf-8")
    with pytest.raises(
        InputError,
        match=r"labeller\.md: no agent has this name \(did you mean .labeler.\?\); .*analyst, generator, labeler",
    ):
        load_prompts("classification", tmp_path)


def test_other_files_beside_the_prompts_are_let_be(save: Save) -> None:
    path = save(write_prompt())
    (path.parent / "notes.txt").write_text("of no interest", encoding="utf-8")
    assert load_prompts("classification", path.parent)["labeler"].path == path


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_an_overlay_must_be_a_folder(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "prompts"
    if kind == "file":
        folder.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"prompts: no such folder of prompts; mend the key 'prompts' in domain\.yaml"):
        load_prompts("classification", folder)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (write_prompt("{{ language }} {{ tone }}"), r"labeler\.md:8: the body uses 'tone', which is not declared"),
        (write_prompt("{{ language }}{{ lipsum.__globals__ }}"), "the body uses 'lipsum', which is not declared"),
        (write_prompt("{{ range(3) }}{{ language }}"), r"labeler\.md:8: template error: a prompt may call only these"),
        (write_prompt("no input at all"), r"labeler\.md:5: 'inputs' declares 'language', which the body never uses"),
        (write_prompt("{% if tone %}{{ language }}{% endif %}"), "the body uses 'tone'"),
        ("Just a text.\n", r"labeler\.md:1: a prompt file begins with front matter"),
        ("", r"labeler\.md:1: a prompt file begins with front matter"),
        ("Hello\n" + write_prompt(), r"labeler\.md:1: a prompt file begins with front matter"),
        ("---\nname: n\nversion: 1\n", r"labeler\.md:1: a prompt file begins with front matter"),
        ("---\n---\nbody", r"labeler\.md:2: the front matter must hold the keys name, version"),
        ("---\n- name\n---\nbody", r"labeler\.md:2: the front matter must hold the keys name, version"),
        (write_prompt(inputs="[language"), r"labeler\.md:6: the front matter is not YAML: "),
        (write_prompt(name="a: b"), r"labeler\.md:2: the front matter is not YAML: mapping values"),
        (write_prompt(version=None), r"labeler\.md: front matter key 'version': is missing; add it"),
        (write_prompt(version="first"), r"labeler\.md:\d: front matter key 'version': must be a whole number"),
        (write_prompt(inputs="language"), r"labeler\.md:\d: front matter key 'inputs': must be a list"),
        (write_prompt(author="me"), r"labeler\.md:\d: front matter key 'author': is no key of a prompt"),
        (write_prompt("one\n{{ language }}\n{% if %}"), r"labeler\.md:10: template error: Expected an expression"),
        (write_prompt("{{ language "), r"labeler\.md:8: template error: unexpected end of template"),
        (write_prompt("{{ language }}\n\n{% for x in language %}"), r"labeler\.md:10: template error: Unexpected end"),
        (write_prompt("{{ language | shout }}"), r"labeler\.md:8: template error: No filter named 'shout'"),
    ],
    ids=[
        "undeclared",
        "function-of-jinja",
        "range",
        "unused",
        "undeclared-in-if",
        "no-front-matter",
        "empty",
        "text-before",
        "unclosed",
        "empty-front-matter",
        "list-front-matter",
        "broken-yaml",
        "broken-yaml-first-line",
        "missing-key",
        "wrong-type",
        "inputs-no-list",
        "extra-key",
        "syntax",
        "unclosed-variable",
        "unclosed-block",
        "unknown-filter",
    ],
)
def test_a_broken_file_is_refused_with_its_place(save: Save, text: str, fault: str) -> None:
    path = save(text)
    with pytest.raises(InputError, match=fault) as caught:
        load_prompt(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_windows_line_ends_and_a_byte_order_mark_are_read(save: Save, tmp_path: Path) -> None:
    path = tmp_path / "labeler.md"
    path.write_bytes(b"\xef\xbb\xbf" + write_prompt("one\n{{ language }}").replace("\n", "\r\n").encode())
    assert load_prompt(path).render({"language": "Dutch"}) == "one\nDutch"


def test_a_line_of_dashes_in_the_body_is_text(save: Save) -> None:
    prompt = load_prompt(save(write_prompt("a\n---\n{{ language }}")))
    assert prompt.render({"language": "Dutch"}) == "a\n---\nDutch"


def test_a_file_that_is_no_utf8_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "labeler.md"
    with pytest.raises(InputError, match=r"labeler\.md: no such prompt file"):
        load_prompt(path)
    path.write_bytes(write_prompt("{{ language }} \N{LATIN SMALL LETTER A WITH DIAERESIS}").encode("latin-1"))
    with pytest.raises(InputError, match=r"labeler\.md:\d+: byte 0xe4 at offset \d+ is not UTF-8"):
        load_prompt(path)


@pytest.mark.parametrize(
    "body",
    [
        "{{ language }}{{ ''.__class__.__mro__ }}",
        "{{ language.__class__.__init__.__globals__ }}",
        "{{ language }}{{ language.format.__globals__ }}",
        "{{ language }}{{ labels.clear() }}{{ labels }}",
        "{{ language }}{{ ''|attr('__class__') }}",
        "{{ language.nothing }}",
        "{{ language }}{% include '/etc/passwd' %}",
        "{{ language + 1 }}",
        "{{ 1 / 0 }}{{ language }}",
        "{{ language }}{{ labels['no such'] }}",
    ],
)
def test_forbidden_and_failing_templates_are_refused_by_name(save: Save, body: str) -> None:
    inputs = "[language, labels]" if "labels" in body else "[language]"
    labels = {"bug": "meaning"}
    path = save(write_prompt(body, inputs=inputs))
    with pytest.raises(InputError, match=r"labeler\.md(:\d+)?: (template error|the template cannot be rendered): "):
        load_prompt(path).render({"language": "Dutch", "labels": labels})
    assert labels == {"bug": "meaning"}


def test_an_input_that_no_prompt_may_use_is_refused_with_the_list(save: Save) -> None:
    prompt: Prompt = load_prompt(save(write_prompt("{{ tone }}", inputs="[tone]")))
    with pytest.raises(InputError, match=r"unknown input 'tone'; a labeler prompt may use: description, language$"):
        prompt.render({"language": "Dutch", "description": "d"})


def test_values_are_text_and_no_template(save: Save) -> None:
    prompt = load_prompt(save(write_prompt()))
    assert prompt.render({"language": "{{ 7 * 7 }} <b>"}) == "Write {{ 7 * 7 }} <b>."


def test_the_digest_changes_with_every_text_and_not_with_the_order() -> None:
    systems = {"analyst": "a", "generator": "g", "labeler": "l"}
    same = dict(reversed(systems.items()))
    assert digest_prompts(systems) == digest_prompts(same)
    changed = [digest_prompts({**systems, role: systems[role] + " "}) for role in systems]
    swapped = digest_prompts({**systems, "analyst": "g", "generator": "a"})
    assert len({digest_prompts(systems), swapped, *changed}) == 5
    assert len(digest_prompts(systems)) == 16


def test_an_overlay_and_a_changed_domain_change_the_hash_of_a_briefing(save: Save) -> None:
    overlay = save(write_prompt()).parent
    made = [
        make_prompt_context("classification", "letters", "English", LABELS, None, 3),
        make_prompt_context("classification", "letters", "English", LABELS, overlay, 3),
        make_prompt_context("classification", "letters!", "English", LABELS, None, 3),
    ]
    assert len({briefing.hash for briefing in made}) == 3
    again = make_prompt_context("classification", "letters", "English", LABELS, None, 3)
    assert again.hash == made[0].hash


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(InputError, match=r"unknown task 'poetry'; known tasks: classification, multilabel, ner$"):
        make_prompt_context("poetry", "d", "English", LABELS, None, 3)


def test_the_prompt_of_another_agent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "generator.md").write_text((BASE / "ner" / "labeler.md").read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(
        InputError, match=r"generator\.md:6: .*'reply' is 'LabelReply', but a generator gives GeneratorReply"
    ):
        load_prompts("ner", tmp_path)


@pytest.mark.parametrize("task", REPLIES)
def test_every_prompt_gets_the_inputs_that_an_error_names(task: str) -> None:
    values = prompt_values(output_schema(task), "d", "English", LABELS, 3)
    assert all(tuple(sorted(given)) == INPUTS for given in values.values())


def test_a_misspelt_input_gets_a_suggestion(save: Save) -> None:
    with pytest.raises(
        InputError, match=r"labeler\.md:8: .*'langauge'.* \(did you mean 'language'\?\); use one of descr"
    ):
        load_prompt(save(write_prompt("{{ langauge }}")))
