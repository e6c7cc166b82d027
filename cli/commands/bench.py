"""`evokd bench`."""

import re
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from evokd.cli.options import On, Quiet, RayAddress, RayGpus, ReportAsJson


def bench(
    context: typer.Context,
    domains: Annotated[list[str], typer.Argument(metavar="DOMAIN...", help="Domain folders or shipped domains.")],
    presets: Annotated[str, typer.Option(metavar="A,B,...", help="Presets to compare; the first is the reference.")] = (
        "evokd"
    ),
    variant: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:PRESET:a.b=c,d.e=f", help="A preset with settings changed; may be repeated."),
    ] = None,
    seeds: Annotated[str, typer.Option(metavar="N|A-B", help="Seeds 1 to N, or A to B.")] = "3",
    budget_samples: Annotated[int | None, typer.Option(help="Accepted samples of each run.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="Tokens of each run, read and written.")] = None,
    shots: Annotated[int | None, typer.Option(help="Examples per label to start from, drawn from the corpus.")] = None,
    validation: Annotated[
        int | None, typer.Option(help="Labelled validation rows that a run may see.  [default: 0]")
    ] = None,
    typicality: Annotated[str | None, typer.Option(metavar="X[,Y..]", help="Of the rehearsal teacher.")] = None,
    noise: Annotated[str | None, typer.Option(metavar="X[,Y..]", help="Of the rehearsal teacher.")] = None,
    student: Annotated[str | None, typer.Option(metavar="NAME|PATH|embedded", help="The untrained student.")] = None,
    tune: Annotated[str | None, typer.Option(metavar="head|full|auto", help="What is trained of it.")] = None,
    cycles: Annotated[int | None, typer.Option(help="Evolution cycles at most.")] = None,
    teacher: Annotated[str | None, typer.Option(metavar="MODEL|recorded|rehearsal", help="The language model.")] = None,
    base_url: Annotated[str | None, typer.Option(help="OpenAI-compatible endpoint, up to /v1.")] = None,
    config: Annotated[Path | None, typer.Option(help="A YAML file with settings.")] = None,
    assign: Annotated[list[str] | None, typer.Option("--set", metavar="a.b=c", help="One setting of all runs.")] = None,
    target_shares: Annotated[
        str, typer.Option(metavar="X,Y,..", help="Shares of the full-shot score; the report says what each cost.")
    ] = "0.8,0.9,0.95",
    full_shot: Annotated[bool, typer.Option(help="Train on the whole corpus as well, as a full-data baseline.")] = True,
    full_shot_seeds: Annotated[
        int | None,
        typer.Option(min=1, help="For how many seeds; the others are compared with their mean. All if not given."),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; all cores if not given.")] = None,
    on: On = "local",
    ray_address: RayAddress = None,
    ray_gpus: RayGpus = 0.0,
    out: Annotated[Path, typer.Option(help="Folder of the experiment; what is done in it is not done again.")] = Path(
        "bench"
    ),
    quiet: Quiet = False,
    as_json: ReportAsJson = False,
) -> None:
    """Compare presets on domains: many runs from the same start, scored on test data after every cycle.

    \b
    Examples:
      evokd bench support_tickets --presets evokd,random --seeds 5 --shots 2 --tune head
      evokd bench support_tickets --variant no-review:evokd:curriculum.review=0 --budget-samples 200
      evokd bench support_tickets --seeds 20 --on ray --ray-address 10.0.0.5:6379 --out /shared/bench
    """
    from evokd import api
    from evokd.api.interruption import signals_stop
    from evokd.cli import console
    from evokd.cli.config_layers import make_layers
    from evokd.cli.ray_options import choose_cluster
    from evokd.cli.views.experiment_progress import ExperimentProgress
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
    shares = _read_shares("--target-shares", target_shares)
    chosen = _read_seeds(seeds)
    if 0 in shares:
        raise InputError("--target-shares 0: every student has that from the start; write shares above 0")
    if full_shot_seeds is not None and not full_shot:
        raise InputError("--full-shot-seeds: nothing is trained on the whole corpus with --no-full-shot; leave one out")
    if full_shot_seeds is not None and full_shot_seeds > (given := len(chosen)):
        raise InputError(f"--full-shot-seeds {full_shot_seeds}: --seeds gives {given}; ask for at most as many")
    with signals_stop(), ExperimentProgress(console.stderr(), quiet) as progress:
        report = api.bench(
            domains,
            [name.strip() for name in presets.split(",") if name.strip()],
            variants=variant or (),
            seeds=chosen,
            typicality=_read_shares("--typicality", typicality),
            noise=_read_shares("--noise", noise),
            settings=[
                api.ConfigSource("evokd bench", {"rows": {"validation": 0}}),
                *make_layers(config, assign, flags),
            ],
            target_shares=shares,
            full_shot_seeds=full_shot_seeds if full_shot else 0,
            jobs=jobs,
            ray=choose_cluster(on, ray_address, ray_gpus),
            out=out,
            command=_write_command(context),
            on_event=progress,
        )
    if as_json:
        console.print_json(report.record)
    console.say(f"report: {report.path}")
    report.check()


def _write_command(context: typer.Context) -> str:
    """Write the command that this is, for a report to say how it is made again."""
    return shlex.join(["evokd", *(sys.argv[1:] if context.obj is None else context.obj)])


def _read_seeds(text: str) -> range:
    """Read `5` (seeds 1 to 5) or `4-6` (4, 5 and 6)."""
    from evokd.messages import InputError

    match = re.fullmatch(r"(?:(\d{1,9})\s*-\s*)?(\d{1,9})", text.strip(), re.ASCII)
    first, last = (int(match[1] or 1), int(match[2])) if match else (0, 0)
    if not 1 <= first <= last:
        raise InputError(
            f"--seeds {text!r}: write how many (5 is seeds 1 to 5), or the first and the last, such as 4-6"
        )
    return range(first, last + 1)


def _read_shares(flag: str, text: str | None) -> list[float]:
    """Read numbers from 0 to 1 with commas between them."""
    from evokd.messages import InputError

    if text is None:
        return []
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError as exc:
        raise InputError(f"{flag} {text!r}: write numbers with commas between them, such as 0,0.5") from exc
    if not all(0 <= value <= 1 for value in shares) or len(set(shares)) != len(shares):
        raise InputError(f"{flag} {text!r}: each number lies between 0 and 1 and is there once")
    return shares
