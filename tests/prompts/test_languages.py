"""The sets of base prompts: every language holds every role, tells the same fields, and English is what it was."""

import re

import pytest

from evokd.agents.prompt_context import PromptContext, make_prompt_context
from evokd.messages import InputError
from evokd.prompts.languages import LANGUAGES, PromptLanguage, choose_language
from evokd.prompts.loader import BASE, REPLIES, SHARED, base_folder, digest_prompts, load_prompts

TASKS = ("classification", "multilabel", "ner")
OTHERS: tuple[PromptLanguage, ...] = ("de", "zh")
ENGLISH = {
    "classification": {
        "analyst": "128fb17f6ea2fd56",
        "generator": "8ce78f5fa9e3c03b",
        "labeler": "254c3db86d8f7e0d",
        "profile": "25604fca9a799c44",
        "guide": "a8639e2ae8729831",
    },
    "ner": {
        "analyst": "2b62351182c89e06",
        "generator": "34f2971804baed2e",
        "labeler": "e9ff77e98e374edd",
        "profile": "08ab90a3dc090c52",
        "guide": "c4b1a975b344e83d",
    },
}
"""Hashes of the English prompts as they were rendered before they shared partials."""


def render(task: str, language: PromptLanguage) -> PromptContext:
    return make_prompt_context(task, "letters", "English", {"a": "x", "b": "y"}, None, 3, language)


def names_in(text: str) -> set[str]:
    """Names of fields, values and messages that a prompt tells."""
    return set(re.findall(r"`([a-z_]+)`", text))


@pytest.mark.parametrize("task", ENGLISH)
def test_the_english_prompts_are_byte_for_byte_what_they_were_before_they_shared_partials(task: str) -> None:
    systems = render(task, "en").systems
    assert {role: digest_prompts({role: text}) for role, text in systems.items()} == ENGLISH[task]


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("task", TASKS)
def test_a_set_has_every_role_with_a_name_of_its_own(task: str, language: PromptLanguage) -> None:
    prompts = load_prompts(task, None, language)
    assert set(prompts) == set(REPLIES)
    for role, prompt in prompts.items():
        assert prompt.path == BASE / task / language / f"{role}.md"
        assert prompt.head.name == f"{task}-{role}-{language}"
        assert all(partial.parent == SHARED / language for partial in prompt.partials)


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("task", TASKS)
def test_a_set_tells_every_field_that_the_english_one_tells(task: str, language: PromptLanguage) -> None:
    english, other = render(task, "en").systems, render(task, language).systems
    for role, text in english.items():
        missing = names_in(text) - names_in(other[role])
        assert not missing, role


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("task", TASKS)
def test_a_set_ends_with_the_form_of_the_reply_as_the_english_one_does(task: str, language: PromptLanguage) -> None:
    english, other = render(task, "en").systems, render(task, language).systems
    for role, text in other.items():
        form = english[role].split("of this form:\n")[1]
        assert text.endswith(form), role
        assert "{{" not in text.removesuffix(form)
        assert "{%" not in text
    assert not re.search(r"`(hard|easy|intended|difficulty)`", other["labeler"]), "the Labeler is blind"


@pytest.mark.parametrize(
    ("language", "chosen"),
    [
        *((name, "de") for name in ("de", "DE", "de-AT", "de_CH", "German", "Deutsch", "ger", "German (Austria)")),
        *((name, "zh") for name in ("zh", "zh-CN", "zh_Hant", "Chinese", "中文", "cmn", "Mandarin Chinese")),
        *((name, "en") for name in ("en", "en-GB", "English", "fr", "Frisian", "dek", "nl", "", "denglisch")),
    ],
)
def test_the_set_follows_the_language_of_the_texts(language: str, chosen: str) -> None:
    assert choose_language(language) == chosen


@pytest.mark.parametrize("wanted", LANGUAGES)
def test_a_domain_may_choose_another_set(wanted: PromptLanguage) -> None:
    assert choose_language("de", wanted) == wanted
    assert base_folder("ner", wanted).is_dir()


def test_a_language_without_a_set_is_no_folder_of_prompts() -> None:
    with pytest.raises(InputError, match=r"no such prompt file"):
        load_prompts("ner", None, "fr")  # type: ignore[arg-type]
