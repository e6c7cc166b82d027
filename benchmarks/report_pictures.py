"""Draw the README's pictures of the report: `python -m benchmarks.report_pictures`, in a checkout after `make browser`.

They show pages of the report on the run that comes with the program, in Chromium.
"""

import shutil
import tempfile
import time
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

import evokd

DOCS = Path(__file__).parents[1] / "docs"
WIDTH = 1180
PICTURES = {
    "report.png": ("overview", 980),
    "conversation.png": ("cycle/2", 1060),
    "lineage.png": ("sample/c002-l02-d01", 1180),
}
"""File in docs/ -> page of the report, and height in pixels."""
_PATIENCE = 10.0
"""Seconds to wait for a page."""
_DRAWING = 1.0
"""Seconds that a chart takes to come to rest."""


def main() -> None:
    """Draw all pictures."""
    with tempfile.TemporaryDirectory() as folder:
        report = evokd.report("example", out=Path(folder, "report.html")).path
        browser = _start()
        try:
            for name, (page, height) in PICTURES.items():
                _draw(browser, f"{report.as_uri()}#/{page}", height, DOCS / name)
                print(DOCS / name)
        finally:
            browser.quit()


def _start() -> Chrome:
    options = ChromeOptions()
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "hide-scrollbars", "disable-background-networking"):
        options.add_argument(f"--{flag}")
    return Chrome(options=options, service=Service(shutil.which("chromedriver")))


def _draw(browser: Chrome, address: str, height: int, path: Path) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": WIDTH, "height": height, "deviceScaleFactor": 1, "mobile": False},
    )
    browser.get("about:blank")
    browser.get(address)
    end = time.monotonic() + _PATIENCE
    while not browser.execute_script("return document.body.hasAttribute('data-ready')"):
        if time.monotonic() > end:
            raise TimeoutError(f"{address}: not drawn after {_PATIENCE} s")
        time.sleep(0.05)
    time.sleep(_DRAWING)
    browser.save_screenshot(str(path))


if __name__ == "__main__":
    main()
