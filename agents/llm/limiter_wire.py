"""What the server of shared limiters and its clients say to each other: JSON objects, one a line, over TCP.

A client begins with `{"token"}` and is answered `{"welcome": true}`. Then it may send, for an address `url`:

    {"do": "open", "url", "most", "limits"}   before anything else about that address
    {"do": "take", "url", "call", "tokens"}   a call wants a slot; it is numbered by the client
    {"do": "reserved", "call"}                it has reserved its share of the budget
    {"do": "free", "call"}                    it has ended, or is given up
    {"do": "settle", "url", "booked", "used"}, {"do": "answered", "url", "role", "seconds"},
    {"do": "overloaded", "url", "wait"}       see `Limiter`

The server sends `{"call", "state": "slot"}` when a call has its slot, and `{"call", "state": "start"}` when it may
start, which it does after `reserved`. Once a connection ends, the slots of its calls are free.
"""

import asyncio
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_LINE = 65_536
"""Bytes of a message at most."""
_SILENCE = 20
"""Seconds after which a machine that says nothing any more counts as gone."""
_PROBE = 5
"""Seconds from one question whether it is still there to the next."""
_PROBES = {
    "TCP_KEEPIDLE": _PROBE,
    "TCP_KEEPALIVE": _PROBE,
    "TCP_KEEPINTVL": _PROBE,
    "TCP_KEEPCNT": _SILENCE // _PROBE - 1,
}
"""Options of a connection that nothing is sent over; not every system has all of them."""


@dataclass(frozen=True)
class LimiterAddress:
    """Where the shared limiters are, for those who share them."""

    host: str
    port: int
    token: str
    """Whoever knows it may take slots."""
    sharers: int
    """How many runs go on at once; each keeps to that part of the limits while the server cannot be reached."""


def encode(message: Mapping[str, Any]) -> bytes:
    """Write a message as one line."""
    return json.dumps(message).encode() + b"\n"


def notice_loss(writer: asyncio.StreamWriter) -> None:
    """Let a connection end when the machine on the other side goes away without a word."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE * 1_000)
