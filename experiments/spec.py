"""The runs of an experiment, all planned and checked before the first one starts."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from evokd.graph.setup.config_layers import ConfigSource, load_preset, parse_assignments
from evokd.graph.setup.domain import Domain, find_domain, load_domain
from evokd.graph.setup.plan import Plan, describe_plan, library_versions, plan_loaded
from evokd.graph.setup.readability import refuse_unreadable
from evokd.graph.setup.resume_check import flatten
from evokd.graph.setup.run_settings import RESUMABLE
from evokd.graph.setup.simulated_teacher import read_corpus
from evokd.messages import InputError

_COUNTED_VERSIONS = ("evokd", "torch", "transformers")
_ADDRESS = tuple(key for key in RESUMABLE if key.startswith("teacher."))
MAY_DIFFER = ("student.regime", "student.replay", "student.update_steps", "student.self_training")
"""Student settings in which arms may differ; all others are the same for every arm."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
_NEXT = re.compile(r",(?=\s*[A-Za-z_][\w.]*=)")


@dataclass(frozen=True)
class Arm:
    """One side of the comparison: a preset, perhaps with a few settings changed."""

    name: str
    preset: str
    changes: tuple[str, ...] = ()
    """Settings that differ from the preset's, as `a.b=c`."""


@dataclass(frozen=True)
class ExperimentSpec:
    """What an experiment is to compare."""

    domains: Sequence[str]
    arms: Sequence[Arm]
    seeds: Sequence[int]
    typicality: Sequence[float | None] = (None,)
    noise: Sequence[float | None] = (None,)
    layers: Sequence[ConfigSource] = ()
    """Settings of all runs; later layers win."""


@dataclass(frozen=True)
class ExperimentRun:
    """One run of an experiment, as JSON can carry it."""

    id: str
    domain: str
    folder: str
    """The domain folder."""
    arm: str
    preset: str
    seed: int
    typicality: float
    noise: float
    settings: Mapping[str, Any]
    metric: str
    start: str
    """Digest of everything the start depends on: runs with the same digest begin with the same student."""

    @property
    def condition(self) -> tuple[float, float]:
        """Typicality and noise."""
        return (self.typicality, self.noise)


@dataclass(frozen=True)
class Experiment:
    """Planned runs with what they have in common."""

    runs: Sequence[ExperimentRun]
    domains: Mapping[str, Domain]
    """Domain folder -> the domain as it was read."""
    arms: Sequence[Arm]
    rehearsal: bool


def read_arm(text: str) -> Arm:
    """Read `NAME:PRESET:a.b=c,d.e=f`, a preset under other settings.

    Raises:
        InputError: the text has another form.
    """
    name, _, rest = text.partition(":")
    preset, _, changes = rest.partition(":")
    if not (name and preset and changes):
        raise InputError(
            f"--variant {text!r}: write NAME:PRESET:a.b=c,d.e=f, such as no-review:evokd:curriculum.review=0"
        )
    return Arm(name, preset, tuple(part.strip() for part in _NEXT.split(changes)))


def read_domain(folder: str) -> Domain:
    """Read a domain and its corpus, once for all runs."""
    domain = load_domain(find_domain(folder))
    return domain if domain.corpus is None else read_corpus(domain)


def plan_experiment(spec: ExperimentSpec) -> Experiment:
    """Plan all runs: by domain, then seed, then condition, so that similar runs are neighbours.

    Raises:
        InputError: what is wrong with the spec, a domain or the settings, and how to mend it.
    """
    _check_arms(spec.arms)
    if not spec.arms or not spec.domains:
        raise InputError("nothing to compare; name a domain, and presets with --presets or --variant")
    runs: list[ExperimentRun] = []
    domains: dict[str, Domain] = {}
    rehearsal = True
    for name in spec.domains:
        domain = read_domain(name)
        _check_domain(name, domain, domains)
        domains[str(domain.folder)] = domain
        for seed, typicality, noise in product(spec.seeds, spec.typicality, spec.noise):
            plans = [(arm, _plan(domain, arm, spec, seed, typicality, noise)) for arm in spec.arms]
            rehearsal = rehearsal and all(plan.settings.teacher.is_rehearsal() for _, plan in plans)
            _check_same_start(domain, plans)
            _check_budget(plans[0][1])
            runs += [make_run(arm.name, plan) for arm, plan in plans]
    conditions = (*spec.typicality, *spec.noise)
    if not rehearsal and any(value is not None for value in conditions):
        raise InputError("--typicality and --noise belong to the rehearsal teacher; leave them out with another one")
    return Experiment(runs, domains, spec.arms, rehearsal)


def _check_arms(arms: Sequence[Arm]) -> None:
    seen: set[str] = set()
    for arm in arms:
        if not _NAME.fullmatch(arm.name):
            raise InputError(f"--variant {arm.name!r}: use letters, digits, '-', '_' and '.' in the name")
        # folders are named after arms, and some file systems ignore case
        if arm.name.casefold() in seen:
            raise InputError(f"two arms are named {arm.name!r}; give every variant a different name")
        seen.add(arm.name.casefold())
        load_preset(arm.preset)


