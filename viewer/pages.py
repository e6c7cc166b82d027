"""The one page that shows everything: with its scripts linked for the live server, or all in one file for a report."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

STATIC = Path(__file__).with_name("static")
SCRIPTS = (
    "vendor/echarts.common.min.js",
    "dom.js",
    "words.js",
    "source.js",
    "charts.js",
    "parts.js",
    "curve.js",
    "timeline.js",
    "overview.js",
    "cycles.js",
    "weaknesses.js",
    "lineage.js",
    "texts.js",
    "text_map.js",
    "scores.js",
    "calls.js",
    "setup.js",
    "compare.js",
    "app.js",
)
STYLE = "style.css"


def make_live_page(title: str, start: Mapping[str, object]) -> str:
    """Make the page of the live server.

    Args:
        title: of the window.
        start: what the script is told: `mode` (`run`, `runs` or `compare`) and the run's id.
    """
    links = [f"/static/{name}" for name in SCRIPTS]
    return _template().render(
        title=title,
        style_link=f"/static/{STYLE}",
        style="",
        script_links=links,
        scripts=[],
        start=_inline(start),
        chunks={},
        policy="",
    )


def make_file_page(title: str, start: Mapping[str, object], chunks: Mapping[str, bytes]) -> str:
    """Make a page that holds everything and asks nobody for anything.

    Args:
        title: of the window.
        start: as of `make_live_page`, with `mode` `file` and the `runs`.
        chunks: name -> JSON, compressed by gzip.
    """
    scripts = [_read_script(name) for name in SCRIPTS]
    return _template().render(
        title=title,
        style_link="",
        style=(STATIC / STYLE).read_text(encoding="utf-8"),
        script_links=[],
        scripts=scripts,
        start=_inline(start),
        chunks={name: base64.b64encode(chunk).decode("ascii") for name, chunk in chunks.items()},
        policy=_make_policy(scripts),
    )


def _template() -> Template:
    environment = Environment(loader=FileSystemLoader(STATIC), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page.html.jinja")


def _read_script(name: str) -> str:
    text = (STATIC / name).read_text(encoding="utf-8")
    if "</script" in text.lower() or "<!--" in text:
        raise ValueError(f"{name}: would end the script element that holds it")
    return text


def _make_policy(scripts: Sequence[str]) -> str:
    """A content security policy that allows these scripts alone, and no request."""
    hashes = (base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii") for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none';"
        " form-action 'none'"
    )


def _inline(value: object) -> str:
    """JSON for a script element that is data: no character of it can end the element."""
    text = json.dumps(value, ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def make_frame(page: str, height: int = 720) -> str:
    """Put a page into a frame of its own, as a notebook shows it; `height` in pixels."""
    return (
        f'<iframe title="EvoKD report" sandbox="allow-scripts" style="width:100%;height:{height}px;border:0"'
        f' srcdoc="{escape(page)}"></iframe>'
    )
