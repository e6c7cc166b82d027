"""The command line: parse, build the configuration, make one call, turn errors into one line and an exit code.

Nothing heavy is imported before a command needs it.
"""

import errno
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    PresetOption,
    Run,
    RunsDir,
    StudentOption,
    TeacherOption,
)

if TYPE_CHECKING:
    from types import ModuleType


# typer carries its own copy of click or uses the installed one, by version
UsageError: type[Any] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="evokd",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Distil a language model into a small model for your own domain, by watching where the small model fails.",
)
teacher_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The embedded rehearsal teacher.")
app.add_typer(teacher_app, name="teacher")


def _common_flags(
    teacher: str | None,
    base_url: str | None,
    cycles: int | None,
    budget_samples: int | None,
    budget_tokens: int | None,
    budget_usd: float | None,
) -> dict[str, tuple[str, Any]]:
    """Flags that several commands have: flag -> dotted key and value."""
    return {
        "--teacher": ("teacher.model", teacher),
        "--base-url": ("teacher.base_url", base_url),
        "--cycles": ("stop.cycles", cycles),
        "--budget-samples": ("budget.samples", budget_samples),
        "--budget-tokens": ("budget.tokens", budget_tokens),
        "--budget-usd": ("budget.usd", budget_usd),
    }


@app.command()
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
    config: Config = None,
    assign: Assign = None,
    runs_dir: RunsDir = Path("runs"),
    run_id: Annotated[str | None, typer.Option(help="Name of the run; made from domain, time and seed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run evolution cycles on a domain.

    \b
    Examples:
      evokd run support_tickets --cycles 5
      evokd run my_domain --teacher gpt-4o-mini --budget-usd 2
      evokd run my_domain --teacher qwen3 --base-url http://127.0.0.1:11434/v1 --set student.steps=120
    """
    from evokd.cli.config_layers import make_layers
    from evokd.graph.runner import start_run
    from evokd.graph.setup.plan import plan_run

    flags = {
        **_common_flags(teacher, base_url, cycles, budget_samples, budget_tokens, budget_usd),
        "--student": ("student.base", student),
        "--target": ("stop.target", target),
        "--device": ("student.device", device),
        "--seed": ("seed", seed),
    }
    layers = make_layers(config, assign, flags)
    plan = plan_run(domain, preset, layers)
    _follow(as_json, lambda listeners: start_run(plan, runs_dir, run_id, listeners))


@app.command()
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
    """Check a domain and everything a run on it needs, and say what the run will take. Nothing is paid for.

    \b
    Examples:
      evokd check my_domain
      evokd check my_domain --teacher gpt-4o-mini --budget-samples 500
    """
    from evokd.cli.config_layers import make_layers
    from evokd.cli.views.check_view import print_check
    from evokd.graph.check import describe_domain
    from evokd.graph.setup.plan import plan_run

    flags = {
        **_common_flags(teacher, base_url, cycles, budget_samples, budget_tokens, budget_usd),
        "--student": ("student.base", student),
    }
    facts = describe_domain(plan_run(domain, preset, make_layers(config, assign, flags), needs_teacher=False))
    if as_json:
        _terminal().print_json(facts)
    else:
        print_check(_terminal().stdout(), facts)


@app.command()
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
    force: Annotated[bool, typer.Option("--force", help="Go on whatever has become different.")] = False,
    runs_dir: RunsDir = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """Go on with an interrupted run. Replies that had arrived are not asked for again.

    Where the teacher is, how hard it is pushed, budgets and limits may be other ones, and a domain or a student may lie
    in another place; any other difference of settings, prompts, data or version is refused and shown, unless --force.

    \b
    Examples:
      evokd resume my_run
      evokd resume my_run --base-url http://127.0.0.1:9000/v1 --set teacher.concurrency=2 --budget-samples 400
    """
    from evokd.cli.config_layers import make_layers
    from evokd.graph.runner import resume_run
    from evokd.graph.setup.run_folder import find_run

    flags = _common_flags(teacher, base_url, cycles, budget_samples, budget_tokens, budget_usd)
    layers = make_layers(None, assign, {**flags, "--student": ("student.base", student)})
    folder = find_run(run, runs_dir)
    if folder.summary.is_file() and not layers:
        _terminal().stderr().print(f"run {folder.run_id} has ended already; nothing to resume", highlight=False)
    _follow(as_json, lambda listeners: resume_run(folder, listeners, layers, force, domain=domain), str(folder.path))


@app.command()
def graph() -> None:
    """Print the compiled graph as Mermaid text."""
    from evokd.graph.build import draw_graph

    typer.echo(draw_graph())


@app.command()
def predict(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Texts in any data format; - reads them in.")] = "-",
    form: Annotated[str | None, typer.Option("--format", metavar="lines|jsonl|csv|tsv|conll")] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Let a run's student answer texts; prints JSON lines."""
    from evokd.cli.predict_input import predict_from
    from evokd.graph.setup.run_folder import find_run

    for row in predict_from(find_run(run, runs_dir), file, sys.stdin.buffer, form, _terminal().stderr()):
        _terminal().print_json(row)


@teacher_app.command()
def serve(
    corpus: Annotated[
        Path | None, typer.Option(help="Labelled corpus of a domain; that of support_tickets if not given.")
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on the loopback interface; 0 takes a free one.")
    ] = 8808,
    noise: Annotated[float, typer.Option(min=0, max=1, help="Share of labels (of entities) given wrong.")] = 0.0,
    typicality: Annotated[float, typer.Option(min=0, max=1, help="Pull of unguided requests to typical texts.")] = 0.0,
    seed: Annotated[int, typer.Option(min=0, help="Seed for requests that bring none.")] = 0,
) -> None:
    """Serve the rehearsal teacher over HTTP, on this machine alone. It calls no language model."""
    from evokd.graph.setup.domain import SHIPPED
    from evokd.graph.setup.simulated_teacher import corpus_to_serve
    from evokd.simulator.app import create_app
    from evokd.simulator.rehearsal_settings import RehearsalSettings
    from evokd.simulator.server import serve as serve_app

    path = corpus or SHIPPED / "support_tickets" / "corpus.jsonl"
    settings = RehearsalSettings(corpus=str(path), noise=noise, typicality=typicality)
    app = create_app(corpus_to_serve(path), settings, seed)

    def announce(url: str) -> None:
        console = _terminal().stderr()
        console.print(f"rehearsal teacher at {url} (this machine alone; no language model is called)", soft_wrap=True)
        told = f"it answers from {escape(str(path))}; a run on another domain gets nothing useful"
        console.print(told, markup=False, soft_wrap=True)
        console.print(f"use it: {_terminal().program()} run DOMAIN --teacher any-name --base-url {url}", soft_wrap=True)
        console.print("stop it with Ctrl-C")

    serve_app(app, port, announce)


class _Interrupted(Exception):
    """A signal has ended the work; typer makes a silent exit code of a KeyboardInterrupt."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class _OutputClosed(Exception):
    """Nobody reads what a run tells; typer would make a silent exit of a closed pipe."""


def _follow(as_json: bool, work: Any, folder: str | None = None) -> None:
    """Drive a run with progress on standard error and, if asked for, events on standard output."""
    from evokd.cli.views.progress import Progress
    from evokd.cli.views.result_view import tell_result
    from evokd.graph.stopping import exit_code, signals_stop

    with signals_stop(), Progress(_terminal().stderr()) as progress:
        progress.folder = folder
        listeners = (progress, _terminal().print_json) if as_json else (progress,)
        try:
            summary = work(listeners)
        except BaseException as exc:
            error = exc
            if isinstance(exc, KeyboardInterrupt):
                error = _Interrupted(exit_code(exc))
            elif isinstance(exc, BrokenPipeError):
                error = _OutputClosed()
            error.add_note(f"evokd-folder={getattr(exc, 'folder', None) or progress.folder}")
            if error is exc:
                raise
            raise error from exc
    tell_result(_terminal().stderr(), summary, progress.folder or summary["run_id"], _terminal().program())


def _terminal() -> "ModuleType":
    """Where commands write."""
    from evokd.cli import console

    return console


def escape(message: str) -> str:
    """Write what a terminal would obey as escapes: names of files and runs may hold anything. Line ends are kept."""
    return "".join(char if char.isprintable() or char in "\n\u200c\u200d" else ascii(char)[1:-1] for char in message)


@cache
def complete() -> typer.Typer:
    """Add the groups of commands that have modules of their own."""
    from evokd.cli import experiment_commands, reading_commands

    reading_commands.add_commands(app)
    experiment_commands.add_commands(app)
    return app


def run_cli(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    from evokd.cli.streams import finish_output, prepare_streams

    prepare_streams()
    code = _run_command(arguments)
    failed = finish_output()
    if failed is None or isinstance(failed, BrokenPipeError) or code:
        return code
    return _fail(f"standard output cannot be written ({failed.strerror})", 1)


def _run_command(arguments: list[str] | None) -> int:
    if not (sys.argv[1:] if arguments is None else arguments):
        arguments = ["--help"]
    complete()
    try:
        code = int(app(arguments, standalone_mode=False, obj=arguments) or 0)
        return _fail("interrupted", code) if code == 130 else code
    except typer.Exit as exc:
        return exc.exit_code
    except UsageError as exc:
        return _fail(exc.format_message(), 2)
    except _Interrupted as exc:
        return _fail("interrupted" + _resume_hint(exc), exc.code)
    except (KeyboardInterrupt, typer.Abort) as exc:
        return _fail("interrupted" + _resume_hint(exc), 130)
    except _OutputClosed as exc:
        return _fail(f"its output was closed{_resume_hint(exc)}", 1)
    except BrokenPipeError:
        return 0  # whoever reads has seen enough
    except SystemExit as exc:
        if isinstance(exc.__context__, BrokenPipeError):  # what typer makes of a closed pipe
            return 0
        raise
    except Exception as exc:
        from evokd.messages import EvokdError

        if isinstance(exc, OSError) and exc.filename is None and exc.errno in (errno.ENOSPC, errno.EIO):
            # of a file of a run, `graph.io_errors` would have made an error of ours
            return _fail(f"the output cannot be written ({exc.strerror}){_resume_hint(exc)}", 1)
        if not isinstance(exc, EvokdError):
            raise
        # wrong input (2) or a run that cannot go on as asked (4) is not mended by the same command
        return _fail(str(exc) + (_resume_hint(exc) if exc.exit_code not in (2, 4) else ""), exc.exit_code)


def _resume_hint(exc: BaseException) -> str:
    for note in getattr(exc, "__notes__", []):
        folder = note.removeprefix("evokd-folder=")
        if folder not in (note, "None"):
            return f"; go on with: {_terminal().program()} resume {folder}"
    return ""


def _fail(message: str, code: int) -> int:
    with suppress(OSError):  # standard error may be closed as well
        sys.stderr.write(f"evokd: {escape(message)}\n")
    return code
