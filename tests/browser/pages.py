"""A page in the browser, as the tests look at it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

_AXE = Path(__file__).with_name("node_modules") / "axe-core" / "axe.min.js"
_CHECK = """
const done = arguments[arguments.length - 1];
axe.run(document, {resultTypes: ["violations"]}).then(
  (found) => done(found.violations.map((rule) => ({
    id: rule.id, impact: rule.impact, help: rule.help,
    nodes: rule.nodes.slice(0, 5).map((node) => `${node.target.join(" ")}: ${node.failureSummary}`.slice(0, 400)),
  }))),
  (error) => done([{id: "axe", impact: "critical", help: String(error), nodes: []}]));
"""
WAIT = 20.0
"""Seconds that a page has."""


class Page:
    """Opens pages, clicks, and looks."""

    def __init__(self, browser: Chrome) -> None:
        self.browser = browser

    def open(self, address: str, route: str = "") -> "Page":
        """Open an address (with the part after "#" from `route`) and wait until it is drawn."""
        if route and self.browser.current_url.split("#")[0] == address:
            self._go(lambda: self.browser.execute_script("location.hash = arguments[0]", f"#/{route}"))
        else:
            self.browser.get("about:blank")
            self.browser.get(f"{address}#/{route}" if route else address)
        return self.wait()

    def _go(self, leave: Callable[[], object]) -> None:
        """Leave a page: what says that it is drawn is of the next one afterwards."""
        self.browser.execute_script("document.body.removeAttribute('data-ready')")
        leave()

    def wait(self, name: str | None = None) -> "Page":
        """Wait until a page is drawn; `name`: that this one is."""
        wanted = f"[data-ready='{name}']" if name else "[data-ready]"
        self.until(lambda: self.browser.find_elements(By.CSS_SELECTOR, f"body{wanted}"))
        return self

    def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until a function returns something true; returns it."""
        waiting = WebDriverWait(self.browser, WAIT, 0.05, [StaleElementReferenceException])
        try:
            return waiting.until(lambda _: holds())
        except TimeoutException:
            raise AssertionError(f"not so after {WAIT:g} s; {self._tell_state()}") from None

    def _tell_state(self) -> str:
        """Say which page is shown, what it says is wrong, and what the console holds."""
        shown = self.browser.execute_script("return document.body.dataset.ready || 'none that is drawn'")
        seek = "return [...document.querySelectorAll('.fault, [role=alert]')].map((found) => found.textContent)"
        faults = [text for text in self.browser.execute_script(seek) if text]
        console = self.complaints()
        return f"page: {shown}; fault: {' / '.join(faults) or 'none'}; console: {' / '.join(console) or 'empty'}"

    @property
    def name(self) -> str:
        """The page that is shown; a live page may just be drawn anew, so it has a moment."""
        return str(self.until(lambda: self.browser.execute_script("return document.body.dataset.ready")))

    @property
    def text(self) -> str:
        """All that is visible in the main part."""
        return self.find("main").text

    def find(self, selector: str) -> WebElement:
        """The first element that matches."""
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        """All elements that match."""
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def click(self, element: WebElement) -> None:
        """Click an element, in view."""
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def follow(self, start: str) -> "Page":
        """Click the first visible link to a page whose route begins so, and wait until that page is drawn."""
        links = [link for link in self.all(f"main a[href^='#/{start}']") if link.is_displayed()]
        assert links, f"no link to {start} on {self.name}"
        self._go(lambda: self.click(links[0]))
        return self.wait(start.split("/")[0])

    def resize(self, width: int) -> None:
        """Give the page another width in pixels, until the test ends."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def use_dark(self, dark: bool) -> None:
        """Ask for dark or light colours."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def complaints(self) -> list[str]:
        """What the console holds since it was last looked at."""
        return [entry["message"] for entry in self.browser.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses of everything that the page has asked for beside itself."""
        code = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        return [name for name in self.browser.execute_script(code) if not name.startswith("data:")]

    def barriers(self, *impacts: str) -> list[str]:
        """What axe-core finds on the page, of these impacts, a line each."""
        if not self.browser.execute_script("return typeof axe === 'object'"):
            self.browser.execute_script(_AXE.read_text(encoding="utf-8") + "\nwindow.axe = axe;")
        found = self.browser.execute_async_script(_CHECK)
        return [json.dumps(rule, ensure_ascii=False) for rule in found if rule["impact"] in impacts]
