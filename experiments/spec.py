"""The cells of a backtest: one run each, all planned and checked before the first one starts."""

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
"""Settings of the student that belong to a loop; all others are the same for every column."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
_NEXT = re.compile(r",(?=\s*[A-Za-z_][\w.]*=)")


@dataclass(frozen=True)
class Arm:
    """A loop that is compared: a preset, perhaps under a few other settings."""

    name: str
    preset: str
    changes: tuple[str, ...] = ()
    """Settings that are other than the preset's, as `a.b=c`."""


@dataclass(frozen=True)
class ExperimentSpec:
    """What is asked of a backtest."""

    domains: Sequence[str]
    columns: Sequence[Arm]
    seeds: Sequence[int]
    typicality: Sequence[float | None] = (None,)
    noise: Sequence[float | None] = (None,)
    layers: Sequence[ConfigSource] = ()
    """Settings of all cells, later ones win."""


@dataclass(frozen=True)
class ExperimentRun:
    """One run of a backtest, as JSON can carry it."""

    id: str
    domain: str
    folder: str
    """The domain folder."""
    column: str
    preset: str
    seed: int
    typicality: float
    noise: float
    settings: Mapping[str, Any]
    metric: str
    start: str
    """Digest of all that the start depends on: cells with the same one begin with the same student."""

    @property
    def condition(self) -> tuple[float, float]:
        """Typicality and noise."""
        return (self.typicality, self.noise)


@dataclass(frozen=True)
class Experiment:
    """Cells with what they have in common."""

    cells: Sequence[ExperimentRun]
    domains: Mapping[str, Domain]
    """Domain folder -> the domain as it was read."""
    columns: Sequence[Arm]
    rehearsal: bool


def read_arm(text: str) -> Arm:
    """Read `NAME:PRESET:a.b=c,d.e=f`, a preset under other settings.

    Raises:
        InputError: it is not written so.
    """
    name, _, rest = text.partition(":")
    preset, _, changes = rest.partition(":")
    if not (name and preset and changes):
        raise InputError(
            f"--variant {text!r}: write NAME:PRESET:a.b=c,d.e=f, such as no-review:evokd:curriculum.review=0"
        )
    return Arm(name, preset, tuple(part.strip() for part in _NEXT.split(changes)))


def read_domain(folder: str) -> Domain:
    """Read a domain and its corpus, once for all cells."""
    domain = load_domain(find_domain(folder))
    return domain if domain.corpus is None else read_corpus(domain)


def plan_experiment(order: ExperimentSpec) -> Experiment:
    """Plan all cells: by domain, then seed, then condition, so that what is alike lies together.

    Raises:
        InputError: what is wrong with the order, a domain or the settings, and how to mend it.
    """
    _check_columns(order.columns)
    cells: list[ExperimentRun] = []
    domains: dict[str, Domain] = {}
    rehearsal = True
    if not order.columns or not order.domains:
        raise InputError("nothing to compare; name a domain, and presets with --presets or --variant")
    for name in order.domains:
        domain = read_domain(name)
        if str(domain.folder) in domains:
            raise InputError(f"the domain {name!r} is named twice; name every domain once")
        if any(other.file.name.casefold() == domain.file.name.casefold() for other in domains.values()):
            raise InputError(f"two domains are called {domain.file.name!r}; rename one in its domain.yaml")
        if not domain.test:
            raise InputError(
                f"{domain.folder / 'domain.yaml'}: no test data, and a backtest scores on nothing else; give data.test"
            )
        domains[str(domain.folder)] = domain
        for seed, typicality, noise in product(order.seeds, order.typicality, order.noise):
            same = []
            for column in order.columns:
                plan = _plan(domain, column, order, seed, typicality, noise)
                rehearsal = rehearsal and plan.settings.teacher.is_rehearsal()
                same.append((column, plan))
            _check_same(domain, same)
            budget = same[0][1].settings.budget
            if budget.samples is None and budget.tokens is None:
                raise InputError(
                    "budget: a backtest compares at equal tokens or samples; pass --budget-tokens or --budget-samples"
                )
            cells += [make_run(column.name, plan) for column, plan in same]
    if not rehearsal and (any(value is not None for value in (*order.typicality, *order.noise))):
        raise InputError("--typicality and --noise belong to the rehearsal teacher; leave them out with another one")
    return Experiment(cells, domains, order.columns, rehearsal)


