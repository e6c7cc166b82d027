"""The report: one file that opens without a network and leads from a text to its errors and back."""

from pathlib import Path

import pytest

import evokd
from tests.browser.conftest import DOMAINS, SETS
from tests.browser.pages import Page
from tests.browser.routes import list_routes


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_page_opens_from_a_file_without_a_network_or_a_complaint(
    page: Page, runs: Path, reports: dict[str, str], domain: str
) -> None:
    run = evokd.open_run(runs / domain)
    for route in list_routes(run):
        page.open(reports[domain], route)
        assert page.name == route.split("/")[0], route
        assert page.find("main h1").text, route
        assert not page.all("main .fault h1"), route
        assert page.complaints() == [], route
    assert page.requests() == []


@pytest.mark.parametrize("route", ["nope", "constructor", "toString", "__proto__", "cycle/x", "sample/none", "call/.."])
def test_an_address_that_leads_nowhere_says_so(page: Page, reports: dict[str, str], route: str) -> None:
    page.open(reports["support_tickets"], route)
    assert page.find("main h1").text == "Not here"
    assert route.split("/")[-1] in page.find("main .fault").text
    assert page.complaints() == []


def test_the_first_screen_says_what_was_gained_for_what(page: Page, runs: Path, reports: dict[str, str]) -> None:
    summary = evokd.open_run(runs / "support_tickets").summary
    assert summary is not None
    page.open(reports["support_tickets"])
    first = page.browser.execute_script(
        "return [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().top < innerHeight)"
        ".map((e) => e.textContent).join(' ')"
    )
    metric = summary["metric"]
    assert f"{summary['start']['test'][metric]:.3f}" in first
    assert f"{summary['final']['test'][metric]:.3f}" in first
    assert f"{summary['totals']['samples']}" in first
    assert "token" in first
    page.until(lambda: page.all("main canvas, main svg"))


@pytest.mark.parametrize("domain", DOMAINS)
def test_clicks_lead_from_a_sample_to_its_error_and_back(
    page: Page, runs: Path, reports: dict[str, str], domain: str
) -> None:
    run = evokd.open_run(runs / domain)
    bought = [sample for sample in run.samples() if sample.weakness]
    assert bought, "the run has no text for a weakness; change SETTINGS"
    sample = bought[0]
    page.open(reports[domain], "texts")
    search(page, sample.text[:40])
    page.follow(f"sample/{sample.id}")
    assert sample.text in page.find("main pre.text").get_attribute("textContent")
    page.follow(f"weakness/{sample.weakness}")
    page.open(reports[domain], f"sample/{sample.id}")
    page.follow("case/")
    page.follow(f"weakness/{sample.weakness}")
    page.follow("case/")
    page.follow(f"sample/{sample.id.rsplit('-', 1)[0]}")
    assert page.complaints() == []


def test_clicks_lead_from_a_sample_to_what_was_asked_and_answered(
    page: Page, runs: Path, reports: dict[str, str]
) -> None:
    run = evokd.open_run(runs / "support_tickets")
    sample = next(sample for sample in run.samples() if sample.draft_call)
    call = next(call for call in run.calls() if call.id == sample.draft_call)
    page.open(reports["support_tickets"], f"sample/{sample.id}")
    page.follow(f"call/{call.id}")
    for summary in page.all("main details:not([open]) > summary"):
        page.click(summary)
    shown = page.find("main").get_attribute("textContent")
    assert call.request["turns"][0][1][:200] in shown
    assert f"{call.input_tokens:,}" in shown


def test_search_finds_a_text_and_says_where_there_is_none(page: Page, runs: Path, reports: dict[str, str]) -> None:
    sample = evokd.open_run(runs / "support_tickets").samples()[-1]
    page.open(reports["support_tickets"], "texts")
    search(page, sample.text[3:33].upper())
    assert sample.id in page.text
    search(page, "no text has these words")
    page.until(lambda: sample.id not in page.text)
    assert "No text matches" in page.text


