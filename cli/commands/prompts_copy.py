"""`evokd prompts copy`."""

from typing import Annotated

import typer

from evokd.cli.options import DomainArgument


def prompts_copy(
    domain: DomainArgument,
    roles: Annotated[
        list[str] | None,
        typer.Argument(metavar="ROLE...", help="analyst, generator, labeler, profile or guide."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All five prompts.")] = False,
) -> None:
    """Copy base prompts into a domain, to be changed there. Nothing is overwritten.

    \b
    Examples:
      evokd prompts copy my_domain generator
      evokd prompts copy my_domain --all
    """
    from evokd.api.prompt_copies import copy_prompts
    from evokd.cli import console
    from evokd.messages import InputError

    if bool(roles) == everything:
        raise InputError("name the prompts to copy (analyst, generator, labeler, profile, guide), or pass --all")
    copied = copy_prompts(domain, roles or ())
    for path in copied.files:
        typer.echo(str(path))
    if copied.changed is not None:
        console.say(f"{copied.changed}: added the line prompts: {copied.files[0].parent.name}")
    console.say("edit the text below the second ---; names in backticks are fields of the message and of the reply")
    console.say("raise `version` with each change; a prompt that you do not change you can delete again")
    console.say(f"then: {console.program()} prompts lint {domain}")