def _check_columns(columns: Sequence[Arm]) -> None:
    seen: set[str] = set()
    for column in columns:
        if not _NAME.fullmatch(column.name):
            raise InputError(f"--variant {column.name!r}: use letters, digits, '-', '_' and '.' in the name")
        # folders are named after columns, and not every file system tells capitals apart
        if column.name.casefold() in seen:
            raise InputError(f"the column {column.name!r} is there twice; give every variant a name of its own")
        seen.add(column.name.casefold())
        load_preset(column.preset)


def _plan(
    domain: Domain, column: Arm, order: ExperimentSpec, seed: int, typicality: float | None, noise: float | None
) -> Plan:
    layers = [*order.layers]
    if column.changes:
        layers.append(ConfigSource(f"--variant {column.name}", parse_assignments(column.changes).values))
    layers.append(ConfigSource("--seeds", {"seed": seed}))
    given = {"typicality": typicality, "noise": noise}
    layers += [
        ConfigSource(f"--{key}", {"rehearsal": {key: value}}) for key, value in given.items() if value is not None
    ]
    plan = plan_loaded(domain, column.preset, layers)
    refuse_unreadable(plan.sight, plan.settings)
    return plan


def _check_same(domain: Domain, same: Sequence[tuple[Arm, Plan]]) -> None:
    """Hold the columns to one start, one student and one budget."""
    first, plan = same[0]
    began = _shared(plan)
    for column, other in same[1:]:
        for key, value in _shared(other).items():
            if began.get(key) != value:
                one, two = (json.dumps(found, ensure_ascii=False) for found in (began.get(key), value))
                raise InputError(
                    f"{domain.file.name}: {first.name!r} and {column.name!r} differ in {key} ({one} and {two}), so they"
                    f" would not start alike; set it for all, such as --set {key}={two}"
                )


def _shared(plan: Plan) -> dict[str, Any]:
    settings = plan.settings.model_dump(mode="json")
    kept = flatten({key: settings[key] for key in ("student", "rows", "budget", "rehearsal", "seed")})
    kept["teacher.model"] = plan.settings.teacher.model
    return {key: value for key, value in kept.items() if key not in MAY_DIFFER}


def make_run(column: str, plan: Plan) -> ExperimentRun:
    """Make the cell of a planned run."""
    domain, settings = plan.domain, plan.settings
    rehearsal = settings.rehearsal
    parts = [domain.file.name[:40], column, f"s{settings.seed}"]
    parts += [f"t{rehearsal.typicality:g}", f"n{rehearsal.noise:g}"] if settings.teacher.is_rehearsal() else []
    shared = {**_shared(plan), "data": dict(domain.fingerprint)}
    for key in ("rehearsal.typicality", "rehearsal.noise"):
        shared.pop(key, None)  # the teacher has said nothing yet
    return ExperimentRun(
        id="-".join([*parts, digest(_fingerprint(plan))]),
        domain=domain.file.name,
        folder=str(domain.folder),
        column=column,
        preset=plan.preset,
        seed=settings.seed,
        typicality=rehearsal.typicality,
        noise=rehearsal.noise,
        settings=settings.model_dump(mode="json"),
        metric=domain.metric,
        start=digest(shared),
    )


def _fingerprint(plan: Plan) -> dict[str, Any]:
    """All that the result of a run depends on: settings, prompts, data, versions; not where the teacher is."""
    told = describe_plan(plan)
    settings = {
        key: value
        for key, value in flatten(told["settings"]).items()
        if not any(key == free or key.startswith(f"{free}.") for free in _ADDRESS)
    }
    return {
        "preset": plan.preset,
        "settings": settings,
        "prompts": told["prompts"]["hash"],
        "data": told["data"],
        "versions": counted_versions(),
    }


def counted_versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = library_versions()
    return {name: found[name] for name in _COUNTED_VERSIONS}


def digest(value: Mapping[str, Any]) -> str:
    """A short digest of a value, the same whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
