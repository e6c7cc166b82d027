"""Measured runs, tables, the report and its pictures."""

import json
import re
from pathlib import Path

import pytest

import evokd.experiments.report
from evokd.cli import main
from evokd.experiments.charts import ChartData, average, draw
from evokd.experiments.results import measure, pair
from evokd.experiments.tables import (
    difference_table,
    format_reach,
    label_table,
    reach_table,
    scores_table,
    tokens_table,
)
from tests.experiments.conftest import InlinePool, make_outcome


def test_a_run_is_measured_as_worked_out_by_hand() -> None:
    cheap = make_outcome([0.2, 0.4, 0.6], tokens=50, seed=1)
    dear = make_outcome([0.2, 0.4, 0.6], tokens=100, arm="b", seed=1)
    first, second = measure([cheap, dear], shares=(0.5, 0.9))
    # budget 40: 10 * 0.3 + 10 * 0.5 + 20 * 0.6 = 20; 20 / 40
    assert first.area_samples == second.area_samples == pytest.approx(0.5)
    # up to the 100 tokens of the cheaper: 50 * 0.3 + 50 * 0.5 = 40; and 100 * 0.3 = 30
    assert first.area_tokens == pytest.approx(0.4)
    assert second.area_tokens == pytest.approx(0.3)
    assert (first.start, first.final, first.full) == (0.2, 0.6, 0.8)
    assert first.share == pytest.approx(0.75)
    assert first.reached["samples"] == {0.5: pytest.approx(10), 0.9: None}
    assert second.reached["tokens"] == {0.5: pytest.approx(100), 0.9: None}


def test_without_full_shot_there_is_no_share_and_nothing_to_reach() -> None:
    (measured,) = measure([make_outcome([0.2, 0.4], full=None)])
    assert (measured.full, measured.share, measured.reached["samples"]) == (None, None, {})
    assert reach_table([measured], ["a"]) == []
    assert "| - | - |" in scores_table([measured], ["a"])[2]


def test_the_spread_of_full_shot_counts_seeds_that_have_a_student_of_their_own() -> None:
    outcomes = [make_outcome([0.4, 0.6], seed=seed, full=full) for seed, full in enumerate((0.8, 0.7, None))]
    cells = scores_table(measure(outcomes), ["a"])[2].split(" | ")
    assert cells[4] == "0.750 ± 0.071"
    assert cells[5] == "80.2%"


def test_pairs_are_of_the_same_domain_and_seed_alone() -> None:
    outcomes = [
        make_outcome([0.2, 0.5], arm="a", seed=1),
        make_outcome([0.2, 0.4], arm="b", seed=1),
        make_outcome([0.2, 0.9], arm="a", seed=2),
        make_outcome([0.2, 0.3], arm="b", seed=3),
        make_outcome([0.2, 0.8], arm="a", seed=1, domain="e"),
        make_outcome([0.2, 0.5], arm="b", seed=1, domain="e"),
    ]
    differences = pair(measure(outcomes), "a", "b", "final")
    assert differences == {"d": [pytest.approx(0.1)], "e": [pytest.approx(0.3)]}


def test_what_was_not_reached_is_never_a_number() -> None:
    assert format_reach([None, None, 10.0]) == "not reached (1 of 3)"
    assert format_reach([10.0, 30.0, None]) == "30 (2 of 3)"
    assert format_reach([10.0, 30.0]) == "20"
    assert format_reach([]) == "-"


def test_tables_hold_every_arm_and_label() -> None:
    seeds = range(1, 6)
    outcomes = [make_outcome([0.2, 0.5 + seed / 100], arm="a", seed=seed) for seed in seeds]
    outcomes += [make_outcome([0.2, 0.4], arm="b", seed=seed) for seed in seeds]
    measured = measure(outcomes)
    assert "| a | 5 | 0.200 ± 0.000 | 0.530 ± 0.016 | 0.800 ± 0.000 | 66.2% |" in "\n".join(
        scores_table(measured, ["a", "b"])
    )
    (line,) = [line for line in difference_table(measured, ["a", "b"]) if line.startswith("| a - b |")]
    assert "| 5 |" in line
    assert "**+0.130 [" in line
    labels = label_table(measured, ["a", "b"])
    assert labels[0] == "| label | a | b | a - b |"
    assert [line.split("|")[1].strip() for line in labels[2:4]] == ["one", "two"]
    assert "**+0.065 [" in labels[3]


