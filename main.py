"""The command line from a checkout: `python main.py ...` is the same as the installed command `evokd ...`."""

import sys

from evokd.cli.main import run_cli

if __name__ == "__main__":
    sys.exit(run_cli())
