"""A browser without a network, and runs for it to look at."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

import evokd
from evokd.api import serve_pages
from tests.browser.pages import Page
from tests.multilabel_rows import write_domain
from tests.viewer.made_runs import make_hostile

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--no-first-run", "--no-proxy-server", "--disable-dev-shm-usage"),
    *("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--window-size=1280,900"),
)
SETTINGS: dict[str, Any] = {
    "student.tune": "head",
    "stop.cycles": 3,
    "budget.samples": 90,
    "curriculum.quotas.drafts": 30,
    "curriculum.analyst": {"first": 1, "every": 1, "above_chance": 0.0},
    "seed": 1,
}
"""A run of some seconds in which the Analyst is asked from the first cycle on."""
SETS = "hut"
"""A domain with any number of labels per text."""
DOMAINS = ("support_tickets", "field_reports", SETS)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Debian's Chromium with a profile of its own; no name but this machine's is resolved."""
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service("/usr/bin/chromedriver"))
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: Chrome) -> Page:
    """The page of the browser, empty, with nothing in its console."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get("about:blank")
    browser.get_log("browser")
    return Page(browser)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short rehearsal run of each of `DOMAINS`, and one whose every text is an attack."""
    folder = tmp_path_factory.mktemp("runs")
    sets = str(write_domain(tmp_path_factory.mktemp("domains") / SETS))
    for name in DOMAINS:
        evokd.run(sets if name == SETS else name, settings=SETTINGS, runs_dir=folder, run_id=name)
    make_hostile(folder / "hostile")
    return folder


@pytest.fixture(scope="session")
def reports(runs: Path) -> dict[str, str]:
    """Name of a run -> the address of its report as a file."""
    names = [*DOMAINS, "hostile"]
    return {name: evokd.report(runs / name).path.as_uri() for name in names}


@pytest.fixture(scope="session")
def live(runs: Path) -> Iterator[str]:
    """Address of the live pages about the runs."""
    with ExitStack() as stack:
        yield stack.enter_context(serve_pages(runs, 0))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say what is missing before the first test fails on it."""
    axe = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
    if items and not axe.is_file():
        raise pytest.UsageError(json.dumps(f"{axe}: missing; run the tests with: make browser"))
