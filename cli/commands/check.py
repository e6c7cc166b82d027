"""`evokd check`."""

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
    as_json: AsJson = False,
) -> None:
    """Check a domain and everything a run on it needs, and say what the run will cost. Nothing is paid for.

    \b
    Examples:
      evokd check my_domain
      evokd check my_domain --teacher gpt-4o-mini --budget-samples 500
    """
    from evokd import api
    from evokd.cli import console
    from evokd.cli.config_layers import make_layers
    from evokd.cli.views.check_view import print_check

    flags = {
        **limit_flags(teacher, base_url, cycles, budget_samples, budget_tokens, budget_usd),
        "--student": ("student.base", student),
    }
    facts = api.check(domain, preset=preset, settings=make_layers(config, assign, flags))
    if as_json:
        console.print_json(facts)
    else:
        print_check(console.stdout(), facts)
