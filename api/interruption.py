"""What signals do to a command: the first one lets its work come to an end in order."""

from evokd.graph.stopping import Stopped, exit_code, signals_stop

__all__ = ["Stopped", "exit_code", "signals_stop"]
