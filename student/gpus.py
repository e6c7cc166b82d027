"""Which GPUs this process may use, and how much memory they have. Light: no torch; NVIDIA's driver is asked."""

import os
import shutil
import subprocess
from dataclasses import dataclass

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""Environment variable by which CUDA shows a process some of the GPUs, in that order."""
_MIB = 2**20
_SECONDS = 5.0
"""Seconds that the driver may take."""


@dataclass(frozen=True)
class Gpu:
    """A GPU that this process may use."""

    name: str
    """As `CUDA_VISIBLE_DEVICES` has it: a number, or a UUID."""
    memory: int | None
    """Bytes; None where the driver does not know it by this name, such as a UUID."""


def read_memory() -> dict[str, int]:
    """Ask the driver for the bytes of each GPU, by its number; empty where there is no driver of NVIDIA's."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return {}
    command = [tool, "--query-gpu=index,memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
        rows = [line.split(",") for line in said.splitlines() if line.strip()]
        return {number.strip(): int(size) * _MIB for number, size in rows}
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}


def list_gpus() -> list[str]:
    """List the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    shown = _list_shown()
    return list(read_memory()) if shown is None else shown


def find_first() -> Gpu | None:
    """Find the GPU that torch takes; None where there is none."""
    sizes, shown = read_memory(), _list_shown()
    first = next(iter(sizes if shown is None else shown), None)
    return None if first is None or not sizes else Gpu(first, sizes.get(first))


def _list_shown() -> list[str] | None:
    """List the GPUs that the environment shows this process; None: all that there are."""
    named = os.environ.get(VISIBLE)
    if named is None:
        return None
    # CUDA passes over what comes behind a number below 0.
    found: list[str] = []
    for name in (part.strip() for part in named.split(",")):
        if not name or name.startswith("-"):
            break
        found.append(name)
    return found
