"""Devices, number formats, threads and reproducible random numbers of torch."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from evokd.messages import InputError
from evokd.messages.cores import count_cores
from evokd.student.student_settings import Device, Precision

_FLOAT32_ONLY = ("deberta",)
"""Kinds of models whose code overflows in bfloat16: they mask attention with float32's lowest number."""
_CPU_SIGNS = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
"""What torch asks a CPU, by version; a version without the question counts as a no."""


def pick_device(device: Device) -> torch.device:
    """Choose where to compute.

    Raises:
        InputError: a GPU is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise InputError("student.device: cuda asked for, but torch finds no GPU; use auto or cpu")
    return torch.device("cuda" if available and device != "cpu" else "cpu")


def pick_precision(precision: Precision, device: torch.device, kind: str = "") -> torch.dtype:
    """Choose the number format of training: bfloat16 only where the hardware computes in it, unless it is asked for.

    Args:
        precision: what the user asks for.
        device: where it is computed.
        kind: `model_type` of the model; some kinds cannot compute in bfloat16.

    Raises:
        InputError: bfloat16 is asked for, and the kind of model cannot compute in it.
    """
    if kind in _FLOAT32_ONLY:
        if precision == "bfloat16":
            raise InputError(
                f"student.precision: models of kind {kind} do not compute in bfloat16; use auto or float32"
            )
        return torch.float32
    if precision == "auto":
        if device.type == "cuda":
            able = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            # On a CPU without it bfloat16 is emulated and slower than float32.
            able = any(getattr(torch.cpu, name, bool)() for name in _CPU_SIGNS)
        return torch.bfloat16 if able else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def set_threads(threads: int | None) -> None:
    """Fix the number of CPU threads; sums, and so weights, depend on it."""
    wanted = threads or count_cores()
    if torch.get_num_threads() != wanted:
        torch.set_num_threads(wanted)


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Compute the forward pass in bfloat16 where `dtype` says so; weights stay float32."""
    return torch.autocast(device.type, dtype) if dtype == torch.bfloat16 else nullcontext()


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Run a block with deterministic kernels and its own random state; the state before comes back after it.

    Dropout and fresh layers take no generator, so torch's global one is seeded, but only inside the block.
    """
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    before = torch.are_deterministic_algorithms_enabled()
    # The fused kernels of attention add up gradients in any order on a GPU as long as torch only warns; the plain one
    # does not. On a CPU all are deterministic.
    attention = sdpa_kernel(SDPBackend.MATH) if devices else nullcontext()
    with torch.random.fork_rng(devices), attention:
        torch.manual_seed(seed)
        # On a GPU an operation without a deterministic kernel must not abort the run; torch warns of it in the log.
        torch.use_deterministic_algorithms(True, warn_only=torch.cuda.is_available())
        # Filling fresh memory would catch reads of it; there are none here, and it costs time.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
