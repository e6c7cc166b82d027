"""What the servers on this machine have in common: a socket on the loopback interface, and the names they answer to."""

import os
import socket

from evokd.messages.base import InputError

HOST = "127.0.0.1"
"""Nobody else's machine may reach these servers: they ask for no key."""


def listen(port: int) -> socket.socket:
    """Open a socket that listens on the loopback interface.

    Args:
        port: TCP port, 0 for any free one.

    Raises:
        InputError: the port cannot be used.
    """
    if not 0 <= port <= 65535:
        raise InputError(f"port {port}: a port lies between 0 (any free one) and 65535")
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if os.name == "posix":  # elsewhere it would let two programs listen on one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except OSError as exc:
        listener.close()
        reason = exc.strerror or str(exc)
        raise InputError(
            f"port {port} on {HOST} cannot be used ({reason}); choose another, or 0 for any free one"
        ) from exc
    return listener
