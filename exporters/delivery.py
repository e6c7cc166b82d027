"""What exporters have in common: how they are told of a run, and how they say that they failed."""

from importlib.util import find_spec
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from evokd.exporters.source import RunSource
from evokd.messages import EvokdError, InputError
from evokd.messages.escape import clean


class DeliveryError(EvokdError):
    """A receiver did not take what was sent; the message says why, in one line."""


class Exporter(Protocol):
    """Sends a run somewhere. What was sent once is not sent again by the same object."""

    option: str
    """How it is asked for on the command line, such as `--trace http://127.0.0.1:6006`."""
    address: str
    """Where it sends to, without what is secret in it."""
    unit: str
    """What it counts, such as `spans`."""

    def send(self, source: RunSource, cycles: int, ended: bool) -> None:
        """Send what was not sent yet.

        Args:
            source: the run.
            cycles: how many cycles are over, cycle 0 included.
            ended: whether the run has ended, so that it can be sent whole.

        Raises:
            DeliveryError: the receiver did not take all of it; the rest is sent with the next call.
        """

    def count_left(self, source: RunSource, cycles: int, ended: bool) -> int:
        """Count what `send` would send."""


def is_installed(module: str) -> bool:
    """Tell whether a module, such as one of an extra, can be imported."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False


def hide_secrets(address: str) -> str:
    """Write an address without a user's name, a password and a query, so that it can be shown."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "an address that cannot be read"
    if not parts.netloc:
        return clean(address, 200) if "@" not in address else "an address that cannot be read"
    return clean(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")), 200)


def check_address(address: str, option: str) -> None:
    """Check that an address is one of HTTP.

    Raises:
        InputError: it is none; nothing was sent.
    """
    try:
        parts = urlsplit(address)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        shown = hide_secrets(address)
        raise InputError(f"{option}: expected an address such as http://127.0.0.1:6006, got {shown!r}")
