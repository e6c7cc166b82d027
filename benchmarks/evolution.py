"""Run the evolution loop on domains over several seeds and print what it gained, beside the full-corpus student.

    python -m benchmarks.evolution support_tickets --seeds 5 --cycles 5 --ceiling
    python -m benchmarks.evolution ../shared/data/ag_news --seeds 3 --budget-samples 240

Runs that have ended are not run again, so an interrupted benchmark goes on where it was.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graph.config import Layer, parse_assignments
from graph.domain import Domain
from graph.folder import RunFolder
from graph.plan import Plan, plan_run
from graph.run import resume_run, start_run
from student.client import StudentClient, TrainExample, TrainJob
from student.data import read_examples
from tracing.summary import read_summary


def main() -> None:
    arguments = _parse()
    rows = []
    for name in arguments.domain:
        for seed in range(1, arguments.seeds + 1):
            plan = plan_run(name, arguments.preset, _layers(arguments, seed))
            summary = _run(plan, arguments.runs_dir, f"{plan.domain.file.name}-{arguments.tag}-s{seed}")
            rows.append(_row(summary, plan, seed, arguments))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    _print_table(rows)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("domain", nargs="+")
    parser.add_argument("--preset", default="evokd")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 1 to N")
    parser.add_argument("--cycles", type=int)
    parser.add_argument("--budget-samples", type=int)
    parser.add_argument("--ceiling", action="store_true", help="train on the whole corpus as well")
    parser.add_argument("--ceiling-passes", type=float, default=8.0, help="passes over it")
    parser.add_argument("--set", action="append", default=[], metavar="a.b=c")
    parser.add_argument("--tag", default="bench", help="part of the run ids")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs/bench"))
    return parser.parse_args()


def _layers(arguments: argparse.Namespace, seed: int) -> list[Layer]:
    layers = [parse_assignments(arguments.set), Layer("--seed", {"seed": seed})]
    if arguments.cycles is not None:
        layers.append(Layer("--cycles", {"stop": {"cycles": arguments.cycles}}))
    if arguments.budget_samples is not None:
        layers.append(Layer("--budget-samples", {"budget": {"samples": arguments.budget_samples}}))
    return layers


def _run(plan: Plan, runs_dir: Path, run_id: str) -> Mapping[str, Any]:
    folder = RunFolder(runs_dir / run_id)
    done = read_summary(folder.summary)
    if done is not None:
        return done
    return resume_run(folder) if folder.config.is_file() else start_run(plan, runs_dir, run_id)


def _row(summary: Mapping[str, Any], plan: Plan, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    start, final = summary["start"]["test"], summary["final"]["test"]
    row = {
        "domain": summary["domain"],
        "seed": seed,
        "metric": summary["metric"],
        "start": start[summary["metric"]],
        "final": final[summary["metric"]],
        "second": final[plan.domain.codec.metrics[1]],
        "samples": summary["totals"]["samples"],
        "tokens": summary["totals"]["input_tokens"] + summary["totals"]["output_tokens"],
        "seconds": summary["totals"]["seconds"],
    }
    if arguments.ceiling:
        path = arguments.runs_dir / f"{plan.domain.file.name}-{arguments.tag}-ceiling-s{seed}"
        row["ceiling"] = asyncio.run(_train_ceiling(plan, path, seed, arguments.ceiling_passes))
    return row


async def _train_ceiling(plan: Plan, path: Path, seed: int, passes: float) -> float:
    """The headline metric on test data of the same student trained on the seeds and the whole corpus."""
    result = path / "result.json"
    if result.is_file():
        return float(json.loads(result.read_text(encoding="utf-8"))["score"])
    domain = plan.domain
    client = StudentClient(path / "student.log")
    try:
        settings = plan.settings.student.model_copy(update={"passes": passes})
        job = TrainJob(
            task=domain.codec.name,
            labels=list(domain.codec.labels),
            examples=_corpus(domain),
            out=str(path / "student"),
            settings=settings,
            seed=seed,
        )
        await client.train(job)
        answers = await client.predict(path / "student", [example.text for example in domain.test])
    finally:
        await client.close()
    gold = [example.gold for example in domain.test]
    score = domain.codec.evaluate(gold, [item.answer for item in answers]).metrics[domain.metric]
    result.write_text(json.dumps({"score": score}), encoding="utf-8")
    return score


def _corpus(domain: Domain) -> list[TrainExample]:
    assert domain.corpus is not None
    rows = [*domain.seeds, *read_examples(domain.corpus, domain.codec)]
    return [TrainExample(id=f"corpus-{number}", text=row.text, gold=row.gold) for number, row in enumerate(rows)]


def _print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    print(f"\n{time.strftime('%Y-%m-%d')}: python -m benchmarks.evolution {' '.join(sys.argv[1:])}\n")
    print(
        "| domain | seeds | metric | start | final | gain | 2nd metric | full corpus | share | samples | tokens | s |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for name in dict.fromkeys(row["domain"] for row in rows):
        group = [row for row in rows if row["domain"] == name]
        ceiling = [row["ceiling"] for row in group if "ceiling" in row]
        share = f"{statistics.mean(row['final'] for row in group) / statistics.mean(ceiling):.1%}" if ceiling else "-"
        gains = [row["final"] - row["start"] for row in group]
        cells = [
            name,
            str(len(group)),
            group[0]["metric"],
            _spread([row["start"] for row in group]),
            _spread([row["final"] for row in group]),
            _spread(gains),
            _spread([row["second"] for row in group]),
            _spread(ceiling) if ceiling else "-",
            share,
            f"{statistics.mean(row['samples'] for row in group):.0f}",
            f"{statistics.mean(row['tokens'] for row in group):,.0f}",
            f"{statistics.mean(row['seconds'] for row in group):.0f}",
        ]
        print("| " + " | ".join(cells) + " |")


def _spread(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds."""
    deviation = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{deviation}"


if __name__ == "__main__":
    main()
