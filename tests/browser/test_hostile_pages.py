"""Texts of users and models stay texts: nothing of them runs, and no page breaks."""

from pathlib import Path

import pytest
from selenium.common.exceptions import NoAlertPresentException

import evokd
from tests.browser.pages import Page
from tests.browser.routes import list_routes
from tests.viewer.made_texts import ATTACKS


def assert_unharmed(page: Page, route: str) -> None:
    """Nothing ran, nothing was loaded, and the page is there from its beginning to its end."""
    with pytest.raises(NoAlertPresentException):
        page.browser.switch_to.alert.text  # noqa: B018
    assert page.browser.execute_script("return typeof window.__pwned") == "undefined", route
    assert page.complaints() == [], route
    assert page.name == route.split("/")[0], route
    foreign = "main script, main img, main iframe, main object, main svg [onload], main a[href^='javascript']"
    assert page.all(foreign) == [], route
    assert page.find("#bottom").text, route
    assert page.browser.execute_script("return document.querySelectorAll('main').length") == 1


def test_a_report_of_attacks_is_unharmed(page: Page, runs: Path, reports: dict[str, str]) -> None:
    run = evokd.open_run(runs / "hostile")
    for route in list_routes(run):
        page.open(reports["hostile"], route)
        for summary in page.all("main details:not([open]) > summary"):
            page.click(summary)
        assert_unharmed(page, route)
    assert page.requests() == []


def test_live_pages_of_attacks_are_unharmed(page: Page, runs: Path, live: str) -> None:
    for route in list_routes(evokd.open_run(runs / "hostile")):
        page.open(f"{live}/run/hostile", route)
        assert_unharmed(page, route)
    page.open(f"{live}/")
    assert_unharmed(page, "runs")


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack.isprintable()])
def test_every_attack_is_readable_on_its_page(page: Page, runs: Path, reports: dict[str, str], attack: str) -> None:
    samples = evokd.open_run(runs / "hostile").samples()
    sample = next(sample for sample in samples if sample.text.startswith(attack))
    page.open(reports["hostile"], f"sample/{sample.id}")
    assert attack in page.find("main pre.text").get_attribute("textContent")
    assert_unharmed(page, "sample")


def test_a_text_of_a_megabyte_is_cut_in_lists_and_whole_on_its_page(
    page: Page, runs: Path, reports: dict[str, str]
) -> None:
    sample = max(evokd.open_run(runs / "hostile").samples(), key=lambda sample: len(sample.text))
    page.open(reports["hostile"], "texts")
    assert len(page.find("main").get_attribute("textContent")) < 100_000
    page.open(reports["hostile"], f"sample/{sample.id}")
    assert len(page.find("main pre.text").get_attribute("textContent")) > 2**20
    assert_unharmed(page, "sample")
