"""Read domains, and say what a run on one would work with and take."""

from pathlib import Path
from typing import Any

from evokd.api.blocking import call_blocking
from evokd.api.settings import ConfigSource, Settings, to_sources
from evokd.graph.checkup.describe import MoreChecks, describe_domain
from evokd.graph.setup.config_layers import plant_dotted
from evokd.graph.setup.domain import Domain, find_domain
from evokd.graph.setup.domain import load_domain as read_domain
from evokd.graph.setup.plan import Plan, plan_loaded
from evokd.messages import InputError


def load_domain(domain: str | Path) -> Domain:
    """Read and check a domain folder, or a shipped domain by its name.

    Raises:
        InputError: what is wrong, where, and how to mend it.
    """
    return read_domain(find_domain(str(domain)))


def check(
    domain: str | Path | Domain,
    *,
    teacher: str | None = None,
    base_url: str | None = None,
    student: str | Path | None = None,
    preset: str = "evokd",
    settings: Settings | None = None,
    suspects: int = 0,
    baseline: bool = False,
    dry_call: bool = False,
) -> dict[str, Any]:
    """Check a domain and everything a run on it needs; nothing is written.

    No call of the teacher is paid for, unless `dry_call` asks for it.

    Args:
        domain: see `evokd.run`, as the others.
        teacher: the language model; without any there is still an estimate.
        base_url: OpenAI-compatible endpoint, up to /v1; it is asked for its list of models.
        student: the untrained student.
        preset: a published loop.
        settings: other settings.
        suspects: so many labelled rows whose labels look wrong are shown; 0: none is looked for. Takes seconds.
        baseline: train the student on the labelled rows alone, to see what it reaches without a teacher.
        dry_call: make one paid call per role, with the smallest request of a first cycle.

    Returns:
        Domain, data, findings (heaviest first), statistics, notes, advice, prompts, student, teacher, budget and an
        estimate of calls, tokens and money; `suspects`, `baseline` and `dry_calls`, None where not asked for.

    Raises:
        InputError: what is wrong with domain or settings, where, and how to mend it.
        EvokdError: the student process failed, with `suspects` or `baseline`.
    """
    if isinstance(suspects, bool) or not isinstance(suspects, int) or suspects < 0:
        raise InputError(f"suspects: give a whole number of rows, 0 or more, not {suspects!r}")
    loaded = domain if isinstance(domain, Domain) else load_domain(domain)
    plan = make_plan(loaded, preset, settings, teacher, base_url, student, needs_teacher=False)
    more = MoreChecks(suspects, baseline, dry_call)
    return call_blocking(lambda: describe_domain(plan, loaded, more))


def make_plan(
    domain: str | Path | Domain,
    preset: str,
    settings: Settings | None,
    teacher: str | None,
    base_url: str | None,
    student: str | Path | None,
    needs_teacher: bool = True,
) -> Plan:
    """Plan a run; what has an argument of its own wins over `settings`.

    Raises:
        InputError: what is wrong with domain or settings, where, and how to mend it.
    """
    arguments = {"teacher.model": teacher, "teacher.base_url": base_url, "student.base": student and str(student)}
    given = {key: value for key, value in arguments.items() if value is not None}
    loaded = domain if isinstance(domain, Domain) else load_domain(domain)
    return plan_loaded(
        loaded,
        preset,
        [*to_sources(settings), ConfigSource("arguments", plant_dotted(given, "arguments"))],
        needs_teacher,
    )
