"""`evokd presets`, `evokd bench` and `evokd compare`."""

import json
import os
import re
import shlex
import sys
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer

ReportAsJson = Annotated[bool, typer.Option("--json", help="The report as JSON on standard output.")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(presets)
    app.command()(bench)
    app.command()(compare)


def presets(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON line per preset on standard output.")] = False,
) -> None:
    """List the published loops: where each is from, and what it sets otherwise than the default."""
    from evokd.cli import console
    from evokd.graph.setup.preset_catalog import list_presets

    for preset in list_presets():
        if as_json:
            console.print_json(preset.tell())
            continue
        typer.echo(f"{preset.name}  ({preset.source})")
        typer.echo(textwrap.fill(preset.description, 110, initial_indent="  ", subsequent_indent="  "))
        for key, (default, own) in preset.differs.items():
            typer.echo(f"    {key}: {_write(own)}  (default {_write(default)})")
        typer.echo()


def _write(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def bench(
    context: typer.Context,
    domains: Annotated[list[str], typer.Argument(metavar="DOMAIN...", help="Domain folders or shipped domains.")],
    presets: Annotated[str, typer.Option(metavar="A,B,...", help="Presets to compare; the first is the reference.")] = (
        "evokd"
    ),
    variant: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:PRESET:a.b=c,d.e=f", help="A preset under other settings; may be repeated."),
    ] = None,
    seeds: Annotated[str, typer.Option(metavar="N|A-B", help="Seeds 1 to N, or A to B.")] = "3",
    budget_samples: Annotated[int | None, typer.Option(help="Accepted samples of each run.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="Tokens of each run, read and written.")] = None,
    shots: Annotated[int | None, typer.Option(help="Examples per label to start from, drawn from the corpus.")] = None,
    validation: Annotated[int, typer.Option(help="Labelled validation rows that a run may see.")] = 0,
    typicality: Annotated[str | None, typer.Option(metavar="X[,Y..]", help="Of the rehearsal teacher.")] = None,
    noise: Annotated[str | None, typer.Option(metavar="X[,Y..]", help="Of the rehearsal teacher.")] = None,
    student: Annotated[str | None, typer.Option(metavar="NAME|PATH|embedded", help="The untrained student.")] = None,
    tune: Annotated[str | None, typer.Option(metavar="head|full|auto", help="What is trained of it.")] = None,
    cycles: Annotated[int | None, typer.Option(help="Evolution cycles at most.")] = None,
    teacher: Annotated[str | None, typer.Option(metavar="MODEL|recorded|rehearsal", help="The language model.")] = None,
    base_url: Annotated[str | None, typer.Option(help="OpenAI-compatible endpoint, up to /v1.")] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file with settings.")] = None,
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c", help="One setting of all cells.")
    ] = None,
    target_shares: Annotated[
        str, typer.Option(metavar="X,Y,..", help="Shares of the full-shot score whose price is told.")
    ] = "0.8,0.9,0.95",
    full_shot: Annotated[bool, typer.Option(help="Train on the whole corpus too, for comparison.")] = True,
    full_shot_seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Of how many seeds; the others are held to their mean. All if not given."),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; all cores if not given.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the backtest; what is done in it is not done again.")] = Path(
        "bench"
    ),
    as_json: ReportAsJson = False,
) -> None:
    """Compare presets on domains: many runs from the same start, scored on test data after every cycle.

    \b
    Examples:
      evokd bench support_tickets --presets evokd,random --seeds 5 --shots 2 --tune head
      evokd bench support_tickets --variant no-review:evokd:curriculum.review=0 --budget-samples 200
    """
    from evokd.cli import console
    from evokd.cli.config_layers import make_layers
    from evokd.cli.views.experiment_progress import ExperimentProgress
    from evokd.experiments.driver import drive
    from evokd.experiments.report import write_report
    from evokd.experiments.spec import Arm, ExperimentSpec, plan_experiment, read_arm
    from evokd.graph.setup.config_layers import ConfigSource
    from evokd.graph.stopping import signals_stop
    from evokd.messages import InputError

    flags = {
        "--student": ("student.base", student),
        "--tune": ("student.tune", tune),
        "--cycles": ("stop.cycles", cycles),
        "--teacher": ("teacher.model", teacher),
        "--base-url": ("teacher.base_url", base_url),
        "--budget-samples": ("budget.samples", budget_samples),
        "--budget-tokens": ("budget.tokens", budget_tokens),
        "--shots": ("rows.shots", shots),
        "--validation": ("rows.validation", validation),
    }
    # one thread each: a result does not depend on how many processes there are
    own: dict[str, Any] = {"student": {"threads": 1}}
    if budget_tokens is not None and budget_samples is None:
        own["budget"] = {"samples": None}  # tokens alone end the runs
    layers = [ConfigSource("bench", own), *make_layers(config, assign, flags)]
    columns = [Arm(name.strip(), name.strip()) for name in presets.split(",") if name.strip()]
    order = ExperimentSpec(
        domains=domains,
        columns=[*columns, *(read_arm(text) for text in variant or [])],
        seeds=_read_seeds(seeds),
        typicality=_numbers("--typicality", typicality) or (None,),
        noise=_numbers("--noise", noise) or (None,),
        layers=layers,
    )
    shares = _numbers("--target-shares", target_shares)
    if 0 in shares:
        raise InputError("--target-shares 0: every student has that from the start; write shares above 0")
    if full_shot_seeds is not None and not full_shot:
        raise InputError("--full-shot-seeds: nothing is trained on the whole corpus with --no-full-shot; leave one out")
    if full_shot_seeds is not None and full_shot_seeds > (given := len(order.seeds)):
        raise InputError(f"--full-shot-seeds {full_shot_seeds}: --seeds gives {given}; ask for at most as many")
    backtest = plan_experiment(order)
    with signals_stop(), ExperimentProgress(console.stderr()) as board:
        results = drive(backtest, out, jobs or _cores(), full_shot_seeds if full_shot else 0, board)
    record = write_report(backtest, results, out, _tell_command(context), shares)
    if as_json:
        console.print_json(record)
    console.stderr().print(f"report: {out / 'report.md'}", markup=False, highlight=False, soft_wrap=True)
    results.check()


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Finished runs: ids in the runs folder, or paths.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder for compare.md, compare.json and pictures.")] = None,
    runs_dir: Annotated[Path, typer.Option("--runs-dir", help="Folder that holds the runs.")] = Path("runs"),
    as_json: ReportAsJson = False,
) -> None:
    """Compare finished runs; those that cannot be compared come into tables of their own.

    \b
    Examples:
      evokd compare first second
      evokd compare runs/* --out comparison
    """
    from evokd.cli import console
    from evokd.experiments.comparison import compare_runs, write_comparison
    from evokd.graph.setup.run_folder import find_run

    found = compare_runs([find_run(run, runs_dir) for run in runs])
    if out is not None:
        write_comparison(found, out)
        told = f"comparison: {out / 'compare.md'}"
        console.stderr().print(told, markup=False, highlight=False, soft_wrap=True)
    if as_json:
        console.print_json(found.record)
    elif out is None:
        typer.echo(found.text)
    if len(found.groups) > 1:
        told = f"{len(found.groups)} tables: runs on other data, metrics or validation rows cannot stand in one"
        console.stderr().print(told, markup=False, highlight=False, soft_wrap=True)