def test_curves_are_averaged_on_one_grid() -> None:
    points = average([[(0, 0.2), (10, 0.4)], [(0, 0.4), (20, 0.8)]], limit=40)
    assert (points[0]["x"], points[-1]["x"]) == (0, 20)
    half = next(point for point in points if point["x"] == 10)
    assert (half["low"], half["mean"], half["high"]) == pytest.approx((0.4, 0.5, 0.6))
    assert (points[-1]["low"], points[-1]["high"]) == pytest.approx((0.4, 0.8))


def test_a_picture_is_drawn_twice_with_its_axes_named(tmp_path: Path) -> None:
    pytest.importorskip("altair")
    names = [f"loop {number}" for number in range(9)]
    curves = {name: [[(0.0, 0.2), (10.0, 0.4)], [(0.0, 0.3), (10.0, 0.6)]] for name in names}
    chart = ChartData("one", "a title", ["2 shots"], "accepted samples", "f1 (0 to 1)", 10, curves, line=0.8)
    svg, png = draw(chart, tmp_path)
    text = svg.read_text(encoding="utf-8")
    for label in ("a title", "2 shots", "accepted samples", "f1 (0 to 1)", "full-shot 0.800", *names):
        assert label in text, label
    signs = set(re.findall(r'stroke="(#\w{6})"', text))
    assert len(signs) >= 8
    assert png.read_bytes().startswith(b"\x89PNG")


def test_a_curve_of_one_point_is_a_dot(tmp_path: Path) -> None:
    def draw_dots(*curve: tuple[float, float]) -> int:
        chart = ChartData("one", "t", [], "x", "y", 10, {"still": [curve], "moves": [[(0, 0.2), (5, 0.6)]]})
        return draw(chart, tmp_path)[0].read_text(encoding="utf-8").count('aria-roledescription="point"')

    assert draw_dots((0, 0.2)) == 1
    assert draw_dots((0, 0.2), (5, 0.3)) == 0


@pytest.fixture
def arguments(toy_domain: Path, tmp_path: Path) -> list[str]:
    sizes = ["--seeds", "1", "--shots", "2", "--budget-samples", "20", "--set", "curriculum.quotas.drafts=12"]
    variant = ["--variant", "bold:evokd:gate.tolerance=1.0"]
    return ["bench", str(toy_domain), "--presets", "evokd", *variant, *sizes, "--out", str(tmp_path / "out")]


