"""`evokd resume`."""

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
    Cycles,
    MlflowTo,
    NoContent,
    Quiet,
    Rest,
    Reviewer,
    Run,
    RunsDir,
    StoreOption,
    TeacherOption,
    TraceTo,
    View,
    limit_flags,
)


def resume(
    run: Run,
    domain: Annotated[str | None, typer.Option("--domain", help="Where the domain is now, if it was moved.")] = None,
    teacher: TeacherOption = None,
    base_url: BaseUrl = None,
    student: Annotated[str | None, typer.Option("--student", help="Where the untrained student is now.")] = None,
    cycles: Cycles = None,
    budget_samples: BudgetSamples = None,
    budget_tokens: BudgetTokens = None,
    budget_usd: BudgetUsd = None,
    assign: Assign = None,
    rest: Rest = None,
    reviewer: Reviewer = None,
    force: Annotated[bool, typer.Option("--force", help="Go on whatever has become different.")] = False,
    runs_dir: RunsDir = Path("runs"),
    store: StoreOption = None,
    view: View = False,
    trace: TraceTo = None,
    mlflow: MlflowTo = None,
    no_content: NoContent = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Go on with an interrupted run. Replies that had arrived are not asked for again.

    The teacher's address and limits and the budgets may differ from before, and a domain or a student may have moved.
    So may what people review (--set review.mode=off). Any other difference of settings, prompts, data or version is
    shown and refused, unless --force is given. A run that waits for a review waits on until all texts are decided, or
    --rest decides them.

    \b
    Examples:
      evokd resume my_run
      evokd resume my_run --rest accept      go on without decisions on the texts that wait
      evokd resume my_run --store postgresql://me@db.example/runs      on another machine than before
      evokd resume my_run --base-url http://127.0.0.1:9000/v1 --set teacher.concurrency=2 --budget-samples 400
    """
    from evokd import api
    from evokd.cli import console
    from evokd.cli.config_layers import make_layers
    from evokd.cli.exporting import export_live
    from evokd.cli.follow import follow

    flags = limit_flags(teacher, base_url, cycles, budget_samples, budget_tokens, budget_usd)
    settings = make_layers(None, assign, {**flags, "--student": ("student.base", student)})
    opened = api.find_run(run, runs_dir, store)
    if opened.has_ended and not settings:
        left = "its last event, which was missing, is written now" if opened.lacks_end else "nothing to resume"
        console.stderr().print(f"run {opened.id} has ended already; {left}", highlight=False)
    with export_live(trace, mlflow, no_content) as export:
        follow(
            as_json,
            lambda listen: api.resume(
                opened,
                domain=domain,
                settings=settings,
                force=force,
                rest=rest,
                reviewer=reviewer,
                on_event=listen,
            ),
            str(opened.path),
            opened.path.parent if view else None,
            export,
            quiet,
        )
