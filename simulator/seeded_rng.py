"""Stateless random numbers: every draw is a function of its arguments."""

import hashlib
import json

import numpy as np


def hash_key(*parts: object) -> bytes:
    """Hash JSON values canonically; the same values give the same 32 bytes in every process."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode("ascii")).digest()


def draw_share(*parts: object) -> float:
    """Draw a uniform number from [0, 1) that depends on the parts alone."""
    return int.from_bytes(hash_key(*parts)[:7], "big") / 2**56


def open_stream(*parts: object) -> np.random.Generator:
    """Open a stream of random numbers that depends on the parts alone."""
    return np.random.default_rng(int.from_bytes(hash_key(*parts)[:16], "big"))
