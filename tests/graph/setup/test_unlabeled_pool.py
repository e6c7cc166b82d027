"""The user's unlabelled texts: what is left out of them, which of them are kept, and what is told of it."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from evokd.cli import main
from evokd.graph.setup import unlabeled_pool
from evokd.graph.setup.domain import Domain, load_domain
from evokd.graph.setup.run_settings import Settings
from evokd.graph.setup.unlabeled_pool import add_pool, use_lines
from tests.graph.toy import read_rows, write_domain

SETTINGS = Settings()


@pytest.fixture
def domain(tmp_path: Path) -> Domain:
    return load_domain(write_domain(tmp_path / "toy"))


def use(domain: Domain, *texts: str, settings: Settings = SETTINGS) -> Domain:
    return use_lines(domain, settings, Path("pool.txt"), list(enumerate(texts, start=1)))


def test_each_text_stands_in_the_pool_once_with_its_line(domain: Domain) -> None:
    found = use(domain, "where is my parcel", "cancel it please", "Where is my  parcel")
    assert [(item.source, item.text) for item in found.pool] == [
        ("pool.txt:1", "where is my parcel"),
        ("pool.txt:2", "cancel it please"),
    ]
    assert found.notes[-1] == "pool.txt: the pool has 2 of 3 lines; left out: 1 repeated"


def test_seeds_and_validation_and_test_texts_and_near_copies_of_these_are_left_out(domain: Domain) -> None:
    held, asked = domain.test[0].text, domain.validation[0].text
    found = use(domain, domain.seeds[0].text, held, asked + " ok", "another text altogether")
    assert [item.text for item in found.pool] == ["another text altogether"]
    assert "1 among the seeds" in found.notes[-1]
    assert "2 validation or test texts, or nearly the same" in found.notes[-1]


def test_texts_that_no_student_could_learn_are_left_out(domain: Domain) -> None:
    found = use(domain, "x", "a good text of some words", "long " * 5_000)
    assert [item.text for item in found.pool] == ["a good text of some words"]
    assert "2 too short, too long or broken" in found.notes[-1]


def test_of_very_many_lines_a_sample_is_kept_whatever_their_order(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlabeled_pool, "MOST", 50)
    lines = [f"this is the text of line {number}" for number in range(1_000)]
    found = use(domain, *lines)
    assert len(found.pool) == 50
    assert "950 beyond the 50 that are kept" in found.notes[-1]
    numbers = [int(item.source.split(":")[1]) for item in found.pool]
    assert numbers == sorted(numbers)
    assert 300 < sum(numbers) / 50 < 700, "from all over the file"
    shuffled = random.Random(1).sample(lines, len(lines))
    assert {item.text for item in use(domain, *shuffled).pool} == {item.text for item in found.pool}


def test_a_setting_draws_fewer_lines_by_the_seed(domain: Domain) -> None:
    lines = [f"this is the text of line {number}" for number in range(100)]

    def draw(seed: int) -> list[str]:
        settings = SETTINGS.model_copy(update={"seed": seed, "rows": SETTINGS.rows.model_copy(update={"pool": 10})})
        return [item.text for item in use(domain, *lines, settings=settings).pool]

    assert len(draw(1)) == 10
    assert draw(1) == draw(1) != draw(2)


def test_the_pool_of_a_domain_is_the_file_that_it_names(tmp_path: Path, domain: Domain) -> None:
    assert add_pool(domain, SETTINGS).pool == ()
    path = tmp_path / "mine.csv"
    path.write_text("text,when\nmy parcel did not come,today\n", encoding="utf-8")
    named = replace(domain, pool_file=path)
    assert [item.source for item in add_pool(named, SETTINGS).pool] == ["mine.csv:2"]
    without = SETTINGS.model_copy(update={"rows": SETTINGS.rows.model_copy(update={"pool": 0})})
    assert add_pool(named, without).pool == ()


def test_check_tells_of_the_pool_and_of_its_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_domain(tmp_path / "toy")
    text = (folder / "domain.yaml").read_text(encoding="utf-8")
    (folder / "domain.yaml").write_text(text.replace("data:\n", "data:\n  pool: pool.jsonl\n"), encoding="utf-8")
    (folder / "pool.jsonl").write_text('{"text": "my parcel did not come"}\n', encoding="utf-8")
    assert main.run_cli(["check", str(folder), "--teacher", "rehearsal"]) == 0
    told = capsys.readouterr().out
    assert "the pool has" not in told
    assert ", 1 unlabelled" in told
    assert "hint domain.yaml: unlabelled texts: 1\n  -> a few hundred help most" in told
    (folder / "pool.jsonl").write_text('{"text": "my parcel"}\n{"txt": "x"}\n', encoding="utf-8")
    assert main.run_cli(["check", str(folder), "--teacher", "rehearsal"]) == 2
    error = capsys.readouterr().err
    assert "pool.jsonl:2: no text" in error
    assert "Traceback" not in error
    (folder / "pool.jsonl").unlink()
    (folder / "pool.jsonl").mkdir()
    assert main.run_cli(["check", str(folder), "--teacher", "rehearsal"]) == 2
    assert "is a folder, not a file (join the files in it into one)" in " ".join(capsys.readouterr().err.split())


def test_check_advises_to_give_unlabelled_texts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_domain(tmp_path / "toy")
    for options, advised in (([], True), (["--preset", "zerogen"], False), (["--set", "rows.pool=0"], False)):
        assert main.run_cli(["check", str(folder), "--teacher", "rehearsal", *options]) == 0
        assert ("a few hundred of your own" in " ".join(capsys.readouterr().out.split())) is advised


@pytest.mark.parametrize(
    ("lines", "preset", "advised"),
    [
        (5, "evokd", "unlabelled texts: 5 -> a few hundred help most"),
        (200, "evokd", None),
        (200, "labelled-pool", "the pool holds 200 texts, so this run ends before its 201 samples"),
        (201, "labelled-pool", None),
        (5, "zerogen", None),
    ],
)
def test_check_says_where_a_pool_is_too_small(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: int, preset: str, advised: str | None
) -> None:
    folder = write_domain(tmp_path / "toy")
    text = (folder / "domain.yaml").read_text(encoding="utf-8")
    (folder / "domain.yaml").write_text(text.replace("data:\n", "data:\n  pool: pool.txt\n"), encoding="utf-8")
    texts = (f"{number} {random.Random(number).random()} parcel" for number in range(lines))
    (folder / "pool.txt").write_text("\n".join(texts), encoding="utf-8")
    options = ["--teacher", "rehearsal", "--preset", preset, "--budget-samples", "201"]
    assert main.run_cli(["check", str(folder), *options]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "hint domain.yaml:" not in told if advised is None else f"hint domain.yaml: {advised}" in told


@pytest.mark.parametrize("name", ["support_tickets", "field_reports", "maengelmelder"])
def test_shipped_pools_hold_none_of_the_texts_that_are_scored_on(name: str) -> None:
    shipped = Path(__file__).parents[3] / "domains" / name
    domain = add_pool(load_domain(shipped), SETTINGS)
    assert len(domain.pool) >= 200
    assert len(domain.pool) == len(read_rows(shipped / "pool.jsonl")), "nothing of it had to be left out"
