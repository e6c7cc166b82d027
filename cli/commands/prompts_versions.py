"""`evokd prompts versions`."""

from pathlib import Path

from evokd.cli.options import AsJson, Run, RunsDir


def prompts_versions(run: Run, runs_dir: RunsDir = Path("runs"), as_json: AsJson = False) -> None:
    """Tell which versions of the prompts a run had, and how many texts were made with each.

    `evokd show RUN --sample ID` names the calls behind one text, `--call ID` the prompt behind a call.

    \b
    Examples:
      evokd prompts versions my_run
    """
    from evokd.api.prompt_history import prompt_versions
    from evokd.cli import console
    from evokd.cli.views.prompt_pages import print_versions

    uses = prompt_versions(run, runs_dir)
    if not as_json:
        print_versions(console.stdout(), uses)
        return
    for use in uses:
        console.print_json(vars(use))