def _tell_command(context: typer.Context) -> str:
    """Write the command that this is, for a report to say how it is made again."""
    return shlex.join(["evokd", *(sys.argv[1:] if context.obj is None else context.obj)])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read_seeds(text: str) -> range:
    """Read `5` (seeds 1 to 5) or `4-6` (4, 5 and 6)."""
    from evokd.messages import InputError

    found = re.fullmatch(r"(?:(\d{1,9})\s*-\s*)?(\d{1,9})", text.strip(), re.ASCII)
    first, last = (int(found[1] or 1), int(found[2])) if found else (0, 0)
    if not 1 <= first <= last:
        raise InputError(
            f"--seeds {text!r}: write how many (5 is seeds 1 to 5), or the first and the last, such as 4-6"
        )
    return range(first, last + 1)


def _numbers(flag: str, text: str | None) -> list[float]:
    """Read numbers from 0 to 1 with commas between them."""
    from evokd.messages import InputError

    if text is None:
        return []
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError as exc:
        raise InputError(f"{flag} {text!r}: write numbers with commas between them, such as 0,0.5") from exc
    if not all(0 <= value <= 1 for value in found) or len(set(found)) != len(found):
        raise InputError(f"{flag} {text!r}: each number lies between 0 and 1 and is there once")
    return found
