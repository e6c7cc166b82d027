"""Options and arguments that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

RunsDir = Annotated[Path, typer.Option("--runs-dir", help="Folder that holds the runs.")]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run id in the runs folder, or a path.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines on standard output, the rest on standard error.")]
DomainArgument = Annotated[
    str, typer.Argument(metavar="DOMAIN", help="A domain folder, or the name of a shipped domain.")
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
