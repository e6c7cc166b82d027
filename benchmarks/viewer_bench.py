"""How fast the pages about a large run are: the report file, its first screen in a browser, every answer of the server.

    python -m benchmarks.viewer_bench [--keep FOLDER]

The run is made up: 20,000 samples, 5,300 calls of 9 KB, 100 cycles, 150 weaknesses. The first screen is measured in
headless Chromium, from the start of the navigation to the mark that the page sets once it is drawn; without selenium
and Chromium these lines are left out. Needs a checkout: the made run comes from the tests.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

from evokd import api
from evokd.api.viewing import serve_pages

FIRST_SCREEN = 2.0
"""Seconds from the start of the navigation that the first screen may take."""
ANSWER = 0.1
"""Seconds that an answer of the server may take, median of `TIMES`."""
TIMES = 5
RESOURCES = (
    *("overview", "cycles", "weaknesses", "scores", "timeline", "settings", "graph", "facets", "map"),
    *("cycle/0", "cycle/50", "cycle/100", "call/c050-analyst-1", "sample/c050-l01-d01", "calls", "calls?role=labeler"),
    *("samples", "samples?first=19950", "samples?search=nowhere", "samples?label=app_bug&cycle=50", "rows/test"),
    *("scores/test/refit", "scores/validation/c050"),
)
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    *("--disable-component-update", "--disable-sync", "--no-proxy-server", "--disable-dev-shm-usage"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

Row = tuple[str, float, float | None, str]
"""What, value, what it may be at most (None: no target), unit."""


def measure(folder: Path) -> Iterator[Row]:
    """Measure the pages of a made run in a folder."""
    from tests.viewer.made_runs import make_big

    run = make_big(folder / "big")
    yield "ledger.db", (run / "ledger.db").stat().st_size / 1e6, None, "MB"
    began = time.perf_counter()
    written = api.report(run)
    yield "report.html: time to write", time.perf_counter() - began, None, "s"
    yield "report.html: size", written.path.stat().st_size / 1e6, None, "MB"
    yield from _measure_screens(written.path.as_uri(), "report.html")
    with serve_pages(folder, 0) as base:
        yield from _measure_screens(f"{base}/run/big", "live page")
        yield "GET /api/runs", _median(lambda: _fetch(f"{base}/api/runs")), ANSWER, "s"
        for name in RESOURCES:
            address = f"{base}/api/run/big/{name}"
            yield f"GET {name}", _median(lambda address=address: _fetch(address)), ANSWER, "s"  # type: ignore[misc]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield "memory of this process, at most", peak, None, "MB"


def _fetch(address: str) -> None:
    with urlopen(Request(address, headers={"Accept-Encoding": "gzip"})) as answer:
        answer.read()


def _median(work: Callable[[], None]) -> float:
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _measure_screens(address: str, name: str) -> Iterator[Row]:
    """Measure the first screen in a browser that was never there before."""
    try:
        from selenium.webdriver import Chrome, ChromeOptions
        from selenium.webdriver.chrome.service import Service
        from selenium.webdriver.support.ui import WebDriverWait
    except ImportError:
        return
    seconds, heap = [], 0.0
    for _ in range(3):
        with tempfile.TemporaryDirectory() as profile:
            options = ChromeOptions()
            options.binary_location = "/usr/bin/chromium"
            for flag in (*_FLAGS, f"--user-data-dir={profile}"):
                options.add_argument(flag)
            browser = Chrome(options, Service("/usr/bin/chromedriver"))
            try:
                browser.get(address)
                WebDriverWait(browser, 60, 0.02).until(lambda b: b.execute_script("return window.__ready"))
                seconds.append(float(browser.execute_script("return window.__ready")) / 1000)
                heap = browser.execute_script("return performance.memory.usedJSHeapSize") / 1e6
            finally:
                browser.quit()
    yield f"{name}: first screen", statistics.median(seconds), FIRST_SCREEN, "s"
    yield f"{name}: script memory", heap, None, "MB"


def main() -> int:
    """Measure, print a table; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--keep", type=Path, help="folder for the run and its report, which is kept")
    folder = parser.parse_args().keep
    missed = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name, value, target, unit in measure(folder or Path(scratch)):
            is_missed = target is not None and value > target
            missed += is_missed
            wanted = "" if target is None else f"at most {target:g} {unit}{'  MISSED' if is_missed else ''}"
            print(f"{name:36} {value:9.3f} {unit:3} {wanted}".rstrip(), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
