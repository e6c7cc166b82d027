"""What the shipped domain of defect reports has of its own: prompts, a partial that they share, a profile."""

import json
import re

import pytest

from evokd.api.prompt_sets import diff_prompts, lint_prompt_sets, list_prompts
from evokd.graph.setup.domain import Domain, find_domain, load_domain
from evokd.prompts.loader import base_folder

OWN = ("analyst", "generator", "labeler")


@pytest.fixture(scope="module")
def domain() -> Domain:
    return load_domain(find_domain("maengelmelder"))


@pytest.fixture(scope="module")
def rule(domain: Domain) -> list[str]:
    """Lines of the partial that says what decides about a label."""
    assert domain.prompts is not None
    text = (domain.prompts / "partials" / "wer_rueckt_aus.md").read_text(encoding="utf-8")
    return text.strip().splitlines()


def test_three_german_prompts_are_replaced_and_nothing_is_wrong_with_them(domain: Domain) -> None:
    assert lint_prompt_sets(domain) == []
    origins = {entry.role: (entry.language, entry.origin) for entry in list_prompts(domain)}
    assert origins == {
        **dict.fromkeys(OWN, ("de", "domain")),
        **dict.fromkeys(("profile", "guide"), ("de", "base")),
    }
    assert [(diff.role, diff.note) for diff in diff_prompts(domain)] == [(role, None) for role in OWN]


@pytest.mark.parametrize("role", OWN)
def test_the_rule_about_labels_is_added_to_every_prompt_of_its_own(domain: Domain, rule: list[str], role: str) -> None:
    (diff,) = diff_prompts(domain, [role])
    assert {f"+{line}" for line in rule} <= set(diff.lines)
    base = (base_folder("classification", "de") / f"{role}.md").read_text(encoding="utf-8")
    assert [line for line in rule if line in base] == []


def test_what_the_rule_calls_a_label_is_one(domain: Domain, rule: list[str]) -> None:
    named = re.findall(r"`(\w+)`", "\n".join(rule))
    assert named
    assert set(named) <= set(domain.codec.labels)


def test_the_profile_gives_the_lengths_of_the_pool(domain: Domain) -> None:
    assert domain.profile is not None
    assert list(domain.profile) == ["Länge", "getippt", "Ort", "Ton"]
    lines = (domain.folder / "pool.jsonl").read_text(encoding="utf-8").splitlines()
    words = [len(json.loads(line)["text"].split()) for line in lines]
    for value, share in domain.profile["Länge"]:
        least, most = map(int, re.findall(r"\d+", value)[:2])
        assert share == pytest.approx(sum(least <= count <= most for count in words) / len(words), abs=0.01)