def _check_domain(name: str, domain: Domain, earlier: Mapping[str, Domain]) -> None:
    """Refuse a domain that was named before, shares its name with another one, or has no test data."""
    if str(domain.folder) in earlier:
        raise InputError(f"the domain {name!r} is named twice; name every domain once")
    if any(other.file.name.casefold() == domain.file.name.casefold() for other in earlier.values()):
        raise InputError(f"two domains are called {domain.file.name!r}; rename one in its domain.yaml")
    if not domain.test:
        raise InputError(
            f"{domain.folder / 'domain.yaml'}: no test data, and an experiment scores on nothing else; give data.test"
        )


def _check_budget(plan: Plan) -> None:
    budget = plan.settings.budget
    if budget.samples is None and budget.tokens is None:
        raise InputError(
            "budget: an experiment compares at equal tokens or samples; pass --budget-tokens or --budget-samples"
        )


def _plan(
    domain: Domain, arm: Arm, spec: ExperimentSpec, seed: int, typicality: float | None, noise: float | None
) -> Plan:
    layers = [*spec.layers]
    if arm.changes:
        layers.append(ConfigSource(f"--variant {arm.name}", parse_assignments(arm.changes).values))
    layers.append(ConfigSource("--seeds", {"seed": seed}))
    for key, value in (("typicality", typicality), ("noise", noise)):
        if value is not None:
            layers.append(ConfigSource(f"--{key}", {"rehearsal": {key: value}}))
    plan = plan_loaded(domain, arm.preset, layers)
    if plan.settings.review.mode != "off":
        raise InputError(f"{arm.name}: review.mode: the runs of an experiment wait for nobody; set review.mode=off")
    refuse_unreadable(plan.sight, plan.settings)
    return plan


def _check_same_start(domain: Domain, plans: Sequence[tuple[Arm, Plan]]) -> None:
    """Hold the arms to one start, one student and one budget."""
    reference, reference_plan = plans[0]
    expected = _shared_settings(reference_plan)
    for arm, plan in plans[1:]:
        for key, value in _shared_settings(plan).items():
            if expected.get(key) != value:
                first, second = (json.dumps(each, ensure_ascii=False) for each in (expected.get(key), value))
                raise InputError(
                    f"{domain.file.name}: {reference.name!r} and {arm.name!r} differ in {key} ({first} and {second}),"
                    f" so they would not start alike; set it for all, such as --set {key}={second}"
                )


def _shared_settings(plan: Plan) -> dict[str, Any]:
    """The settings, by dotted key, that must be the same in all arms."""
    settings = plan.settings.model_dump(mode="json")
    shared = flatten({key: settings[key] for key in ("student", "rows", "budget", "rehearsal", "seed")})
    shared["teacher.model"] = plan.settings.teacher.model
    return {key: value for key, value in shared.items() if key not in MAY_DIFFER}


def make_run(arm: str, plan: Plan) -> ExperimentRun:
    """Make the experiment's record of a planned run."""
    domain, settings = plan.domain, plan.settings
    rehearsal = settings.rehearsal
    parts = [domain.file.name[:40], arm, f"s{settings.seed}"]
    if settings.teacher.is_rehearsal():
        parts += [f"t{rehearsal.typicality:g}", f"n{rehearsal.noise:g}"]
    start = {**_shared_settings(plan), "data": dict(domain.fingerprint)}
    for key in ("rehearsal.typicality", "rehearsal.noise"):
        start.pop(key, None)  # the teacher has not been called yet
    return ExperimentRun(
        id="-".join([*parts, digest_parts(_fingerprint(plan))]),
        domain=domain.file.name,
        folder=str(domain.folder),
        arm=arm,
        preset=plan.preset,
        seed=settings.seed,
        typicality=rehearsal.typicality,
        noise=rehearsal.noise,
        settings=settings.model_dump(mode="json"),
        metric=domain.metric,
        start=digest_parts(start),
    )


def _fingerprint(plan: Plan) -> dict[str, Any]:
    """Everything the result of a run depends on: settings, prompts, data, versions; not the teacher's address."""
    description = describe_plan(plan)
    settings = {key: value for key, value in flatten(description["settings"]).items() if not _is_address(key)}
    return {
        "preset": plan.preset,
        "settings": settings,
        "prompts": description["prompts"]["hash"],
        "data": description["data"],
        "versions": counted_versions(),
    }


def _is_address(key: str) -> bool:
    return any(key == address or key.startswith(f"{address}.") for address in _ADDRESS)


def counted_versions() -> dict[str, str]:
    """Versions of the packages that a result depends on."""
    versions = library_versions()
    return {name: versions[name] for name in _COUNTED_VERSIONS}


def digest_parts(value: Mapping[str, Any]) -> str:
    """A short digest of a value, the same whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
