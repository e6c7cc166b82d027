"""The shipped presets ask for what the published loops ask for."""

from collections import Counter
from typing import Any

import pytest

from evokd.agents.output_schemas import output_schema
from evokd.experiments.spec import Arm, ExperimentSpec, plan_experiment
from evokd.graph.curriculum.cases import pick_cases
from evokd.graph.curriculum.kinds import begin_shares
from evokd.graph.curriculum.lessons import plan_lessons
from evokd.graph.curriculum.planning_input import PlanningInput, ReferenceText
from evokd.graph.setup.config_layers import PRESETS, ConfigSource, build_settings, load_preset
from evokd.graph.setup.run_settings import Settings
from evokd.messages import Case, Weakness

LABELS = {"a": "first", "b": "second"}
VERDICTS = ("wrong", "confident_wrong", "right")
SEEDS = [ReferenceText(f"seed {label}", label, (label,), seed=True, real=True) for label in LABELS]
WRITTEN = [ReferenceText(f"written {number}", "ab"[number % 2], ("ab"[number % 2],)) for number in range(60)]


def settings_of(name: str) -> Settings:
    return build_settings([load_preset(name)])


def cases() -> list[Case]:
    fields = {"gold": "a", "predicted": "b", "confidence": 0.5}
    return [
        Case.model_validate({**fields, "id": f"{verdict}{number}", "text": f"{verdict}{number}", "verdict": verdict})
        for verdict in VERDICTS
        for number in range(30)
    ]


def packet(name: str) -> dict[str, int]:
    picked = pick_cases(cases(), settings_of(name).curriculum.packet, 1)
    return dict(Counter(case.verdict for case in picked))


def plans(name: str, cycle: int = 2, known: list[ReferenceText] | None = None) -> list[Any]:
    settings = settings_of(name).curriculum
    asked = settings.weaknesses if cycle > settings.warm_up.cycles else 0
    named = Weakness(name="w", pattern="p", labels=["a", "b"], evidence=["wrong1"], advice="x")
    items = SEEDS + WRITTEN if known is None else known
    wanted = (settings.warm_up.drafts if cycle <= settings.warm_up.cycles else None) or settings.quotas.drafts
    (kind,) = begin_shares(False, False, settings.source, settings.shares)
    given = PlanningInput(
        cycle=cycle,
        span="c",
        labels=LABELS,
        form=output_schema("classification"),
        known=items,
        counts=Counter(label for item in items for label in item.labels),
        wanted={kind: wanted},
        weaknesses={f"w{number}": named for number in range(asked)},
        wrong=[case for case in pick_cases(cases(), settings.packet, 1) if case.verdict != "right"],
    )
    return [item.plan for item in plan_lessons(given, settings, 3)]


def count(lessons: list[Any]) -> tuple[int, int]:
    """Hard and easy texts asked for."""
    parts = [part for lesson in lessons for part in lesson.quotas]
    return sum(part.hard for part in parts), sum(part.easy for part in parts)


def test_every_preset_says_where_it_comes_from() -> None:
    from evokd.graph.setup.config_layers import PRESET_KEYS, read_yaml

    names = {path.stem for path in PRESETS.glob("*.yaml")}
    assert names == {
        *("evokd", "evokd-paper", "evokd-init", "pgkd", "s3", "llm2llm", "zerogen", "auggpt", "random"),
        *("labelled-pool", "plain"),
    }
    for name in names:
        values = read_yaml(PRESETS / f"{name}.yaml")
        assert set(values) == set(PRESET_KEYS)
        assert values["name"] == name


@pytest.mark.parametrize("name", ["evokd-paper", "evokd-init"])
def test_the_paper_shows_two_wrong_and_two_right_and_asks_for_two_hard_and_two_easy(name: str) -> None:
    settings = settings_of(name)
    assert packet(name) == {"wrong": 2, "right": 2}
    assert not settings.curriculum.packet.report
    assert count(plans(name)) == (2, 2)
    assert settings.curriculum.packet.source == "exam"
    assert settings.curriculum.labels == "labeler"
    assert settings.curriculum.review > 0
    assert settings.student.replay > 0
    assert (settings.student.regime, settings.student.update_steps) == ("continue", 12)
    assert settings.gate.rule == "off"
    assert settings.curation.repeats
    assert (settings.curation.dispute, settings.curation.dispute_confidence) == ("labeler", 0.0)


def test_init_begins_with_paraphrases_of_the_seeds() -> None:
    first = plans("evokd-init", 1, SEEDS)
    assert {plan.mode for plan in first} == {"paraphrase"}
    assert {item.text for plan in first for item in plan.examples} == {"seed a", "seed b"}
    assert {plan.mode for plan in plans("evokd-init", 2)} == {"write"}
    assert {plan.mode for plan in plans("evokd-paper", 1, SEEDS)} == {"write"}


