"""Planning a backtest: one start for all columns, everything checked first, ids that tell settings apart."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from evokd.experiments.execution import make_ceiling, plan_cell
from evokd.experiments.spec import Arm, ExperimentRun, plan_experiment, read_arm, read_domain
from evokd.graph.setup.config_layers import ConfigSource
from evokd.messages import InputError
from tests.experiments.conftest import CHANGED, PLAIN, make_order
from tests.graph.toy import write_domain, write_reports


def test_cells_are_domain_by_seed_by_condition_by_column(toy_domain: Path, tmp_path: Path) -> None:
    reports = write_reports(tmp_path / "reports")
    order = make_order(toy_domain, domains=[str(toy_domain), str(reports)], typicality=[0.0, 0.5], noise=[0.1])
    cells = plan_experiment(order).cells
    assert [(cell.domain, cell.seed, cell.typicality, cell.column) for cell in cells] == [
        (domain, seed, typicality, column)
        for domain in ("toy", "reports")
        for seed in (1, 2)
        for typicality in (0.0, 0.5)
        for column in ("evokd", "bold")
    ]
    assert {cell.noise for cell in cells} == {0.1}
    assert len({cell.id for cell in cells}) == len(cells)


def test_all_columns_and_conditions_of_a_seed_start_alike(toy_domain: Path) -> None:
    order = make_order(toy_domain, typicality=[0.0, 1.0])
    backtest = plan_experiment(order)
    starts: dict[int, set[str]] = {}
    for cell in backtest.cells:
        starts.setdefault(cell.seed, set()).add(cell.start)
    assert [len(found) for found in starts.values()] == [1, 1]
    assert starts[1] != starts[2]
    plans = [plan_cell(cell, backtest.domains[cell.folder]) for cell in backtest.cells if cell.seed == 1]
    assert len({tuple(row.text for row in plan.domain.seeds) for plan in plans}) == 1
    assert {plan.domain.validation for plan in plans} == {()}


def test_a_variant_is_the_preset_under_its_settings(toy_domain: Path) -> None:
    cells = {cell.column: cell for cell in plan_experiment(make_order(toy_domain, seeds=[1])).cells}
    assert cells["bold"].settings["gate"]["tolerance"] == 1.0
    assert cells["evokd"].settings["gate"]["tolerance"] == 0.05
    assert cells["bold"].preset == cells["evokd"].preset == "evokd"


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a:evokd:x.y=1", Arm("a", "evokd", ("x.y=1",))),
        ("a:evokd:x.y=1, z=2", Arm("a", "evokd", ("x.y=1", "z=2"))),
        ("a:evokd:x=[write, swap],z=2", Arm("a", "evokd", ("x=[write, swap]", "z=2"))),
        ("a:evokd:x=http://h:1/v,z=2", Arm("a", "evokd", ("x=http://h:1/v", "z=2"))),
    ],
)
def test_a_variant_is_read(text: str, column: Arm) -> None:
    assert read_arm(text) == column


@pytest.mark.parametrize("text", ["a", "a:evokd", "a:evokd:", ":evokd:x=1", "a::x=1"])
def test_a_variant_that_is_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"NAME:PRESET:a\.b=c"):
        read_arm(text)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown preset": ({"columns": [Arm("evokb", "evokb")]}, "unknown preset 'evokb'"),
    "column twice": ({"columns": [PLAIN, PLAIN]}, "'evokd' is there twice"),
    "column twice but for capitals": ({"columns": [PLAIN, Arm("EvoKD", "evokd")]}, "'EvoKD' is there twice"),
    "no column": ({"columns": []}, "nothing to compare"),
    "odd name": ({"columns": [Arm("a/b", "evokd")]}, "'a/b': use letters"),
    "unknown domain": ({"domains": ["nowhere"]}, "no domain folder 'nowhere'"),
    "domain twice": ({"domains": ["{toy}", "{toy}"]}, "named twice"),
    "unknown setting": ({"columns": [PLAIN, Arm("b", "evokd", ("gate.tol=1",))]}, "--variant b: unknown key"),
    "other student": (
        {"columns": [PLAIN, Arm("b", "evokd", ("student.tune=full",))]},
        "'evokd' and 'b' differ in student.tune",
    ),
    "other budget": (
        {"columns": [PLAIN, Arm("b", "evokd", ("budget.samples=7",))]},
        r"differ in budget.samples \(20 and 7\).*--set budget.samples=7",
    ),
    "other rows": ({"columns": [PLAIN, Arm("b", "evokd", ("rows.shots=7",))]}, "differ in rows.shots"),
}


@pytest.mark.parametrize(("changes", "told"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_order_is_refused_in_one_line(changes: dict[str, Any], told: str, toy_domain: Path) -> None:
    changes = dict(changes)
    if "domains" in changes:
        changes["domains"] = [name.format(toy=toy_domain) for name in changes["domains"]]
    with pytest.raises(InputError, match=told) as caught:
        plan_experiment(make_order(toy_domain, **changes))
    assert "\n" not in str(caught.value)


def test_no_test_data_no_corpus_and_no_budget_are_refused(tmp_path: Path) -> None:
    data = {"seeds": "seeds.jsonl", "validation": "validation.jsonl"}
    with pytest.raises(InputError, match="no test data"):
        plan_experiment(make_order(write_domain(tmp_path / "one", data=data)))
    with pytest.raises(InputError, match=r"rehearsal\.corpus"):
        plan_experiment(make_order(write_domain(tmp_path / "two", rehearsal=None)))
    with pytest.raises(InputError, match="--budget-samples"):
        plan_experiment(make_order(write_domain(tmp_path / "three"), ConfigSource("x", {"budget": {"samples": None}})))


def test_another_teacher_has_no_typicality(toy_domain: Path) -> None:
    other = ConfigSource("x", {"teacher": {"model": "mine", "base_url": "http://127.0.0.1:9/v1"}})
    backtest = plan_experiment(make_order(toy_domain, other))
    assert not backtest.rehearsal
    with pytest.raises(InputError, match="--typicality and --noise"):
        plan_experiment(make_order(toy_domain, other, typicality=[0.5]))


def ids(folder: Path, *layers: ConfigSource) -> list[str]:
    return [cell.id for cell in plan_experiment(make_order(folder, *layers)).cells]


def test_an_id_changes_with_settings_and_data_and_with_nothing_else(toy_domain: Path) -> None:
    first = ids(toy_domain)
    assert ids(toy_domain) == first
    assert ids(toy_domain, ConfigSource("x", {"teacher": {"concurrency": 2}})) == first
    assert not set(ids(toy_domain, ConfigSource("x", {"curriculum": {"examples": 3}}))) & set(first)
    assert not set(ids(toy_domain, ConfigSource("x", {"stop": {"cycles": 2}}))) & set(first)
    with (toy_domain / "test.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"text": "one more row", "label": "cancel_plan"}\n')
    assert not set(ids(toy_domain)) & set(first)


def test_a_cell_survives_json_and_its_plan_is_the_same(toy_domain: Path) -> None:
    backtest = plan_experiment(make_order(toy_domain, columns=[CHANGED]))
    for cell in backtest.cells:
        back = ExperimentRun(**json.loads(json.dumps(asdict(cell))))
        assert back == cell
        assert plan_cell(back, read_domain(cell.folder)).settings.model_dump(mode="json") == cell.settings


def test_a_ceiling_belongs_to_domain_seed_and_student(toy_domain: Path) -> None:
    backtest = plan_experiment(make_order(toy_domain, typicality=[0.0, 0.5]))
    (domain,) = backtest.domains.values()
    assert len({make_ceiling(cell, domain).id for cell in backtest.cells}) == 2
    other = plan_experiment(make_order(toy_domain, ConfigSource("x", {"student": {"steps": 7}})))
    assert make_ceiling(other.cells[0], domain).id != make_ceiling(backtest.cells[0], domain).id
