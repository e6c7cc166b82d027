"""Draw the picture of the README: a real run of the demo as it looks in a terminal, and the start of `evokd show`.

python -m benchmarks.picture            # writes docs/demo.svg
"""

import argparse
import re
import tempfile
from pathlib import Path

from rich.console import Console

from graph.config import Layer
from graph.folder import RunFolder
from graph.plan import plan_run
from graph.run import start_run
from main import tell_result
from tracing.live import Progress
from tracing.show import open_ledger, show_weakness

WIDTH = 118
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cycles", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("docs/demo.svg"))
    arguments = parser.parse_args()
    plan = plan_run(
        "support_tickets",
        "evokd",
        [Layer("--cycles", {"stop": {"cycles": arguments.cycles}}), Layer("--seed", {"seed": arguments.seed})],
    )
    console = Console(record=True, width=WIDTH, force_terminal=True, force_interactive=False)
    console.print(f"$ evokd run support_tickets --cycles {arguments.cycles} --seed {arguments.seed}", highlight=False)
    with tempfile.TemporaryDirectory() as runs:
        # the live line is left out: a picture has no time
        progress = Progress(console)
        summary = start_run(plan, Path(runs), "demo", (progress,))
        progress.folder = "runs/demo"
        tell_result(console, summary, progress.folder)
        console.print("$ evokd show demo --weakness c001-w1", highlight=False)
        show_weakness(console, open_ledger(RunFolder(Path(runs) / "demo").ledger), "c001-w1")
        text = console.export_svg(title="evokd").replace(runs, "runs")
    text = re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL).replace("Fira Code, monospace", FONT)
    arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
