"""Options and arguments that several commands have."""

from pathlib import Path
from typing import Annotated, Any

import typer

RunsDir = Annotated[Path, typer.Option("--runs-dir", help="Folder that holds the runs.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run id in the runs folder, or a path.")]
StudentRun = Annotated[
    str, typer.Argument(metavar="RUN|STUDENT", help="A run id in the runs folder, a run's path, or a student folder.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines on standard output, the rest on standard error.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="No progress: warnings, errors, and a line at the end that says what came out.")
]
ContentAsJson = Annotated[bool, typer.Option("--json", help="All of it as one JSON object on standard output.")]
ReportAsJson = Annotated[bool, typer.Option("--json", help="The report as JSON on standard output.")]
SHIPPED_DOMAINS = "field_reports, maengelmelder, support_tickets"
"""Names for help texts, which must not load what finds them; a test compares them with the folder."""
DomainArgument = Annotated[
    str, typer.Argument(metavar="DOMAIN", help=f"A domain folder, or a shipped domain: {SHIPPED_DOMAINS}.")
]
PresetOption = Annotated[str, typer.Option("--preset", help="A published loop.")]
TeacherOption = Annotated[
    str | None, typer.Option("--teacher", metavar="MODEL|recorded|rehearsal", help="The language model.")
]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="OpenAI-compatible endpoint, up to /v1.")]
StudentOption = Annotated[
    str | None, typer.Option("--student", metavar="NAME|PATH|embedded", help="The untrained student.")
]
Cycles = Annotated[int | None, typer.Option("--cycles", help="Evolution cycles at most.")]
BudgetSamples = Annotated[int | None, typer.Option("--budget-samples", help="Accepted samples at most.")]
BudgetTokens = Annotated[int | None, typer.Option("--budget-tokens", help="Teacher tokens, read and written, at most.")]
BudgetUsd = Annotated[float | None, typer.Option("--budget-usd", help="US dollars at most.")]
Config = Annotated[Path | None, typer.Option("--config", help="A YAML file with settings.")]
Assign = Annotated[list[str] | None, typer.Option("--set", metavar="a.b=c", help="One setting; may be repeated.")]

ReviewMode = Annotated[
    str | None,
    typer.Option("--review", metavar="off|disputes|sample|all", help="Which texts wait for people before a training."),
]
Reviewer = Annotated[
    str | None, typer.Option("--reviewer", metavar="NAME", help="Who decides.  [default: the user of this machine]")
]
Rest = Annotated[
    str | None,
    typer.Option("--rest", metavar="accept|refuse", help="What becomes of texts on which nobody has decided."),
]
View = Annotated[bool, typer.Option("--view", help="Show the run in the browser while it goes on; prints the address.")]
TraceTo = Annotated[
    str | None,
    typer.Option("--trace", metavar="URL|env", help="Send spans to a receiver of OTLP/HTTP (docs/tracing.md)."),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="postgresql://USER@HOST/DB",
        help="Keep the run in this database (docs/postgres.md).  [default: EVOKD_STORE]",
    ),
]
MlflowTo = Annotated[
    str | None, typer.Option("--mlflow", metavar="URI", help="Track in MLflow: sqlite:///FILE or a server's address.")
]
NoContent = Annotated[bool, typer.Option("--no-content", help="Spans without prompts, replies and texts.")]

On = Annotated[str, typer.Option("--on", metavar="local|ray", help="Where: this machine, or a Ray cluster.")]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray-address",
        metavar="HOST:PORT",
        help="Of the cluster.  [default: RAY_ADDRESS, else one is started on this machine]",
    ),
]
RayGpus = Annotated[
    float, typer.Option("--ray-gpus", min=0.0, metavar="X", help="GPUs of a worker on Ray; 0.5: two share one.")
]


def limit_flags(
    teacher: str | None,
    base_url: str | None,
    cycles: int | None,
    budget_samples: int | None,
    budget_tokens: int | None,
    budget_usd: float | None,
) -> dict[str, tuple[str, Any]]:
    """What teacher and limits are set to: flag -> dotted key and value."""
    return {
        "--teacher": ("teacher.model", teacher),
        "--base-url": ("teacher.base_url", base_url),
        "--cycles": ("stop.cycles", cycles),
        "--budget-samples": ("budget.samples", budget_samples),
        "--budget-tokens": ("budget.tokens", budget_tokens),
        "--budget-usd": ("budget.usd", budget_usd),
    }
