"""The commands of the program, put together."""

from typing import Annotated

import typer

from evokd.cli.commands.bench import bench
from evokd.cli.commands.check import check
from evokd.cli.commands.compare import compare
from evokd.cli.commands.eval import evaluate
from evokd.cli.commands.export import export
from evokd.cli.commands.graph import graph
from evokd.cli.commands.init import init
from evokd.cli.commands.predict import predict
from evokd.cli.commands.presets import presets
from evokd.cli.commands.prompts_copy import prompts_copy
from evokd.cli.commands.prompts_diff import prompts_diff
from evokd.cli.commands.prompts_lint import prompts_lint
from evokd.cli.commands.prompts_list import prompts_list
from evokd.cli.commands.prompts_show import prompts_show
from evokd.cli.commands.prompts_versions import prompts_versions
from evokd.cli.commands.report import report
from evokd.cli.commands.resume import resume
from evokd.cli.commands.review import review
from evokd.cli.commands.run import run
from evokd.cli.commands.runs import runs
from evokd.cli.commands.send import send
from evokd.cli.commands.serve import serve
from evokd.cli.commands.show import show
from evokd.cli.commands.tutorial import tutorial
from evokd.cli.commands.view import view


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"evokd {version('evokd')}")
        raise typer.Exit


app = typer.Typer(
    name="evokd",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Distil a language model into a small model for your own domain, by watching where the small model fails.",
)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Tell the version and exit.")
    ] = False,
) -> None:
    """Take what stands before a command."""


COMMANDS = (
    init,
    run,
    check,
    review,
    resume,
    graph,
    predict,
    runs,
    show,
    view,
    report,
    export,
    send,
    presets,
    bench,
    compare,
    tutorial,
)
for command in COMMANDS:
    app.command()(command)
app.command("eval")(evaluate)

teacher = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The embedded rehearsal teacher.")
teacher.command()(serve)
app.add_typer(teacher, name="teacher")

prompts = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The agents' prompts: list, swap, compare, check."
)
prompts.command("list")(prompts_list)
prompts.command("copy")(prompts_copy)
prompts.command("show")(prompts_show)
prompts.command("diff")(prompts_diff)
prompts.command("lint")(prompts_lint)
prompts.command("versions")(prompts_versions)
app.add_typer(prompts, name="prompts")