def test_the_report_says_what_was_done_and_how_to_do_it_again(
    arguments: list[str], tmp_path: Path, inline_pool: InlinePool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run_cli([*arguments, "--set", "rehearsal.slips=0.1", "--json"]) == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8")) == record
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    for passage in (
        "no language model was called",
        f"evokd bench {arguments[1]} --presets evokd --variant bold:evokd:gate.tolerance=1.0 --seeds 1",
        "2 shots per label, no validation rows, typicality 0, noise 0, slips 0.1",
        "Arm bold: preset evokd under gate.tolerance=1.0",
        "| evokd - bold |",
        "full-shot",
        "| cancel_plan |",
    ):
        assert passage in text, passage
    for name in re.findall(r"\]\((pictures/[^)]+)\)", text):
        assert (tmp_path / "out" / name).is_file()
    assert record["setting"]["validation"] == 0
    assert [run["column"] for run in record["cells"]] == ["evokd", "bold"]
    assert record["missing"] == []
    assert "3/3 toy bold s1" in printed.err


def test_pictures_of_the_report_before_are_gone_other_files_stay(
    arguments: list[str], tmp_path: Path, inline_pool: InlinePool, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = tmp_path / "out" / "pictures"
    assert main.run_cli([*arguments, "--noise", "0.2", "--no-full-shot"]) == 0
    assert "2 runs, 0 done before" in capsys.readouterr().err
    assert len(list(pictures.glob("toy-t0-n0.2-*"))) == 4
    (pictures / "mine.svg").write_text("<svg/>", encoding="utf-8")
    assert main.run_cli([*arguments, "--no-full-shot"]) == 0
    record = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert len(record["pictures"]) == 4
    assert {path.name for path in pictures.iterdir()} == {*record["pictures"], "mine.svg"}


def test_the_report_tells_what_is_odd_about_the_data(
    arguments: list[str], tmp_path: Path, inline_pool: InlinePool
) -> None:
    corpus, test = (Path(arguments[1]) / f"{name}.jsonl" for name in ("corpus", "test"))
    row = test.read_text(encoding="utf-8").splitlines()[0]
    corpus.write_text(corpus.read_text(encoding="utf-8") + row + "\n", encoding="utf-8")
    assert main.run_cli([*arguments, "--no-full-shot"]) == 0
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "- Note: toy/corpus.jsonl: 1 text occurs in test.jsonl as well" in text


def test_without_the_packages_there_are_no_pictures_and_a_line_says_how_to_get_them(
    arguments: list[str], tmp_path: Path, inline_pool: InlinePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evokd.experiments.report, "can_draw", lambda: False)
    assert main.run_cli([*arguments, "--no-full-shot"]) == 0
    text = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "pip install 'evokd[report]'" in text
    assert not (tmp_path / "out" / "pictures").exists()
    assert "| - | - |" in text


def test_ctrl_c_ends_with_130_and_says_how_to_go_on(
    arguments: list[str], inline_pool: InlinePool, capsys: pytest.CaptureFixture[str]
) -> None:
    inline_pool.stop_after = 1
    assert main.run_cli(arguments) == 130
    assert "0 of 2 runs are done; go on with the same command" in capsys.readouterr().err


def test_seeds_may_begin_where_another_experiment_ended(
    arguments: list[str], inline_pool: InlinePool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run_cli([*arguments, "--seeds", "2-3", "--no-full-shot", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["setting"]["seeds"] == [2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--presets", "evokb"], "did you mean 'evokd'"),
        (["--typicality", "2"], "--typicality '2'"),
        (["--noise", "0.1,0.1"], "--noise '0.1,0.1'"),
        (["--noise", "a"], "write numbers with commas"),
        (["--target-shares", "80"], "--target-shares '80'"),
        (["--target-shares", "0,0.9"], "--target-shares 0: every student has that"),
        (["--validation", "100000"], "rows.validation"),
        (["--set", "rows.validation=100000"], "rows.validation"),
        (["--no-full-shot", "--full-shot-seeds", "1"], "--full-shot-seeds: nothing is trained"),
        (["--full-shot-seeds", "2"], "--full-shot-seeds 2: --seeds gives 1"),
        (["--seeds", "0"], "--seeds '0': write how many"),
        (["--seeds", "6-4"], "--seeds '6-4': write how many"),
        (["--seeds", "4,6"], "--seeds '4,6': write how many"),
        (["--shots", "100000"], "rows.shots"),
        (["--variant", "x:evokd:rows.shots=3"], "differ in rows.shots (2 and 3)"),
        (["--variant", "x"], "NAME:PRESET:a.b=c"),
        (["--tune", "some"], "student.tune"),
        (["--student", "nobody/nothing-at-all"], "student.base"),
        (["--teacher", "gpt-4o-mini"], "OPENAI_API_KEY"),
    ],
)
def test_a_faulty_command_is_refused_before_anything_is_written(
    options: list[str],
    message: str,
    arguments: list[str],
    tmp_path: Path,
    inline_pool: InlinePool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main.run_cli([*arguments, *options]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert inline_pool.given == []


def test_scores_stand_at_marks_of_tokens_spent() -> None:
    outcomes = [
        make_outcome([0.2, 0.4, 0.6], tokens=tokens, arm=arm, seed=seed)
        for arm, tokens in (("a", 2_500), ("b", 5_000))
        for seed in (1, 2)
    ]
    table = tokens_table(measure(outcomes), ["a", "b"])
    assert [cell.strip() for cell in table[0].strip("|").split("|")] == ["tokens", "2,500", "5,000", "7,500", "10,000"]
    assert "| a | 0.400 | 0.600 | 0.600 | 0.600 |" in table
    assert "| b | 0.300 | 0.400 | 0.500 | 0.600 |" in table
    assert tokens_table(measure([make_outcome([0.2, 0.4], tokens=100)]), ["a"]) == [], "no mark was reached"
