"""The documentation as a site: it builds without a warning, has every page in its order, and asks no other host."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("mkdocs", reason="the site needs mkdocs: pip install 'evokd[docs]'")
pytest.importorskip("material", reason="the site needs mkdocs-material: pip install 'evokd[docs]'")

ROOT = Path(__file__).parents[2]
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
_LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"?([^\s\">]+)|<link\b[^>]*\bhref=\"?([^\s\">]+)")


def build(folder: Path, out: Path) -> subprocess.CompletedProcess[str]:
    # no --quiet: what it does not print, --strict does not count
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site") / "site"
    done = build(ROOT, out)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return out


def pages_of(items: list[Any]) -> Iterator[str]:
    """Files named in a part of the navigation, in order."""
    for item in items:
        below = next(iter(item.values())) if isinstance(item, dict) else item
        if isinstance(below, list):
            yield from pages_of(below)
        else:
            yield below


def test_every_page_is_in_the_navigation_once() -> None:
    named = list(pages_of(CONFIG["nav"]))
    there = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))
    assert sorted(named) == there
    assert named[:2] == ["index.md", "tutorial.md"]


def test_the_site_has_every_page(site: Path) -> None:
    for name in pages_of(CONFIG["nav"]):
        page = Path(name).with_suffix(".html")
        assert (site / (page.with_name("index.html") if page.name == "README.html" else page)).is_file()


def test_files_that_the_pages_load_are_there(site: Path) -> None:
    for page in sorted(site.rglob("*.html")):
        for script, link in _LOADED.findall(page.read_text(encoding="utf-8")):
            name = script or link
            if page.name != "404.html" and not name.startswith("data:"):
                assert (page.parent / name.split("#")[0]).exists(), f"{page}: {name}"


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert pages
    for page in pages:
        loaded = [script or link for script, link in _LOADED.findall(page.read_text(encoding="utf-8"))]
        assert loaded, page
        assert [name for name in loaded if name.startswith(("http:", "https:", "//"))] == [], page


def test_a_broken_link_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("# Home\n\n[away](gone.md), [inside](#nowhere)\n", encoding="utf-8")
    config = {"site_name": "x", "validation": CONFIG["validation"]}
    (tmp_path / "mkdocs.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = build(tmp_path, tmp_path / "out")
    assert done.returncode == 1
    assert "gone.md" in done.stderr
    assert "#nowhere" in done.stderr


def test_the_site_is_neither_committed_nor_shipped() -> None:
    assert "site/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert CONFIG["site_dir"] == "site"
