"""The page of a review: keys and clicks decide, texts stay texts, nobody else is asked for anything."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from evokd.messages import InputError
from evokd.review.app import create_app
from evokd.review.pending import ReviewSession
from evokd.review.serving import serve_beside
from tests.browser import pages
from tests.browser.pages import Page
from tests.review.waiting import ENTITIES, SETS, decided, wait

HOSTILE = {
    "c001-l01-d01": ("<script>document.title='x'</script><img src=x onerror=alert(1)> charged twice", "billing"),
    "c001-l01-d02": ("</textarea><b>bold</b> \u202eright to left", "login"),
    "c001-l01-d03": ("[a](javascript:alert(1)) &amp; https://evil.example/a.png", "billing"),
}


@pytest.fixture
def labels(tmp_path: Path) -> Iterator[tuple[ReviewSession, str]]:
    """A review of texts with a label each, and the address of its page."""
    session = wait(tmp_path / "ledger.db", HOSTILE)
    with serve_beside(create_app(session, "one", "secret")) as base:
        yield session, f"{base}/#secret"


@pytest.fixture
def spans(tmp_path: Path) -> Iterator[tuple[ReviewSession, str]]:
    """A review of texts with entities, and the address of its page."""
    session = wait(tmp_path / "spans.db", ENTITIES, "ner")
    with serve_beside(create_app(session, "one", "secret")) as base:
        yield session, f"{base}/#secret"


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.find("body").send_keys(key)


def wait_for(page: Page, session: ReviewSession, name: str, action: str) -> Any:
    return page.until(lambda: decided(session).get(name, ("",))[0] == action and decided(session)[name])


def test_keys_decide_and_move_on(page: Page, labels: tuple[ReviewSession, str]) -> None:
    session, address = labels
    page.open(address)
    assert page.name == "c001-l01-d01"
    assert "false" not in page.find("#text").text
    assert page.all("#list button[aria-current=true]") == page.all("#list button")[:1]
    press(page, "a")
    wait_for(page, session, "c001-l01-d01", "accept")
    page.wait("c001-l01-d02")
    press(page, "r")
    wait_for(page, session, "c001-l01-d02", "refuse")
    page.wait("c001-l01-d03")
    press(page, "3")
    assert wait_for(page, session, "c001-l01-d03", "correct")[1] == "=delivery"
    page.until(lambda: "3 of 3 decided" in page.find("#progress").text)
    press(page, "k", "k", "k")
    page.wait("c001-l01-d01")
    press(page, "j", "s")
    wait_for(page, session, "c001-l01-d02", "skip")
    assert page.complaints() == []


def test_a_wait_that_fails_shows_why_a_decision_was_refused(
    page: Page, labels: tuple[ReviewSession, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session, address = labels

    def refuse(*_: Any) -> None:
        raise InputError("the ledger is away for a moment")

    monkeypatch.setattr(session, "decide", refuse)
    monkeypatch.setattr(pages, "WAIT", 2.0)
    page.open(address)
    press(page, "a")
    told = r"not so after 2 s; page: c001-l01-d01; fault: .*the ledger is away for a moment; console: "
    with pytest.raises(AssertionError, match=told):
        wait_for(page, session, "c001-l01-d01", "accept")


def test_keys_switch_labels_of_a_set_and_zero_gives_none(page: Page, tmp_path: Path) -> None:
    session = wait(tmp_path / "sets.db", SETS, "multilabel")
    with serve_beside(create_app(session, "one", "secret")) as base:
        page.open(f"{base}/#secret")
        told = page.find("#keys").text
        assert "1 to 3 switch a label on and off, 0 switches all off (no label applies)" in told
        press(page, "2", "3", "a")
        assert wait_for(page, session, "c001-l01-d01", "correct")[1] == ["billing", "=delivery"]
        page.wait("c001-l01-d02")
        press(page, "3", "0", "a")
        wait_for(page, session, "c001-l01-d02", "accept")  # none is what the teacher said
        page.wait("c001-l01-d03")
        press(page, "0", "a")
        assert wait_for(page, session, "c001-l01-d03", "correct")[1] == []


def test_the_line_of_keys_says_what_numbers_do(
    page: Page, labels: tuple[ReviewSession, str], spans: tuple[ReviewSession, str]
) -> None:
    told = []
    for _, address in (labels, spans):
        page.open(address)
        told.append(page.find("#keys").text)
    assert "1 to 3 label" in told[0]
    assert "switch" not in told[0]
    assert "1 to 2 mark the selected words" in told[1]


def test_texts_stay_texts(page: Page, labels: tuple[ReviewSession, str]) -> None:
    _, address = labels
    page.open(address)
    for number, (text, _) in enumerate(HOSTILE.values()):
        page.click(page.all("#list button")[number])
        assert page.find(".words").text.replace("[U+202E]", "\u202e") == text
        assert not page.all(".words script, .words img, .words b, .words a")
    assert page.browser.title == "EvoKD: review"
    base = address.split("#")[0]
    assert all(name.startswith(base) for name in page.requests())
    assert page.complaints() == []


def test_entities_are_marked_by_selection_and_label(page: Page, spans: tuple[ReviewSession, str]) -> None:
    session, address = spans
    page.open(address)
    (mark,) = page.all(".words mark")
    assert mark.text.split() == ["Robin", "person"]
    field = page.find("#marked")
    page.browser.execute_script(
        "const at = arguments[0].value.indexOf('robins'); arguments[0].focus();"
        " arguments[0].setSelectionRange(at, at + 6)",
        field,
    )
    page.click(page.find("[aria-label=Labels] button:nth-child(2)"))
    assert field.get_property("value") == "[Robin](person) saw 😀 two [robins](species)"
    field.send_keys(Keys.ESCAPE)
    press(page, "a")
    answer = wait_for(page, session, "c001-l01-d01", "correct")[1]
    assert [(item["start"], item["end"], item["label"]) for item in answer] == [(0, 5, "person"), (16, 22, "species")]
    page.wait("c001-l01-d02")
    page.find("#marked").send_keys(" and more")
    page.click(page.all(".row button")[-3])
    page.until(lambda: "the words are not those of the text" in page.find("#fault").text)


def test_a_wrong_key_shows_nothing(page: Page, labels: tuple[ReviewSession, str]) -> None:
    _, address = labels
    page.open(address.replace("secret", "guess"))
    assert page.name == "fault"
    assert "the key is missing or wrong" in page.find("#text").text
    assert not page.all("#list li")


def test_no_barriers(page: Page, labels: tuple[ReviewSession, str], spans: tuple[ReviewSession, str]) -> None:
    for _, address in (labels, spans):
        for dark in (False, True):
            page.use_dark(dark)
            page.open(address)
            assert page.barriers("serious", "critical") == []
    page.use_dark(False)
    assert page.all("#marked"), page.find("body").text
