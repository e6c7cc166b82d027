"""Planning an experiment: one start for all arms, everything checked first, ids that tell settings apart."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from evokd.experiments.execution import plan_baseline, plan_experiment_run
from evokd.experiments.spec import Arm, ExperimentRun, plan_experiment, read_arm, read_domain
from evokd.graph.setup.config_layers import ConfigSource
from evokd.messages import InputError
from tests.experiments.conftest import CHANGED, PLAIN, make_spec
from tests.graph.toy import write_domain, write_reports


def test_runs_are_domain_by_seed_by_condition_by_arm(toy_domain: Path, tmp_path: Path) -> None:
    reports = write_reports(tmp_path / "reports")
    spec = make_spec(toy_domain, domains=[str(toy_domain), str(reports)], typicality=[0.0, 0.5], noise=[0.1])
    runs = plan_experiment(spec).runs
    assert [(run.domain, run.seed, run.typicality, run.arm) for run in runs] == [
        (domain, seed, typicality, arm)
        for domain in ("toy", "reports")
        for seed in (1, 2)
        for typicality in (0.0, 0.5)
        for arm in ("evokd", "bold")
    ]
    assert {run.noise for run in runs} == {0.1}
    assert len({run.id for run in runs}) == len(runs)


def test_all_arms_and_conditions_of_a_seed_start_alike(toy_domain: Path) -> None:
    spec = make_spec(toy_domain, typicality=[0.0, 1.0])
    experiment = plan_experiment(spec)
    starts: dict[int, set[str]] = {}
    for run in experiment.runs:
        starts.setdefault(run.seed, set()).add(run.start)
    assert [len(digests) for digests in starts.values()] == [1, 1]
    assert starts[1] != starts[2]
    plans = [plan_experiment_run(run, experiment.domains[run.folder]) for run in experiment.runs if run.seed == 1]
    assert len({tuple(row.text for row in plan.domain.seeds) for plan in plans}) == 1
    assert {plan.domain.validation for plan in plans} == {()}


def test_a_variant_is_the_preset_under_its_settings(toy_domain: Path) -> None:
    runs = {run.arm: run for run in plan_experiment(make_spec(toy_domain, seeds=[1])).runs}
    assert runs["bold"].settings["gate"]["tolerance"] == 1.0
    assert runs["evokd"].settings["gate"]["tolerance"] == 0.05
    assert runs["bold"].preset == runs["evokd"].preset == "evokd"


@pytest.mark.parametrize(
    ("text", "arm"),
    [
        ("a:evokd:x.y=1", Arm("a", "evokd", ("x.y=1",))),
        ("a:evokd:x.y=1, z=2", Arm("a", "evokd", ("x.y=1", "z=2"))),
        ("a:evokd:x=[write, swap],z=2", Arm("a", "evokd", ("x=[write, swap]", "z=2"))),
        ("a:evokd:x=http://h:1/v,z=2", Arm("a", "evokd", ("x=http://h:1/v", "z=2"))),
    ],
)
def test_a_variant_is_read(text: str, arm: Arm) -> None:
    assert read_arm(text) == arm


@pytest.mark.parametrize("text", ["a", "a:evokd", "a:evokd:", ":evokd:x=1", "a::x=1"])
def test_a_variant_that_is_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"NAME:PRESET:a\.b=c"):
        read_arm(text)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown preset": ({"arms": [Arm("evokb", "evokb")]}, "unknown preset 'evokb'"),
    "arm twice": ({"arms": [PLAIN, PLAIN]}, "two arms are named 'evokd'"),
    "arm twice but for capitals": ({"arms": [PLAIN, Arm("EvoKD", "evokd")]}, "two arms are named 'EvoKD'"),
    "no arm": ({"arms": []}, "nothing to compare"),
    "odd name": ({"arms": [Arm("a/b", "evokd")]}, "'a/b': use letters"),
    "unknown domain": ({"domains": ["nowhere"]}, "no domain folder 'nowhere'"),
    "domain twice": ({"domains": ["{toy}", "{toy}"]}, "named twice"),
    "unknown setting": ({"arms": [PLAIN, Arm("b", "evokd", ("gate.tol=1",))]}, "--variant b: unknown key"),
    "other student": (
        {"arms": [PLAIN, Arm("b", "evokd", ("student.tune=full",))]},
        "'evokd' and 'b' differ in student.tune",
    ),
    "other budget": (
        {"arms": [PLAIN, Arm("b", "evokd", ("budget.samples=7",))]},
        r"differ in budget.samples \(20 and 7\).*--set budget.samples=7",
    ),
    "other rows": ({"arms": [PLAIN, Arm("b", "evokd", ("rows.shots=7",))]}, "differ in rows.shots"),
}


@pytest.mark.parametrize(("changes", "message"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_spec_is_refused_in_one_line(changes: dict[str, Any], message: str, toy_domain: Path) -> None:
    changes = dict(changes)
    if "domains" in changes:
        changes["domains"] = [name.format(toy=toy_domain) for name in changes["domains"]]
    with pytest.raises(InputError, match=message) as caught:
        plan_experiment(make_spec(toy_domain, **changes))
    assert "\n" not in str(caught.value)


def test_no_test_data_no_corpus_and_no_budget_are_refused(tmp_path: Path) -> None:
    data = {"seeds": "seeds.jsonl", "validation": "validation.jsonl"}
    with pytest.raises(InputError, match="no test data"):
        plan_experiment(make_spec(write_domain(tmp_path / "one", data=data)))
    with pytest.raises(InputError, match=r"rehearsal\.corpus"):
        plan_experiment(make_spec(write_domain(tmp_path / "two", rehearsal=None)))
    with pytest.raises(InputError, match="--budget-samples"):
        plan_experiment(make_spec(write_domain(tmp_path / "three"), ConfigSource("x", {"budget": {"samples": None}})))


def test_another_teacher_has_no_typicality(toy_domain: Path) -> None:
    other = ConfigSource("x", {"teacher": {"model": "mine", "base_url": "http://127.0.0.1:9/v1"}})
    experiment = plan_experiment(make_spec(toy_domain, other))
    assert not experiment.rehearsal
    with pytest.raises(InputError, match="--typicality and --noise"):
        plan_experiment(make_spec(toy_domain, other, typicality=[0.5]))


def ids(folder: Path, *layers: ConfigSource) -> list[str]:
    return [run.id for run in plan_experiment(make_spec(folder, *layers)).runs]


def test_an_id_changes_with_settings_and_data_and_with_nothing_else(toy_domain: Path) -> None:
    first = ids(toy_domain)
    assert ids(toy_domain) == first
    assert ids(toy_domain, ConfigSource("x", {"teacher": {"concurrency": 2}})) == first
    assert not set(ids(toy_domain, ConfigSource("x", {"curriculum": {"examples": 3}}))) & set(first)
    assert not set(ids(toy_domain, ConfigSource("x", {"stop": {"cycles": 2}}))) & set(first)
    with (toy_domain / "test.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"text": "one more row", "label": "cancel_plan"}\n')
    assert not set(ids(toy_domain)) & set(first)


def test_a_run_survives_json_and_its_plan_is_the_same(toy_domain: Path) -> None:
    experiment = plan_experiment(make_spec(toy_domain, arms=[CHANGED]))
    for run in experiment.runs:
        back = ExperimentRun(**json.loads(json.dumps(asdict(run))))
        assert back == run
        assert plan_experiment_run(back, read_domain(run.folder)).settings.model_dump(mode="json") == run.settings


def test_a_baseline_belongs_to_domain_seed_and_student(toy_domain: Path) -> None:
    experiment = plan_experiment(make_spec(toy_domain, typicality=[0.0, 0.5]))
    (domain,) = experiment.domains.values()
    assert len({plan_baseline(run, domain).id for run in experiment.runs}) == 2
    other = plan_experiment(make_spec(toy_domain, ConfigSource("x", {"student": {"steps": 7}})))
    assert plan_baseline(other.runs[0], domain).id != plan_baseline(experiment.runs[0], domain).id
