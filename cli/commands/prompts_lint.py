"""`evokd prompts lint`."""

from typing import Annotated

import typer

from evokd.cli.options import AsJson


def prompts_lint(
    domain: Annotated[
        str | None, typer.Argument(metavar="[DOMAIN]", help="A domain; without one, the sets that come with EvoKD.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find everything that is wrong with prompts, in one pass; each line says where and how to mend it.

    Ends with exit code 2 if a run would refuse the prompts, with 0 if there are warnings alone.

    \b
    Examples:
      evokd prompts lint my_domain
    """
    from evokd.api.prompt_sets import lint_prompt_sets, tell_finding
    from evokd.cli import console
    from evokd.cli.views.prompt_pages import print_findings

    findings = lint_prompt_sets(domain)
    if as_json:
        for finding in findings:
            console.print_json(tell_finding(finding))
    else:
        print_findings(console.stdout(), findings)
    errors = sum(finding.level == "error" for finding in findings)
    console.say(f"errors: {errors}, warnings: {len(findings) - errors}")
    if errors:
        raise typer.Exit(2)
