"""The table of what a large pool costs: sizes side by side, ten million lines by the growth between the largest two."""

from pathlib import Path

from benchmarks.pool_bench import tabulate, write_domain
from evokd.graph.setup.domain import load_domain
from evokd.graph.setup.run_settings import Settings
from evokd.graph.setup.unlabeled_pool import add_pool


def test_ten_million_lines_are_reckoned_by_the_growth() -> None:
    small = {"cpu": 1.5, "wall": 3.0, "memory": 100.0, "lines": 100_000.0}
    large = {"cpu": 10.5, "wall": 21.0, "memory": 190.0, "lines": 1_000_000.0}
    table = list(tabulate({100_000: {"choose": small}, 1_000_000: {"choose": large, "disk": {"megabytes": 900.4}}}))
    assert "| 1,000,000 | choose | 10.5 | 10.5 | 21.0 | 190 |" in table
    assert "| 1,000,000 | on disk | | | | 900 |" in table
    assert table[-1] == "| 10,000,000 (reckoned) | choose | 100 | | | 1,090 |"


def test_its_domain_is_a_domain_with_so_many_lines(tmp_path: Path) -> None:
    write_domain(tmp_path / "made", 300)
    domain = add_pool(load_domain(tmp_path / "made"), Settings())
    assert domain.pool_file is not None
    assert len(domain.pool_file.read_text(encoding="utf-8").splitlines()) == 300
    assert len(domain.pool) > 280
