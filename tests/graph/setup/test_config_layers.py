"""Layers of the configuration: which wins, and how a fault in one of them is told."""

import re
from pathlib import Path
from typing import Any

import pytest

from evokd.graph.setup.config_layers import (
    PRESETS,
    ConfigSource,
    build_settings,
    dotted_keys,
    load_preset,
    parse_assignments,
    read_yaml,
)
from evokd.graph.setup.plan import plan_run
from evokd.graph.setup.run_settings import Settings
from evokd.messages import InputError
from tests.graph.toy import write_domain, write_yaml

STEPS = Settings().student.steps


@pytest.mark.parametrize(
    ("sources", "steps"),
    [
        ([], STEPS),
        (["domain"], 11),
        (["config"], 12),
        (["set"], 13),
        (["flag"], 14),
        (["domain", "config"], 12),
        (["domain", "set"], 13),
        (["config", "set"], 13),
        (["domain", "config", "set", "flag"], 14),
    ],
    ids=lambda value: "+".join(value) or "defaults" if isinstance(value, list) else "",
)
def test_a_later_layer_wins(sources: list[str], steps: int, tmp_path: Path) -> None:
    folder = write_domain(tmp_path / "own", student={"steps": 11} if "domain" in sources else None)
    config = tmp_path / "config.yaml"
    write_yaml(config, {"student": {"steps": 12}})
    layers = {
        "config": ConfigSource(str(config), read_yaml(config)),
        "set": parse_assignments(["student.steps=13"]),
        "flag": ConfigSource("--steps", {"student": {"steps": 14}}),
    }
    chosen = [layer for name, layer in layers.items() if name in sources]
    assert plan_run(str(folder), "evokd", chosen).settings.student.steps == steps


def test_layers_merge_key_by_key() -> None:
    first = ConfigSource("a", {"student": {"steps": 5, "batch": 4}, "seed": 1})
    second = ConfigSource("b", {"student": {"steps": 6}})
    settings = build_settings([first, second])
    assert (settings.student.steps, settings.student.batch, settings.seed) == (6, 4, 1)
    assert first.values == {"student": {"steps": 5, "batch": 4}, "seed": 1}


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown section": ({"studnet": {"steps": 3}}, "s: unknown key 'studnet' (did you mean 'student'?)"),
    "unknown key": ({"student": {"step": 3}}, "s: unknown key 'student.step' (did you mean 'student.steps'?)"),
    "key of another section": ({"gate": {"cycles": 3}}, "s: unknown key 'gate.cycles' (did you mean"),
    "deep key": (
        {"curriculum": {"quotas": {"draft": 3}}},
        "s: unknown key 'curriculum.quotas.draft' (did you mean 'curriculum.quotas.drafts'?)",
    ),
    "key that is a number": ({3: 4}, "s: unknown key '3'"),
    "scalar for a section": ({"student": 3}, "s: student is a section with keys, got 3"),
    "list for a section": ({"stop": [3]}, "s: stop is a section with keys, got [3]"),
    "section for a scalar": ({"budget": {"tokens": {"a": 1}}}, "s: budget.tokens: must be a whole number"),
    "null for a section": ({"student": None}, "s: student: "),
    "too small": ({"student": {"steps": 0}}, "s: student.steps: input should be greater than or equal to 1, got 0"),
    "wrong type": ({"student": {"rate": "quick"}}, "s: student.rate: must be a number, got 'quick'"),
    "unknown choice": ({"student": {"tune": "all"}}, "s: student.tune: input should be 'auto', 'full' or 'head'"),
    "number for a text": ({"teacher": {"model": 1}}, "s: teacher.model: must be a text, got 1; put it in quotes"),
    "half of a pair": ({"teacher": {"prices": {"input": 1}}}, "s: teacher.prices.output: is missing; add it"),
    "no value as a word": ({"budget": {"usd": "none"}}, "s: budget.usd: must be a number, got 'none'; write null for"),
    "no value where one must be": (
        {"student": {"steps": "none"}},
        "s: student.steps: must be a whole number, got 'none'",
    ),
    "a flag for a number": ({"student": {"steps": True}}, "s: student.steps: must be a whole number, got true"),
    "a flag for a number or none": (
        {"budget": {"samples": True}},
        "s: budget.samples: must be a whole number, got true",
    ),
    "a misspelt all": (
        {"curriculum": {"pool": {"lines": "alle"}}},
        "s: curriculum.pool.lines: must be a whole number, or all (did you mean 'all'?), got 'alle'",
    ),
    "another word for all": (
        {"curriculum": {"pool": {"lines": "every"}}},
        "s: curriculum.pool.lines: must be a whole number, or all, got 'every'",
    ),
    "unknown item": ({"curriculum": {"modes": ["sing"]}}, "s: curriculum.modes.0: input should be"),
    "not a number": ({"stop": {"target": float("nan")}}, "s: stop.target: "),
}


