"""Compare presets on domains by experiments, and finished runs with one another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evokd.api.record import Run, open_run
from evokd.api.settings import ConfigSource, Settings, to_sources
from evokd.experiments.comparison import Comparison, compare_runs, write_comparison
from evokd.experiments.driver import Results, drive
from evokd.experiments.report import write_report
from evokd.experiments.results import SHARES
from evokd.experiments.spec import Arm, ExperimentSpec, plan_experiment, read_arm
from evokd.jobs.ray_cluster import RayOptions


@dataclass(frozen=True)
class BenchReport:
    """The report of an experiment."""

    record: Mapping[str, Any]
    """What `report.json` holds."""
    path: Path
    """The report to read."""
    results: Results

    def check(self) -> None:
        """Raise where a run could not be done; the others are in the report.

        Raises:
            EvokdError: names the first failure, and how to go on.
        """
        self.results.check()


def bench(
    domains: Sequence[str],
    presets: Sequence[str] = ("evokd",),
    *,
    variants: Sequence[str] = (),
    seeds: Sequence[int] = (1, 2, 3),
    typicality: Sequence[float] = (),
    noise: Sequence[float] = (),
    settings: Settings | None = None,
    target_shares: Sequence[float] = SHARES,
    full_shot_seeds: int | None = None,
    jobs: int | None = None,
    ray: RayOptions | None = None,
    out: Path = Path("bench"),
    command: str = "",
    on_event: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> BenchReport:
    """Run presets on domains from the same start, scored on test data after every cycle.

    What is done in the folder is not done again.

    Args:
        domains: domain folders or shipped domains.
        presets: the first is the reference.
        variants: presets under other settings, each `NAME:PRESET:a.b=c,d.e=f`.
        seeds: of each run.
        typicality: of the rehearsal teacher, 0 to 1; none: as the settings say.
        noise: of the rehearsal teacher, 0 to 1; none: as the settings say.
        settings: of all runs. Tokens alone end the runs where they are limited and samples are not mentioned.
        target_shares: shares of the full-shot score whose price is reported, above 0 up to 1.
        full_shot_seeds: of how many seeds a student is trained on the whole corpus; 0: none, None: all.
        jobs: processes; None: one per core.
        ray: the Ray cluster whose machines do the runs; None: this machine alone.
        out: folder of the experiment.
        command: how the report says that it is made again.
        on_event: called with `planned`, `started`, `cycle`, `done`, `failed`, `repeated`; on Ray also with `cluster`,
            `waiting` (no machine has room) and `unfit` (a machine that came later cannot make these runs).

    Raises:
        InputError: what is wrong with domains, presets or settings, and how to mend it.
    """
    sources = to_sources(settings)
    arms = [*(Arm(name, name) for name in presets), *(read_arm(text) for text in variants)]
    spec = ExperimentSpec(
        domains=list(domains),
        arms=arms,
        seeds=seeds,
        typicality=typicality or (None,),
        noise=noise or (None,),
        layers=[_make_defaults(sources), *sources],
    )
    experiment = plan_experiment(spec)
    results = drive(experiment, out, jobs, full_shot_seeds, on_event, ray)
    record = write_report(experiment, results, out, command, target_shares)
    return BenchReport(record, out / "report.md", results)


def _make_defaults(sources: Sequence[ConfigSource]) -> ConfigSource:
    """What experiments set otherwise than runs."""
    # one thread each: a result does not depend on how many processes there are
    defaults: dict[str, Any] = {"student": {"threads": 1}}
    given = [source.values.get("budget") for source in sources]
    budgets = [budget for budget in given if isinstance(budget, Mapping)]
    if any("tokens" in budget for budget in budgets) and not any("samples" in budget for budget in budgets):
        defaults["budget"] = {"samples": None}
    return ConfigSource("bench", defaults)


def compare(runs: Sequence[str | Path | Run], runs_dir: str | Path = "runs", out: Path | None = None) -> Comparison:
    """Compare finished runs; those that cannot be compared come into tables of their own.

    Args:
        runs: runs, their folders, or their ids in `runs_dir`; `example` is the shipped run.
        runs_dir: folder that holds the runs.
        out: folder for compare.md, compare.json and pictures; None: nothing is written.

    Raises:
        InputError: a run is not there or has not ended.
    """
    opened = [open_run(run, runs_dir) for run in runs]
    comparison = compare_runs([run.folder for run in opened])
    if out is not None:
        write_comparison(comparison, out)
    return comparison
