"""Plan a run: load the domain, build the settings, check everything; nothing is written and no call made."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evokd.agents.llm.client import resolve_key
from evokd.agents.llm.pricing import price
from evokd.agents.llm.teacher_settings import OPENAI_URL
from evokd.agents.output_schemas import output_schema
from evokd.agents.prompt_context import PromptContext, make_prompt_context
from evokd.graph.curriculum.kinds import begin_shares, find_contradiction
from evokd.graph.setup.config_layers import ConfigSource, build_settings, load_preset
from evokd.graph.setup.domain import Domain, find_domain, load_domain, name_file, replace_corpus
from evokd.graph.setup.domain_files import PROFILE
from evokd.graph.setup.few_shot_sampling import choose_rows
from evokd.graph.setup.moved_paths import check_base, digest_base, find_domain_of, settle
from evokd.graph.setup.readability import NOTHING, Sight, look_ahead
from evokd.graph.setup.recorded_teacher import add_recording
from evokd.graph.setup.renamed_keys import note_renamed
from evokd.graph.setup.resume_check import UNKNOWN_VERSION
from evokd.graph.setup.run_folder import RunFolder
from evokd.graph.setup.run_settings import Settings
from evokd.graph.setup.simulated_teacher import check_left, read_corpus
from evokd.graph.setup.unlabeled_pool import add_pool
from evokd.messages import InputError
from evokd.prompts.loader import ROLES, digest_prompts
from evokd.student.base import check_student
from evokd.student.packages import check_lora

VERSIONED = ("evokd", "langgraph", "langchain-openai", "openai", "transformers", "torch", "pydantic")


@dataclass(frozen=True)
class Plan:
    """A checked run that has not begun: nothing is written, no call is made."""

    domain: Domain
    settings: Settings
    preset: str
    briefing: PromptContext
    sight: Sight = NOTHING
    """What the student can read of the texts, if the run is new."""

    @property
    def has_teacher(self) -> bool:
        """Whether there is a teacher: a model, a recording, or a corpus to rehearse with."""
        return not self.settings.teacher.is_rehearsal() or bool(self.domain.corpus_rows)


def plan_run(domain: str, preset: str, layers: Sequence[ConfigSource], needs_teacher: bool = True) -> Plan:
    """Load and check all that a run needs.

    Args:
        domain: a domain folder or the name of a shipped domain.
        preset: name of a preset.
        layers: configuration file, `--set` and flags, later ones win.
        needs_teacher: whether a plan without a teacher is refused; such a plan can be shown, not run.

    Raises:
        InputError: what is wrong and how to fix it.
    """
    return plan_loaded(load_domain(find_domain(domain)), preset, layers, needs_teacher)


def plan_loaded(loaded: Domain, preset: str, layers: Sequence[ConfigSource], needs_teacher: bool = True) -> Plan:
    """Plan a run as `plan_run` does, on a domain that was already read.

    Raises:
        InputError: what is wrong and how to fix it.
    """
    task_defaults = ConfigSource("the task's defaults", {"student": loaded.codec.recipe})
    layers = [task_defaults, load_preset(preset), loaded.overrides, *layers]
    renamed = [note for layer in layers for note in note_renamed(layer.source, layer.values)]
    loaded = replace(loaded, notes=(*loaded.notes, *renamed))
    settings = build_settings(layers)
    if settings.teacher.base_url and not any("model" in (layer.values.get("teacher") or {}) for layer in layers):
        raise InputError(
            f"teacher.base_url is {settings.teacher.base_url!r}, but no model is named; pass --teacher MODEL"
        )
    plan = _check(loaded, settings, preset, needs_teacher)
    settings, sight = look_ahead(plan.domain, plan.settings)
    return replace(plan, settings=settings, sight=sight)


def _check(domain: Domain, settings: Settings, preset: str, needs_teacher: bool = True) -> Plan:
    settings = settle(settings)
    if settings.teacher.is_rehearsal():
        if needs_teacher or settings.rehearsal.corpus is not None or domain.corpus is not None:
            domain, settings = _use_corpus(domain, settings)
    elif not settings.teacher.is_recorded() and needs_teacher:
        for role in ROLES:
            resolve_key(settings.teacher.role(role), os.environ)
    if needs_teacher or not settings.teacher.is_rehearsal() or domain.corpus is not None:
        _check_batches(settings)
    domain = choose_rows(domain, settings.rows, settings.seed, served=bool(domain.corpus_rows))
    domain = add_recording(domain, settings) if settings.teacher.is_recorded() else add_pool(domain, settings)
    if settings.teacher.is_rehearsal():
        check_left(domain)
    for key, cap in (("budget.usd", settings.budget.usd), ("budget.cycle.usd", settings.budget.cycle.usd)):
        if cap is not None:
            _check_prices(settings, key)
    metric = settings.gate.metric
    if metric is not None and metric not in domain.codec.metrics:
        raise InputError(f"gate.metric: unknown metric {metric!r}; one of: {', '.join(domain.codec.metrics)}")
    _check_gate_data(domain, settings)
    _check_pool(domain, settings)
    domain = _note_idle_profile(domain, settings)
    check_student(settings.student.base)
    check_lora(settings.student)
    _check_modes(domain, settings)
    briefing = make_prompt_context(
        domain.codec.name,
        domain.file.description,
        domain.file.language,
        domain.file.labels,
        domain.prompts,
        settings.curriculum.weaknesses,
        domain.prompt_language,
    )
    return Plan(domain, settings, preset, briefing)


def _check_gate_data(domain: Domain, settings: Settings) -> None:
    """Refuse to stop by a gate metric that is never measured."""
    stop, gate, samples = settings.stop, settings.gate, settings.budget.samples
    conditions = [key for key in ("target", "patience", "gain") if getattr(stop, key) is not None]
    if not conditions or domain.validation:
        return
    if not gate.holdout:
        raise InputError(f"stop.{conditions[0]}: there is no gate data; give data.validation or a gate.holdout")
    if samples is not None and gate.holdout_from >= samples:
        raise InputError(
            f"stop.{conditions[0]}: there is no gate data: samples are set aside only from number"
            f" {gate.holdout_from} on, but the budget ends at {samples}; pass --set gate.holdout_from=0, or"
            " give data.validation"
        )


def _check_pool(domain: Domain, settings: Settings) -> None:
    """Refuse to label a missing pool, and shares that the source or a missing pool would change silently."""
    source, shares = settings.curriculum.source, settings.curriculum.shares
    if source in ("pool", "mix") and not domain.pool:
        raise InputError(
            f"curriculum.source is {source!r}, but there are no unlabelled texts; name a file of them under data.pool"
            f" in {domain.folder / 'domain.yaml'}, or choose another preset"
        )
    fault = find_contradiction(bool(domain.pool), source, shares)
    if fault is not None:
        raise InputError(f"{fault}; leave one of them out")


def _note_idle_profile(domain: Domain, settings: Settings) -> Domain:
    """Say that a profile is not used: only texts in the tone of real ones follow it, and those need a pool."""
    curriculum = settings.curriculum
    if not domain.profile or curriculum.profile == "off":
        return domain
    entities = output_schema(domain.codec.name).blank is not None
    if "toned" in begin_shares(entities, bool(domain.pool), curriculum.source, curriculum.shares):
        return domain
    why = "this run writes no texts in the tone of real ones" if domain.pool else "there is no pool"
    return replace(domain, notes=(*domain.notes, f"{domain.folder / PROFILE}: not used, {why}"))


def _check_modes(domain: Domain, settings: Settings) -> None:
    """Refuse lesson modes that do not suit this task."""
    able = output_schema(domain.codec.name).modes
    chosen = [("curriculum.modes", mode) for mode in settings.curriculum.modes]
    for key, mode in [*chosen, ("curriculum.warm_up.mode", settings.curriculum.warm_up.mode)]:
        if mode not in able:
            raise InputError(f"{key}: {mode!r} does not suit this domain's task; one of: {', '.join(able)}")


def _check_batches(settings: Settings) -> None:
    """Refuse batches of an embedded teacher: the setting would do nothing."""
    keys = settings.teacher.batch_keys()
    if keys and settings.teacher.is_embedded():
        raise InputError(
            f"{keys[0]}: the {settings.teacher.model} teacher answers in process and at once, without batches; name a"
            " model with an address, or leave the setting out (evokd teacher serve --batches 60 shows how batches go)"
        )


def _check_prices(settings: Settings, key: str) -> None:
    """Refuse a budget in money if a price is unknown: it could not be enforced."""
    if settings.teacher.is_embedded():
        raise InputError(
            f"{key}: the {settings.teacher.model} teacher has no price; remove --budget-usd or name a model"
        )
    for role in ROLES:
        role_settings = settings.teacher.role(role)
        if (
            price(role_settings.prices, role_settings.model or "", role_settings.base_url or OPENAI_URL, (1, 1))[0]
            is None
        ):
            raise InputError(
                f"{key}: the price of {role_settings.model!r} is unknown; give it (US dollars per million tokens) with"
                " --set teacher.prices.input=X --set teacher.prices.output=Y, or remove --budget-usd"
            )


def _use_corpus(domain: Domain, settings: Settings) -> tuple[Domain, Settings]:
    """Read the rehearsal teacher's corpus once, so that its errors show before anything is written.

    A corpus named in the settings replaces the domain's: by its full path, and as part of the fingerprint.
    """
    named = settings.rehearsal.corpus
    if named is None and domain.corpus is None:
        raise InputError(
            f"{domain.folder / 'domain.yaml'}: no teacher: pass --teacher MODEL (with a key or --base-url), or give"
            " the domain a labelled corpus under rehearsal.corpus"
        )
    if named is not None:
        path = Path(named).resolve()
        rehearsal = settings.rehearsal.model_copy(update={"corpus": str(path)})
        settings = settings.model_copy(update={"rehearsal": rehearsal})
        domain = replace_corpus(domain, path)
    return (domain if domain.corpus_rows and named is None else read_corpus(domain)), settings


def replan_run(
    folder: RunFolder, record: Mapping[str, Any], layers: Sequence[ConfigSource] = (), domain: str | None = None
) -> Plan:
    """Plan an interrupted run again from its configuration.

    Args:
        folder: the run's.
        record: its `config.yaml`.
        layers: changed settings; later layers win.
        domain: where the domain is now, a folder or the name of a shipped one; None: where it was.

    Raises:
        InputError: what is wrong with the domain or the settings.
        ResumeError: the domain or the untrained student is not where it was.
    """
    sources = [ConfigSource(str(folder.config), record["settings"]), *layers]
    loaded = load_domain(find_domain_of(folder, record, domain))
    check_base(folder, build_settings(sources).student.base)
    return plan_settings(loaded, record["preset"], sources)


def plan_settings(loaded: Domain, preset: str, layers: Sequence[ConfigSource]) -> Plan:
    """Plan a run from complete settings; preset and domain add nothing.

    Raises:
        InputError: what is wrong with the domain or the settings.
    """
    plan = _check(loaded, build_settings(layers), preset)
    if plan.settings.student.max_length != "auto":
        return plan
    settings, _ = look_ahead(plan.domain, plan.settings)
    return replace(plan, settings=settings)


def describe_plan(plan: Plan) -> dict[str, Any]:
    """What `config.yaml` of a run holds: enough to plan the run again, no secrets."""
    return {
        "domain": plan.domain.file.name,
        "domain_folder": str(plan.domain.folder),
        "preset": plan.preset,
        "settings": plan.settings.model_dump(mode="json"),
        "prompts": {
            "hash": plan.briefing.hash,
            "files": dict(plan.briefing.versions),
            "digests": {role: digest_prompts({role: text}) for role, text in plan.briefing.systems.items()},
        },
        "data": dict(plan.domain.fingerprint),
        "files": _name_data(plan.domain),
        "base": digest_base(plan.settings.student.base),
        "versions": library_versions(),
    }


def record_plan(plan: Plan) -> dict[str, Any]:
    """What the ledger stores of a plan, prompt texts included, so that a resumed run can show the differences."""
    description = describe_plan(plan)
    texts = plan.briefing.systems
    prompts = {
        role: {"digest": value, "text": texts[role]} for role, value in description["prompts"]["digests"].items()
    }
    common = {key: description[key] for key in ("preset", "settings", "data", "base", "versions")}
    return {**common, "prompts": prompts, "rows": _count_rows(plan.domain)}


def record_config(record: Mapping[str, Any]) -> dict[str, Any]:
    """The same from a `config.yaml`, for a run that ended before it had a ledger: no texts, no row counts."""
    prompts = {role: {"digest": value} for role, value in record["prompts"].get("digests", {}).items()}
    common = {key: record[key] for key in ("preset", "settings", "data", "base", "versions") if key in record}
    return {**common, "prompts": prompts}


def _name_data(domain: Domain) -> dict[str, str]:
    """What a data file is for -> its name in `data`."""
    files = domain.file.data.files
    return {use: name_file(domain.folder, domain.folder / name, f"data.{use}") for use, name in files.items()}


def _count_rows(domain: Domain) -> dict[str, int]:
    data = domain.file.data
    splits = ((data.seeds, domain.seeds), (data.validation, domain.validation), (data.test, domain.test))
    files = [(domain.folder / name, len(split)) for name, split in splits if name]
    if domain.corpus is not None and domain.corpus_rows:
        files.append((domain.corpus, len(domain.corpus_rows)))
    return {name_file(domain.folder, path, "rehearsal.corpus"): count for path, count in files}


def library_versions() -> dict[str, str]:
    """Versions of this program and of the libraries that its results depend on."""
    versions = {}
    for name in VERSIONED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = UNKNOWN_VERSION
    return versions