def test_the_shipped_example_opens(page: Page, tmp_path: Path) -> None:
    written = evokd.report("example", out=tmp_path / "example.html")
    page.open(written.path.as_uri())
    assert "language-model" in page.text
    page.open(written.path.as_uri(), "weaknesses")
    page.follow("weakness/")
    page.follow("case/")
    assert page.complaints() == []
    assert written.path.stat().st_size < 3 * 2**20


def test_two_runs_are_compared(page: Page, runs: Path, tmp_path: Path) -> None:
    written = evokd.report(*(runs / domain for domain in DOMAINS), out=tmp_path / "two.html")
    page.open(written.path.as_uri())
    assert page.name == "compare"
    assert all(domain in page.text for domain in DOMAINS)
    assert page.complaints() == []


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_table_of_the_first_page_needs_a_scroll_bar_at_1200_pixels(
    page: Page, reports: dict[str, str], domain: str
) -> None:
    page.resize(1200)
    page.open(reports[domain])
    wide = page.browser.execute_script(
        "return [...document.querySelectorAll('main .scroll')].filter((e) => e.scrollWidth > e.clientWidth)"
        ".map((e) => e.getAttribute('aria-label'))"
    )
    assert wide == []


def test_the_table_of_the_agents_fits_with_prices_too(page: Page, reports: dict[str, str]) -> None:
    page.resize(1200)
    page.open(reports["support_tickets"])
    page.browser.execute_script(
        "const role = {role: 'generator', calls: 1234, input_tokens: 1.2e6, output_tokens: 2e5, cost_usd: 0.0123,"
        " seconds: 3000, slowest_call: 'x', slowest_seconds: 30, faults: 12, refused: 0};"
        "document.querySelector('.compact').parentElement.replaceWith(roleTable([role]))"
    )
    room = page.browser.execute_script(
        "const held = document.querySelector('.compact').parentElement; return [held.scrollWidth, held.clientWidth]"
    )
    assert room[0] <= room[1]


@pytest.mark.parametrize(
    ("low", "high"), [(0.81, 0.814), (0.8, 0.8), (0.0, 0.0), (0.3, 0.49), (0, 1), (0.8099, 0.8101), (0.9995, 1.0)]
)
def test_no_two_marks_of_an_axis_of_scores_read_the_same(
    page: Page, reports: dict[str, str], low: float, high: float
) -> None:
    page.open(reports["support_tickets"])
    marks = page.browser.execute_script(
        "const {axis} = scoreAxis('score', arguments[0]); const marks = [];"
        "for (let n = 0; axis.min + n * axis.interval <= axis.max + axis.interval / 2; n++)"
        " marks.push(axis.axisLabel.formatter(axis.min + n * axis.interval)); return marks",
        [low, high],
    )
    assert len(marks) > 1
    assert len(set(marks)) == len(marks)
    assert float(marks[0]) <= low
    assert float(marks[-1]) >= high


def test_marks_of_what_was_spent_are_told_with_the_digits_they_need(page: Page, reports: dict[str, str]) -> None:
    page.open(reports["support_tickets"])
    code = "const axis = spendingAxis('x', [0, arguments[0]]); return axis.axisLabel.formatter(axis.interval)"
    told = [page.browser.execute_script(code, most) for most in (0.4, 0.0031, 90, 25_000, 3_000_000)]
    assert told == ["0.1", "0.001", "20", "5,000", "500k"]


def test_texts_of_sets_show_their_labels_even_where_some_have_none(page: Page, reports: dict[str, str]) -> None:
    page.open(reports[SETS], "texts")
    heads = [head.text for head in page.all("main th")]
    assert "answer" in heads
    answers = {row.find_elements("css selector", "td")[heads.index("answer")].text for row in page.all("tbody tr")}
    assert "nothing" in answers
    assert answers - {"nothing"}


def search(page: Page, text: str) -> None:
    """Type into the search field, and wait for its result."""
    field = page.find("input[name=search]")
    field.clear()
    field.send_keys(text)
    page.until(lambda: "search=" in page.browser.current_url.replace("%20", "+") and page.find("main").text)
    page.until(lambda: page.find("input[name=search]").get_attribute("value") == text)
    page.until(
        lambda: text[-5:].replace(" ", "+") in page.browser.current_url.replace("%20", "+") or " of " in page.text
    )
    page.wait("texts")
