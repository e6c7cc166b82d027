"""`evokd check`."""

from typing import Annotated

import typer

from evokd.cli.options import (
    AsJson,
    Assign,
    BaseUrl,
    BudgetSamples,
    BudgetTokens,
    BudgetUsd,
    Config,
    Cycles,
    DomainArgument,
    PresetOption,
    StudentOption,
    TeacherOption,
    limit_flags,
)

Suspects = Annotated[
    int, typer.Option("--suspects", metavar="N", min=0, help="Show N labelled rows whose labels look wrong.")
]
WithBaseline = Annotated[
    bool, typer.Option("--baseline", help="Train the student on the labelled rows alone: the score without a teacher.")
]
DryCall = Annotated[
    bool, typer.Option("--dry-call", help="Make one paid call per role, to see what the endpoint can do.")
]


def check(
    domain: DomainArgument,
    preset: PresetOption = "evokd",
    teacher: TeacherOption = None,
    base_url: BaseUrl = None,
    student: StudentOption = None,
    cycles: Cycles = None,
    budget_samples: BudgetSamples = None,
    budget_tokens: BudgetTokens = None,
    budget_usd: BudgetUsd = None,
    config: Config = None,
    assign: Assign = None,
    suspects: Suspects = 0,
    baseline: WithBaseline = False,
    dry_call: DryCall = False,
    as_json: AsJson = False,
) -> None:
    """Check a domain and everything a run on it needs, and say what the run will cost. Only --dry-call is paid for.

    \b
    Examples:
      evokd check my_domain
      evokd check my_domain --teacher gpt-4o-mini --budget-samples 500
      evokd check my_domain --suspects 10 --baseline
    """
    from evokd import api
    from evokd.cli import console
    from evokd.cli.config_layers import make_layers
    from evokd.cli.views.check_view import print_check

    flags = {
        **limit_flags(teacher, base_url, cycles, budget_samples, budget_tokens, budget_usd),
        "--student": ("student.base", student),
    }
    settings = make_layers(config, assign, flags)
    facts = api.check(domain, preset=preset, settings=settings, suspects=suspects, baseline=baseline, dry_call=dry_call)
    if as_json:
        console.print_json(facts)
    else:
        print_check(console.stdout(), facts)