def test_pgkd_shows_sixteen_of_each_with_the_report_and_asks_for_thirty_two() -> None:
    settings = settings_of("pgkd")
    assert packet("pgkd") == {"wrong": 16, "confident_wrong": 16, "right": 16}
    assert settings.curriculum.packet.report
    assert sum(count(plans("pgkd"))) == 32
    assert settings.curriculum.labels == "generator"
    assert (settings.stop.cycles, settings.stop.patience) == (10, 5)
    assert (settings.gate.rule, settings.gate.tolerance) == ("keep_best", 0.0)


def test_s3_writes_a_first_set_and_then_a_text_per_error_from_scratch() -> None:
    settings = settings_of("s3")
    assert {plan.mode for plan in plans("s3", 1, SEEDS)} == {"write"}
    later = plans("s3", 2)
    assert {plan.mode for plan in later} == {"extrapolate"}
    assert count(later) == (60, 0)
    assert {item.text for plan in later for item in plan.examples} == {
        case.text for case in cases() if case.verdict != "right"
    }
    assert settings.student.regime == "base"
    assert settings.curriculum.weaknesses == 0


def test_llm2llm_looks_at_its_seeds_alone_and_cuts_duplicates() -> None:
    settings = settings_of("llm2llm")
    assert settings.curriculum.packet.source == "seeds"
    assert {plan.mode for plan in plans("llm2llm", 1, SEEDS)} == {"extrapolate"}
    assert settings.student.regime == "base"
    assert settings.curation.near_duplicate == 0.95
    assert not settings.curation.repeats


@pytest.mark.parametrize("name", ["zerogen", "auggpt", "random"])
def test_loops_without_feedback_ask_no_analyst(name: str) -> None:
    settings = settings_of(name)
    assert (settings.curriculum.weaknesses, settings.curriculum.errors) == (0, 0)
    assert {plan.weakness.name for plan in plans(name)} == {"breadth"}
    assert sum(count(plans(name))) == settings.curriculum.quotas.drafts
    assert settings.gate.rule == "off"


def test_zerogen_shows_no_examples_and_trusts_what_a_text_was_written_for() -> None:
    assert all(plan.examples == [] and plan.avoid == [] for plan in plans("zerogen"))
    assert settings_of("zerogen").curriculum.labels == "generator"


def test_auggpt_paraphrases_seeds_alone() -> None:
    lessons = plans("auggpt")
    assert {plan.mode for plan in lessons} == {"paraphrase"}
    assert {item.text for plan in lessons for item in plan.examples} == {"seed a", "seed b"}


def test_random_draws_labels_by_chance_and_has_the_same_student_as_evokd() -> None:
    settings = settings_of("random")
    assert settings.curriculum.quotas.coverage == "chance"
    assert settings.curriculum.labels == "labeler"
    assert settings.student == settings_of("evokd").student.model_copy(update={"self_training": 0})


def test_all_presets_can_stand_in_one_experiment() -> None:
    names = [path.stem for path in PRESETS.glob("*.yaml")]
    arms = [Arm(name, name) for name in names]
    spec = ExperimentSpec(
        ["support_tickets"], arms, [1], (None,), (None,), [ConfigSource("x", {"student": {"threads": 1}})]
    )
    assert {run.preset for run in plan_experiment(spec).runs} == set(names)


WITHOUT_OURS = sorted({path.stem for path in PRESETS.glob("*.yaml")} - {"evokd"})


@pytest.mark.parametrize("name", WITHOUT_OURS)
def test_other_loops_have_nothing_of_what_is_ours(name: str) -> None:
    settings = settings_of(name)
    assert settings.curriculum.profile == "off"
    assert settings.curriculum.measure_rows == 0
    assert settings.student.self_training == 0
    assert not settings.publish.refit
    assert begin_shares(False, True, settings.curriculum.source, settings.curriculum.shares)


@pytest.mark.parametrize("name", sorted(set(WITHOUT_OURS) - {"labelled-pool", "plain"}))
def test_published_loops_write_plain_texts_without_the_tone_of_a_pool(name: str) -> None:
    curriculum = settings_of(name).curriculum
    assert begin_shares(False, True, curriculum.source, curriculum.shares) == {"plain": 1.0}
    assert curriculum.style_examples == 0
    assert curriculum.analyst.first == 1 or curriculum.weaknesses == 0
    assert all(plan.profile == {} and plan.guide == {} for plan in plans(name))


def test_without_a_loop_the_pool_is_drawn_by_chance_and_learned_as_it_comes() -> None:
    shares = {"labelled-pool": {"real": 1.0}, "plain": {"plain": 0.5, "real": 0.5}}
    for name, wanted in shares.items():
        curriculum = settings_of(name).curriculum
        assert begin_shares(False, True, curriculum.source, curriculum.shares) == wanted
        assert (curriculum.pool.select, curriculum.pool.weigh_labels) == ("random", False)
        assert not curriculum.compete
        assert curriculum.weaknesses == 0
