"""`evokd prompts list`."""

from typing import Annotated

import typer

from evokd.cli.options import AsJson


def prompts_list(
    domain: Annotated[
        str | None, typer.Argument(metavar="[DOMAIN]", help="A domain; without one, the sets that come with EvoKD.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List prompts: role, version, estimated tokens, where each comes from, and what it is for.

    \b
    Examples:
      evokd prompts list
      evokd prompts list my_domain
    """
    from evokd.api.prompt_sets import list_prompts
    from evokd.cli import console
    from evokd.cli.views.prompt_pages import print_entries

    entries = list_prompts(domain)
    if not as_json:
        print_entries(console.stdout(), entries)
        return
    for entry in entries:
        console.print_json(entry.tell())
