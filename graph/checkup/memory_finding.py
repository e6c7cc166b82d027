"""Findings about a student too large for the device it is trained on. Light: no torch; a GPU's driver is asked."""

import os
from collections.abc import Iterator
from pathlib import Path

from evokd.graph.setup.plan import Plan
from evokd.messages.finding import Finding
from evokd.student.base import find_local
from evokd.student.base_config import read_length
from evokd.student.footprint import LARGE, EncoderShape, compute_need, read_shape
from evokd.student.gpus import find_first, read_memory
from evokd.student.student_settings import Device, LoraSettings, StudentSettings

_GB = 1e9
_RANK = 16
"""Of the adapters that are advised."""
_RESERVE = 1.1
"""What torch takes, in sizes of what it needs: memory that it holds in pieces."""
_START = 800_000_000
"""Bytes of torch and the driver before anything is loaded."""


def find_memory_faults(plan: Plan) -> Iterator[Finding]:
    """Warn of a training without its GPU, or that does not fit even with one text at once; advise adapters."""
    settings = plan.settings.student
    if settings.device == "cuda" and not read_memory():
        text = "student.device is cuda, and no driver of NVIDIA's is found here"
        yield Finding("warning", "student_device", settings.base, text, "train on a machine with a GPU, or set auto")
    folder = find_local(settings.base)
    shape = None if folder is None else read_shape(Path(folder))
    if folder is None or shape is None or settings.tune == "head" or isinstance(settings.max_length, str):
        return
    limit = read_length(Path(folder))
    if limit is not None:
        settings = settings.model_copy(update={"max_length": min(settings.max_length, limit)})
    device = measure_device(settings.device)
    is_gpu = device is not None and device[0] == "GPU"
    need = estimate_bytes(shape, settings, is_gpu=is_gpu)
    millions = f"{shape.parameters / 1e6:,.0f} million parameters"
    if device is not None and need > device[1]:
        name, size = device
        text = f"training needs about {need / _GB:.1f} GB ({millions}), and the {name} has {size / _GB:.1f} GB"
        yield Finding("warning", "student_memory", settings.base, text, _advise(settings))
    elif shape.parameters > LARGE and not settings.lora.rank:
        adapters = settings.model_copy(update={"lora": LoraSettings(rank=_RANK)})
        less = estimate_bytes(shape, adapters, is_gpu=is_gpu)
        text = f"the student has {millions}; training all takes {need / _GB:.1f} GB, adapters {less / _GB:.1f} GB"
        yield Finding("hint", "student_large", settings.base, text, f"--set student.lora.rank={_RANK}")


def estimate_bytes(shape: EncoderShape, settings: StudentSettings, *, is_gpu: bool) -> int:
    """Bytes of a device that training takes with one text at once, which it falls back to where memory runs short."""
    is_bfloat16 = settings.precision != "float32" and is_gpu
    need = compute_need(shape, settings, texts=1, length=settings.length, is_bfloat16=is_bfloat16)
    return round(need.total * _RESERVE) + _START


def measure_device(device: Device) -> tuple[str, int] | None:
    """Say where the student is trained, `GPU` or `CPU`, and the bytes of its memory; None where nothing tells."""
    if device != "cpu":
        gpu = find_first()
        if gpu is not None:
            return None if gpu.memory is None else ("GPU", gpu.memory)
    if not hasattr(os, "sysconf"):
        return None
    try:
        return "CPU", os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):  # not every system tells
        return None


def _advise(settings: StudentSettings) -> str:
    ways = [] if settings.lora.rank else [f"student.lora.rank={_RANK}"]
    if not settings.gradient_checkpointing:
        ways.append("student.gradient_checkpointing=true")
    ways.append("student.tune=head")
    return f"{' or '.join(f'--set {way}' for way in ways)}, or a smaller base (--student)"
