"""`evokd compare`: put finished runs side by side, write what came out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evokd.experiments.chart_data import UNITS
from evokd.experiments.charts import HINT, ChartData, can_draw, draw
from evokd.experiments.finished_runs import (
    Finished,
    describe_gate,
    find_prompt_differences,
    group,
    measure_group,
    pages,
    read_finished,
)
from evokd.graph.setup.run_folder import RunFolder
from evokd.messages import InputError
from evokd.messages.files import write_atomically
from evokd.tracing.files import make_folder, write_json


@dataclass(frozen=True)
class Comparison:
    """Finished runs, grouped into tables."""

    groups: Sequence[Sequence[Finished]]
    record: Mapping[str, Any]
    """As JSON."""
    text: str
    """As Markdown."""


def compare_runs(folders: Sequence[RunFolder]) -> Comparison:
    """Compare finished runs; runs that were not scored on the same get a table of their own.

    Raises:
        InputError: a run has not ended, or is named twice.
    """
    groups = group(read_finished(folders))
    tables = [measure_group(runs) for runs in groups]
    record = {
        "tables": [
            {
                "domain": runs[0].summary["domain"],
                "metric": runs[0].summary["metric"],
                "gate": describe_gate(runs),
                "runs": rows,
                "prompts": find_prompt_differences(runs, rows),
            }
            for runs, rows in zip(groups, tables, strict=True)
        ]
    }
    return Comparison(groups, record, "\n".join(pages(groups, tables)).rstrip() + "\n")


def write_comparison(comparison: Comparison, out: Path) -> None:
    """Write `compare.md`, `compare.json` and, where they can be drawn, pictures of the gate metric.

    Raises:
        InputError: the folder cannot be written.
    """
    make_folder(out, "--out")
    try:
        _write(comparison, out)
    except OSError as exc:
        path = exc.filename or out
        raise InputError(
            f"--out {path}: cannot be written ({exc.strerror}); make room, or name another folder"
        ) from exc


def _write(comparison: Comparison, out: Path) -> None:
    write_json(out / "compare.json", comparison.record)
    charts = list(make_gate_charts(comparison.groups))
    text = f"# Comparison\n\n{comparison.text}"
    if charts and can_draw():
        for chart in charts:
            draw(chart, out / "pictures")
        images = [f"![{chart.name}](pictures/{chart.name}.svg)\n" for chart in charts]
        text += "\n## Pictures\n\n" + "\n".join(images)
    elif charts:
        text += f"\nNo pictures: {HINT}\n"
    write_atomically(out / "compare.md", text)


def make_gate_charts(groups: Sequence[Sequence[Finished]]) -> Iterator[ChartData]:
    """A picture per table and unit: the champion's gate metric after every cycle, a line per run."""
    for number, runs in enumerate(groups, start=1):
        first = runs[0]
        for over, unit in UNITS.items():
            curves = {run.name: run.curve(over) for run in runs if len(run.curve(over)) > 1}
            limit = max((curve[-1][0] for curve in curves.values()), default=0)
            if limit:
                yield ChartData(
                    name=f"{number}-{first.summary['domain']}-{over}",
                    title=f"{first.summary['domain']}: {first.summary['gate_metric']} over {over}",
                    subtitle=[f"the gate's measure: {describe_gate(runs)}", "each line is one run"],
                    x=unit,
                    y=f"{first.summary['gate_metric']} at the gate (0 to 1)",
                    limit=limit,
                    curves={name: [curve] for name, curve in curves.items()},
                )