@pytest.mark.parametrize(("values", "told"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_layer_is_named_with_the_key(values: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        build_settings(
            [
                ConfigSource("before", {"gate": {"tolerance": 0.1}}),
                ConfigSource("s", values),
                ConfigSource("after", {"seed": 2}),
            ]
        )
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)


def test_a_wrong_value_that_a_later_layer_mends_is_no_fault() -> None:
    assert build_settings([ConfigSource("a", {"seed": -1}), ConfigSource("b", {"seed": 1})]).seed == 1


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("seed=3", ["seed"], 3),
        ("teacher.base_url=http://a/v1?x=y", ["teacher", "base_url"], "http://a/v1?x=y"),
        ("curriculum.modes=[write, paraphrase]", ["curriculum", "modes"], ["write", "paraphrase"]),
        ("budget.samples=null", ["budget", "samples"], None),
        ("student.balance=false", ["student", "balance"], False),
        (" seed =3", ["seed"], 3),
    ],
)
def test_an_assignment_is_read_as_yaml(text: str, path: list[str], value: object) -> None:
    found: Any = parse_assignments([text]).values
    for step in path:
        found = found[step]
    assert found == value


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["seed"], "--set 'seed': write it as key=value"),
        (["=3"], "--set '=3': write it as key=value"),
        (
            ["seed=[1"],
            "--set 'seed=[1': the value is not valid YAML: expected ',' or ']', but got '<stream end>'; close",
        ),
        (
            ["teacher.model=@x"],
            "--set 'teacher.model=@x': the value is not valid YAML: found character '@' that cannot",
        ),
        (["seed=2024-13-45"], "--set 'seed=2024-13-45': the value is not valid YAML; put what looks like a date"),
        (["student=3", "student.steps=3"], "--set 'student.steps=3': 'student' is already set to a value"),
    ],
    ids=["no sign", "no key", "broken", "no plain text", "no date", "twice"],
)
def test_a_faulty_assignment_is_refused(texts: list[str], told: str) -> None:
    with pytest.raises(InputError, match=re.escape(told)):
        parse_assignments(texts)


def test_a_later_assignment_wins() -> None:
    assert parse_assignments(["seed=1", "seed=2"]).values == {"seed": 2}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"a: [\n\nb: }", "config.yaml:"),
        (b"a: 1\n\tb: 2\n", "config.yaml:2: not valid YAML"),
        (b"", "config.yaml: the file is empty"),
        (b"just words", "config.yaml:1: expected keys with values, got a single value"),
        (b"a: \xe9", "config.yaml:1: byte 0xe9 at offset 3 is not UTF-8"),
        (b"a: !!python/object:os.system {}", "config.yaml:1: not valid YAML"),
    ],
    ids=["broken", "tab", "empty", "words", "latin-1", "tag"],
)
def test_a_faulty_file_is_refused(raw: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(raw)
    with pytest.raises(InputError, match=re.escape(told)) as caught:
        read_yaml(tmp_path / "config.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"budget": {"samples": True}}, "config.yaml:2: budget.samples: must be a whole number"),
        ({"budget": {"samples": 0.5}}, "config.yaml:2: budget.samples: must be a whole number"),
        ({"budget": {"sample": 5}}, "config.yaml:2: unknown key 'budget.sample'"),
        (
            {"curriculum": {"pool": "all"}},
            "config.yaml:3: curriculum.pool is a section with keys, got 'all'; its keys: se",
        ),
    ],
    ids=["a flag", "a fraction", "an unknown key", "no section"],
)
def test_a_key_in_braces_has_the_line_of_its_section(values: dict[str, Any], told: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("seed: 1\nbudget: {samples: 5}\ncurriculum: {pool: all}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        build_settings([ConfigSource(str(file), values, file)])
    assert told in str(caught.value)


def test_an_unknown_preset_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown preset 'evokb' \(did you mean 'evokd'\?\); presets: .*evokd"):
        load_preset("evokb")


@pytest.mark.parametrize("name", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_a_shipped_preset_builds(name: str) -> None:
    assert build_settings([load_preset(name)])
    assert read_yaml(PRESETS / f"{name}.yaml")["name"] == name


def test_every_field_is_described_and_frozen() -> None:
    keys = list(dotted_keys())
    assert "curriculum.quotas.drafts" in keys
    assert "teacher.roles.analyst.model" in keys
    assert all(field.description for field in Settings.model_fields.values())
    assert Settings.model_config["frozen"]


def test_a_corpus_named_in_the_settings_is_kept_by_its_full_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_domain(tmp_path / "own")
    other = tmp_path / "other.jsonl"
    other.write_bytes((folder / "corpus.jsonl").read_bytes())
    monkeypatch.chdir(tmp_path)
    named = parse_assignments(["rehearsal.corpus=other.jsonl"])
    plan = plan_run(str(folder), "evokd", [named])
    assert plan.settings.rehearsal.corpus == str(other)
    assert plan.domain.corpus == other
    before = plan.domain.fingerprint
    other.write_text(other.read_text(encoding="utf-8").replace("the", "The", 1), encoding="utf-8")
    assert plan_run(str(folder), "evokd", [named]).domain.fingerprint != before


def test_a_bare_off_is_a_word_and_not_what_yaml_makes_of_it() -> None:
    assert build_settings([parse_assignments(["gate.rule=off"])]).gate.rule == "off"
