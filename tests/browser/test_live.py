"""The live pages: the same as in the file, and new as soon as a run goes on."""

import time
from pathlib import Path

import pytest

import evokd
from evokd.api import serve_pages
from tests.browser.conftest import DOMAINS
from tests.browser.pages import Page
from tests.browser.routes import list_routes
from tests.viewer.made_runs import MadeRun


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_page_is_served_without_a_complaint(page: Page, runs: Path, live: str, domain: str) -> None:
    for route in list_routes(evokd.open_run(runs / domain)):
        page.open(f"{live}/run/{domain}", route)
        assert page.name == route.split("/")[0], route
        assert page.find("main h1").text, route
        assert page.complaints() == [], route
    assert all(name.startswith(live) for name in page.requests())


def test_a_new_cycle_appears_without_a_reload(page: Page, tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "going").begin().add_cycle()
    with serve_pages(tmp_path, 0) as base:
        page.open(f"{base}/run/going", "cycles")
        page.browser.execute_script("window.__same = true")
        assert not page.all("main a[href='#/cycle/2']")
        run.add_cycle()
        page.until(lambda: page.all("main a[href='#/cycle/2']"))
        page.open(f"{base}/run/going", "overview")
        run.add_cycle().end()
        page.until(lambda: "done" in page.find("#live").text)
        page.open(f"{base}/run/going", "cycles")
        page.until(lambda: page.all("main a[href='#/cycle/3']"))
        assert page.browser.execute_script("return window.__same") is True
        assert page.complaints() == []
        page.browser.get("about:blank")


def test_a_run_that_goes_on_does_not_disturb_who_reads(page: Page, tmp_path: Path) -> None:
    run = MadeRun(tmp_path / "going").begin().add_cycle()
    with serve_pages(tmp_path, 0) as base:
        page.open(f"{base}/run/going", "cycle/1")
        folds = page.all("main details[data-key] > summary")
        page.click(folds[0])
        run.add_cycle()
        time.sleep(2.5)
        page.wait("cycle")
        assert page.all("main details[data-key][open]")
        run.end()
        page.browser.get("about:blank")


def test_the_list_of_runs_leads_to_a_run_and_to_a_comparison(page: Page, runs: Path, live: str) -> None:
    page.open(f"{live}/")
    assert page.name == "runs"
    assert all(domain in page.text for domain in DOMAINS)
    for domain in DOMAINS:
        page.click(page.find(f"input[value='{domain}']"))
    page.click(page.find("main button[type=submit]"))
    page.wait("compare")
    assert "run=support_tickets" in page.browser.current_url
    page.open(f"{live}/")
    page.click(page.find("a[href^='/run/support_tickets']"))
    page.wait("overview")
    assert page.complaints() == []


def test_search_finds_a_text(page: Page, runs: Path, live: str) -> None:
    sample = evokd.open_run(runs / "field_reports").samples()[-1]
    page.open(f"{live}/run/field_reports", "texts")
    page.find("input[name=search]").send_keys(sample.text[3:33])
    page.until(lambda: len(page.all("main tbody tr")) < 5 and sample.id in page.text)


@pytest.mark.parametrize("address", ["/run/support_tickets#/cycle/99", "/run/support_tickets#/nothing"])
def test_what_is_not_there_is_said_on_the_page(page: Page, runs: Path, live: str, address: str) -> None:
    page.open(f"{live}{address}")
    assert page.find("main .fault").text
