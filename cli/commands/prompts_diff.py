"""`evokd prompts diff`."""

from pathlib import Path
from typing import Annotated

import typer

from evokd.cli.options import RunsDir


def prompts_diff(
    first: Annotated[str, typer.Argument(metavar="DOMAIN|RUN", help="A domain, or the first of two runs.")],
    second: Annotated[
        str | None, typer.Argument(metavar="[ROLE|RUN]", help="A role of the domain, or the second run.")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Compare a domain's own prompts with the base ones that they replace, or the prompts of two runs.

    \b
    Examples:
      evokd prompts diff my_domain
      evokd prompts diff my_domain generator
      evokd prompts diff run_a run_b
    """
    from evokd.api.diff_names import are_runs
    from evokd.cli import console
    from evokd.cli.views.prompt_pages import print_diff

    paper = console.stdout()
    if are_runs(first, second, runs_dir):
        from evokd.api.prompt_history import diff_run_prompts

        assert second is not None
        lines = diff_run_prompts(first, second, runs_dir)
        print_diff(paper, lines)
        if not lines:
            console.say("both runs were made with the same prompts")
        return
    from evokd.api.prompt_sets import diff_prompts

    diffs = diff_prompts(first, [second] if second else [])
    for diff in diffs:
        if diff.note:
            console.say(f"{diff.role}: {diff.note}")
        print_diff(paper, diff.lines)
        if not diff.lines:
            console.say(f"{diff.role}: the text is that of the base prompt")
    if not diffs:
        console.say(f"all prompts are base ones; copy some with: {console.program()} prompts copy {first} ROLE")
