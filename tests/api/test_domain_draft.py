"""A language model drafts the words of a new domain, from seeds and unlabelled texts alone; it never stops init."""

import functools
from pathlib import Path
from typing import Any

import pytest
import yaml

import evokd
from evokd.agents.llm.client import Teacher
from evokd.api import domain_draft
from evokd.messages import InputError
from tests.intake.sources import ENTITIES, TEXTS, write_source
from tests.scripted import ScriptedTeacher, message_of

URL = "http://teacher.test/v1"
DRAFT = {
    "description": "Notes that customers\nwrite to a [hardware shop] # 'fast'.",
    "meanings": [
        {"label": "question", "meaning": 'wants to know something: "when", or \\ how'},
        {"label": "praise", "meaning": "is content\u2028and says so"},
        {"label": "complaint", "meaning": "wants something put right"},
    ],
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Ninety labelled rows and a few without a label."""
    rows = [f'"{text} Case {n * 37} of {n * 11}.",{label}' for n in range(8) for text, label, _ in TEXTS]
    return write_source(tmp_path, "a.csv", "\n".join(["text,label", *rows, "nobody has labelled this one,"]) + "\n")


def draft(folder: Path, source: Path, steps: list[Any], monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], Any]:
    with ScriptedTeacher(steps) as script:
        monkeypatch.setattr(domain_draft, "Teacher", functools.partial(Teacher, transport=script))
        return evokd.init_domain(folder / "new", source=source, teacher="m-1", base_url=URL), script


def test_a_draft_is_marked_and_read_back_as_it_was_written(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts, script = draft(tmp_path, source, [DRAFT], monkeypatch)
    assert facts["drafted_by"] == "m-1"
    domain = evokd.load_domain(tmp_path / "new")
    assert domain.file.description == "Notes that customers write to a [hardware shop] # 'fast'."
    assert domain.file.labels["question"] == 'wants to know something: "when", or \\ how'
    assert domain.file.labels["praise"] == "is content and says so"
    text = (tmp_path / "new" / "domain.yaml").read_text(encoding="utf-8")
    assert text.count("# drafted by m-1, edit it") == 4
    assert any("1 call, 100 tokens read, 20 written" in note for note in facts["notes"])
    kind, message = message_of(script.requests[0])
    assert kind == "domain_evidence"
    shown = {row["text"] for row in message["rows"]} | {*message["texts"]}
    assert shown <= {row.text for row in domain.seeds} | {"nobody has labelled this one"}
    assert {row["gold"] for row in message["rows"]} == {"question", "praise", "complaint"}


def test_entities_are_shown_as_their_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_source(tmp_path, *ENTITIES["doccano"])
    reply = {"description": "Notes to a shop.", "meanings": [{"label": "person", "meaning": "a given name"}]}
    _, script = draft(tmp_path, source, [reply], monkeypatch)
    _, message = message_of(script.requests[0])
    assert all(row["gold"][0]["text"] in row["text"] for row in message["rows"])
    assert evokd.load_domain(tmp_path / "new").file.labels == {"person": "a given name"}


def test_a_meaning_that_is_missing_is_asked_for_again_and_told(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = {**DRAFT, "meanings": DRAFT["meanings"][:2]}
    facts, _ = draft(tmp_path, source, [part, part], monkeypatch)
    assert "no meaning was drafted for complaint" in facts["notes"]
    assert yaml.safe_load((tmp_path / "new" / "domain.yaml").read_text())["labels"]["complaint"] == "complaint"


REFUSALS: dict[str, list[Any]] = {
    "refused": [(400, {"error": {"message": "no such kind of message"}})] * 4,
    "no JSON": ["I would rather not.", "Really not."],
    "an empty description": [{**DRAFT, "description": " "}] * 2,
}


@pytest.mark.parametrize("steps", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_does_not_stop_init(
    tmp_path: Path, source: Path, steps: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = ScriptedTeacher(steps)
    monkeypatch.setattr(domain_draft, "Teacher", functools.partial(Teacher, transport=script))
    facts = evokd.init_domain(tmp_path / "new", source=source, teacher="m-1", base_url=URL)
    assert facts["drafted_by"] is None
    (note,) = [note for note in facts["notes"] if note.startswith("no draft from m-1: ")]
    assert "left for you to write" in note
    assert evokd.load_domain(tmp_path / "new").file.labels["praise"] == "praise"


def test_what_cannot_be_asked_is_told_before_the_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"teacher": "m-1"}, "no key in the environment variable OPENAI_API_KEY"),
        ({"teacher": "rehearsal"}, "it cannot draft"),
        ({"base_url": URL}, "name it with --teacher"),
        ({"teacher": "m-1", "base_url": "nowhere"}, "--base-url: write the whole address"),
    ]
    for given, told in cases:
        with pytest.raises(InputError, match=told):
            evokd.init_domain(tmp_path / "new", source=tmp_path / "gone.csv", **given)
    with pytest.raises(InputError, match="give them with --from FILE"):
        evokd.init_domain(tmp_path / "new", teacher="m-1", base_url=URL)
