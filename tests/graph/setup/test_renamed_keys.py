"""Settings under their old names work for one release, and a note says what to write instead."""

from pathlib import Path

import pytest
import yaml

from evokd.graph.resumption import PLAN, replan
from evokd.graph.setup.config_layers import ConfigSource, build_settings, dotted_keys
from evokd.graph.setup.renamed_keys import RENAMED, note_renamed
from evokd.graph.setup.run_folder import RunFolder
from evokd.messages import InputError
from evokd.tracing.ledger import Ledger
from tests.graph.conftest import run_quick
from tests.graph.toy import WordStudent


def test_every_old_name_is_gone_and_every_new_one_is_there() -> None:
    known = set(dotted_keys())
    for old, new in RENAMED.items():
        assert old not in known
        assert f"{old.rpartition('.')[0]}.{new}" in known


def test_a_setting_under_its_old_name_is_read_and_told() -> None:
    values = {"curriculum": {"quotas": {"breadth": "chance"}, "tone": 3}, "teacher": {"reasks": 1}}
    settings = build_settings([ConfigSource("mine.yaml", values)])
    assert (settings.curriculum.quotas.coverage, settings.curriculum.style_examples) == ("chance", 3)
    assert settings.teacher.max_reprompts == 1
    assert note_renamed("mine.yaml", values) == [
        "mine.yaml: teacher.reasks was renamed to teacher.max_reprompts; the old name works in this release only",
        "mine.yaml: curriculum.tone was renamed to curriculum.style_examples; the old name works in this release only",
        "mine.yaml: curriculum.quotas.breadth was renamed to curriculum.quotas.coverage; the old name works in this"
        " release only",
    ]
    assert values["teacher"] == {"reasks": 1}, "what was given is not changed"
    assert note_renamed("x", {"curriculum": None, "teacher": {"max_reprompts": 1}}) == []


def test_both_names_at_once_are_refused() -> None:
    both = {"teacher": {"reasks": 1, "max_reprompts": 2}}
    told = r"^--set: teacher.reasks was renamed to teacher.max_reprompts, and both are set; keep teacher.max_reprompts$"
    with pytest.raises(InputError, match=told):
        build_settings([ConfigSource("--set", both)])


def test_a_later_source_wins_whatever_names_it_uses() -> None:
    old, new = {"teacher": {"reasks": 1}}, {"teacher": {"max_reprompts": 3}}
    assert build_settings([ConfigSource("a", new), ConfigSource("b", old)]).teacher.max_reprompts == 1
    assert build_settings([ConfigSource("a", old), ConfigSource("b", new)]).teacher.max_reprompts == 3


def test_a_run_begun_under_old_names_is_resumed(
    toy_domain: Path, word_students: list[WordStudent], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_quick(toy_domain, "--set", "curriculum.tone=4")
    assert "note: --set: curriculum.tone was renamed to curriculum.style_examples" in capsys.readouterr().err
    _write_old_names(folder)
    plan, info = replan(folder, [], force=False, domain=None)
    assert plan.settings.curriculum.style_examples == 4
    assert (info.changes, info.notes) == ((), ()), "the program itself wrote these names"


def _write_old_names(folder: RunFolder) -> None:
    """Let config and ledger of a run hold a setting under its old name, as an earlier version wrote it."""
    config = yaml.safe_load(folder.config.read_text(encoding="utf-8"))
    with Ledger(folder.ledger) as ledger:
        plan = ledger.recall(PLAN)
        assert plan is not None
        for record in (config, plan):
            curriculum = record["settings"]["curriculum"]
            curriculum["tone"] = curriculum.pop("style_examples")
        ledger.remember(PLAN, plan)
    folder.config.write_text(yaml.safe_dump(config), encoding="utf-8")
