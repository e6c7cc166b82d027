"""Nothing serious stands in the way of people who use a keyboard, a screen reader, or strong contrast."""

from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import evokd
from tests.browser.conftest import DOMAINS
from tests.browser.pages import Page
from tests.browser.routes import list_routes


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("domain", DOMAINS)
def test_axe_finds_nothing_serious(page: Page, runs: Path, reports: dict[str, str], domain: str, dark: bool) -> None:
    page.use_dark(dark)
    found = []
    for route in list_routes(evokd.open_run(runs / domain)):
        page.open(reports[domain], route)
        for summary in page.all("main details:not([open]) > summary")[:3]:
            page.click(summary)
        found += [f"{route}: {barrier}" for barrier in page.barriers("serious", "critical")]
    assert found == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious_on_lists_and_comparisons(page: Page, runs: Path, live: str, dark: bool) -> None:
    page.use_dark(dark)
    found = []
    for path in ("/", f"/compare?run={DOMAINS[0]}&run={DOMAINS[1]}"):
        page.open(f"{live}{path}")
        found += [f"{path}: {barrier}" for barrier in page.barriers("serious", "critical")]
    assert found == []


def test_axe_would_find_a_fault(page: Page, reports: dict[str, str]) -> None:
    page.open(reports["support_tickets"])
    page.browser.execute_script("document.querySelector('main').append(document.createElement('button'))")
    assert any("button-name" in barrier for barrier in page.barriers("critical"))


def test_the_keyboard_reaches_the_content_and_the_pages(page: Page, reports: dict[str, str]) -> None:
    page.open(reports["support_tickets"])
    body = page.browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert page.browser.switch_to.active_element.get_attribute("class") == "skip"
    for _ in range(4):
        page.browser.switch_to.active_element.send_keys(Keys.TAB)
    page.browser.switch_to.active_element.send_keys(Keys.ENTER)
    page.wait()
    assert page.complaints() == []


@pytest.mark.parametrize("width", [360, 768])
def test_a_page_is_no_wider_than_a_phone(page: Page, runs: Path, reports: dict[str, str], width: int) -> None:
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    )
    try:
        for route in list_routes(evokd.open_run(runs / "support_tickets")):
            page.open(reports["support_tickets"], route)
            wide = page.browser.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, f"{route}: {wide} pixels"
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
