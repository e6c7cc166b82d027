"""The command line as `python -m evokd ...`."""

import sys

from evokd.cli.main import run_cli

if __name__ == "__main__":
    sys.exit(run_cli())
