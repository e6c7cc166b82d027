"""`evokd prompts show`."""

from typing import Annotated

import typer

from evokd.cli.options import ContentAsJson, DomainArgument


def prompts_show(
    domain: DomainArgument,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="analyst, generator, labeler, profile or guide.")],
    source: Annotated[bool, typer.Option("--source", help="The file as it is, not rendered.")] = False,
    as_json: ContentAsJson = False,
) -> None:
    """Show a prompt as the first call sends it: system prompt and user turn, with estimated tokens.

    What the student gets wrong is not known before a run, so a message to the Analyst holds stand-ins.

    \b
    Examples:
      evokd prompts show my_domain generator
      evokd prompts show my_domain generator --source
    """
    from evokd.api.prompt_sets import show_prompt
    from evokd.cli import console
    from evokd.cli.views.prompt_pages import print_source, print_turns

    shown = show_prompt(domain, role)
    if shown.other_faults:
        more = len(shown.other_faults) - 1
        rest = f" (and {more} more: {console.program()} prompts lint {domain})" if more else ""
        console.say(f"warning: another prompt of this domain is at fault: {shown.other_faults[0]}{rest}")
    if as_json:
        console.print_json({**vars(shown), "path": str(shown.path)})
    elif source:
        print_source(console.stdout(), shown)
    else:
        print_turns(console.stdout(), shown)
