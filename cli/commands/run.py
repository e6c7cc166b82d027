"""`evokd run`."""

from pathlib import Path
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
    MlflowTo,
    NoContent,
    PresetOption,
    Quiet,
    ReviewMode,
    RunsDir,
    StoreOption,
    StudentOption,
    TeacherOption,
    TraceTo,
    View,
    limit_flags,
)


def run(
    domain: DomainArgument,
    preset: PresetOption = "evokd",
    teacher: TeacherOption = None,
    base_url: BaseUrl = None,
    student: StudentOption = None,
    cycles: Cycles = None,
    budget_samples: BudgetSamples = None,
    budget_tokens: BudgetTokens = None,
    budget_usd: BudgetUsd = None,
    target: Annotated[float | None, typer.Option(help="Gate metric that is good enough, 0 to 1.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random choice.")] = None,
    device: Annotated[str | None, typer.Option(metavar="auto|cpu|cuda", help="Where the student computes.")] = None,
    review: ReviewMode = None,
    config: Config = None,
    assign: Assign = None,
    runs_dir: RunsDir = Path("runs"),
    run_id: Annotated[str | None, typer.Option(help="Name of the run; made from domain, time and seed.")] = None,
    store: StoreOption = None,
    view: View = False,
    trace: TraceTo = None,
    mlflow: MlflowTo = None,
    no_content: NoContent = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Run evolution cycles on a domain.

    With --review the run waits for people before each training; evokd review takes their decisions, evokd resume goes
    on.

    \b
    Examples:
      evokd run support_tickets --cycles 5
      evokd run maengelmelder --cycles 3
      evokd run my_domain --teacher gpt-4o-mini --budget-usd 2
      evokd run my_domain --teacher gpt-4o-mini --review disputes
      evokd run my_domain --teacher gpt-4o-mini --store postgresql://me@db.example/runs
      evokd run my_domain --teacher qwen3 --base-url http://127.0.0.1:11434/v1 --set student.steps=120
    """
    from evokd import api
    from evokd.cli.config_layers import make_layers
    from evokd.cli.exporting import export_live
    from evokd.cli.follow import follow

    flags = {
        **limit_flags(teacher, base_url, cycles, budget_samples, budget_tokens, budget_usd),
        "--student": ("student.base", student),
        "--target": ("stop.target", target),
        "--device": ("student.device", device),
        "--seed": ("seed", seed),
        "--review": ("review.mode", review),
    }
    settings = make_layers(config, assign, flags)
    with export_live(trace, mlflow, no_content) as export:
        follow(
            as_json,
            lambda listen: api.run(
                domain, preset=preset, settings=settings, runs_dir=runs_dir, run_id=run_id, store=store, on_event=listen
            ),
            shown=runs_dir if view else None,
            export=export,
            is_quiet=quiet,
        )
