"""Make the experiments and print the table of what was promised and measured.

python -m tests.chaos [--only kills,faults] [--short] [--kills N] [--seed N] [--out FILE] [--keep FOLDER]
"""

import argparse
import sys
import tempfile
import traceback
from pathlib import Path

from tests.chaos import caps, database, disk, inside, kills, outage, parking, secrets, storm, twins
from tests.chaos.lab import Experiment, Lab, write_table

EXPERIMENTS: dict[str, Experiment] = {
    kills.NAME: kills.kill_runs,
    storm.NAME: storm.storm_runs,
    outage.NAME: outage.interrupt_service,
    inside.NAME: inside.report_inside,
    caps.NAME: caps.cap_runs,
    secrets.NAME: secrets.keep_secret,
    disk.NAME: disk.fill_disk,
    twins.NAME: twins.resume_twice,
    parking.NAME: parking.park_runs,
    database.NAME: database.kill_both,
}
SHORT = ("kills", "faults", "caps", inside.NAME, parking.NAME)


def main() -> int:
    """Make the experiments; returns 1 when any promise is broken."""
    parser = argparse.ArgumentParser(description="experiments with faults and kills")
    parser.add_argument("--only", help=f"names with commas between them: {', '.join(EXPERIMENTS)}")
    parser.add_argument("--short", action="store_true", help="word students, few kills: about a minute")
    parser.add_argument("--kills", type=int, help="kills of the first experiment (50; 8 of the short form)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the faults and of the kills")
    parser.add_argument("--out", type=Path, help="file that also gets the table")
    parser.add_argument("--keep", type=Path, help="folder for the runs, which is kept")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(SHORT if options.short else EXPERIMENTS)
    unknown = [name for name in names if name not in EXPERIMENTS]
    if unknown:
        parser.error(f"--only: no experiment {unknown[0]!r}; there are {', '.join(EXPERIMENTS)}")
    with tempfile.TemporaryDirectory(prefix="evokd-chaos-", ignore_cleanup_errors=True) as place:
        folder = (options.keep or Path(place)).resolve()
        number = options.kills if options.kills is not None else (8 if options.short else 50)
        lab = Lab(folder, options.seed, options.short, number)
        try:
            for name in names:
                _make(lab, name)
        finally:
            lab.close()
    table = write_table(lab.rows)
    sys.stdout.write(table)
    if options.out is not None:
        options.out.write_text(table, encoding="utf-8")
    lab.say(
        f"{sum(row.kept is True for row in lab.rows)} promises kept, "
        f"{sum(row.kept is False for row in lab.rows)} broken"
    )
    return int(any(row.kept is False for row in lab.rows))


def _make(lab: Lab, name: str) -> None:
    lab.say(f"{name} ...")
    began = len(lab.rows)
    try:
        EXPERIMENTS[name](lab)
    except Exception as exc:  # one experiment that cannot be made must not hide what the others found
        traceback.print_exc()
        lab.note(name, "the experiment can be made", type(exc).__name__, False, str(exc).splitlines())
    broken = sum(row.kept is False for row in lab.rows[began:])
    lab.say(f"{name}: {len(lab.rows) - began} lines, {broken} broken")


if __name__ == "__main__":
    sys.exit(main())
