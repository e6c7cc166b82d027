"""The command line from a checkout: `python main.py ...` is the same as the installed command `evokd ...`."""

import sys

try:
    from evokd.cli.main import run_cli
except ModuleNotFoundError as exc:
    if exc.name != "evokd":
        raise
    sys.exit("evokd: this Python does not have the package; run `make setup`, then .venv/bin/python main.py ...")

if __name__ == "__main__":
    sys.exit(run_cli())
