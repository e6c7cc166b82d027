"""`evokd check` warns of a student that its device cannot train, and advises adapters for a large one."""

from dataclasses import replace
from pathlib import Path

import pytest

from evokd.graph.checkup import memory_finding
from evokd.graph.checkup.memory_finding import estimate_bytes, find_memory_faults, measure_device
from evokd.graph.setup.plan import Plan, plan_run
from evokd.messages.finding import Finding
from evokd.student.footprint import EncoderShape
from evokd.student.student_settings import StudentSettings

LARGE = EncoderShape(434_000_000, words=50_000, word_size=1024, layers=24, hidden=1024, intermediate=4096, heads=16)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_run("support_tickets", "evokd", [])


def find(plan: Plan, monkeypatch: pytest.MonkeyPatch, gigabytes: float, **settings: object) -> list[Finding]:
    monkeypatch.setattr(memory_finding, "read_shape", lambda folder: LARGE)
    monkeypatch.setattr(memory_finding, "measure_device", lambda device: ("GPU", round(gigabytes * 1e9)))
    student = StudentSettings.model_validate({**plan.settings.student.model_dump(), **settings})
    return list(find_memory_faults(replace(plan, settings=plan.settings.model_copy(update={"student": student}))))


def test_a_student_too_large_for_its_gpu(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = find(plan, monkeypatch, 6)
    assert (found.level, found.code) == ("warning", "student_memory")
    assert "434 million parameters), and the GPU has 6.0 GB" in found.text
    ways = "--set student.lora.rank=16 or --set student.gradient_checkpointing=true or --set student.tune=head"
    assert found.mend == f"{ways}, or a smaller base (--student)"
    assert find(plan, monkeypatch, 6, lora={"rank": 16}) == []


def test_a_large_student_gets_advice(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = find(plan, monkeypatch, 80)
    assert (found.level, found.code, found.mend) == ("hint", "student_large", "--set student.lora.rank=16")
    assert find(plan, monkeypatch, 80, tune="head") == []


def test_the_embedded_student_fits_everywhere(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_finding, "measure_device", lambda device: ("GPU", 4 * 10**9))
    assert list(find_memory_faults(plan)) == []


def test_a_text_is_no_longer_than_the_student_reads(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(plan, monkeypatch, 30, max_length=100_000, lora={"rank": 16}) == []


def test_a_gpu_that_is_asked_for_and_not_there_is_told(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_finding, "read_memory", dict)
    (found,) = find(plan, monkeypatch, 30, device="cuda", lora={"rank": 16})
    assert (found.level, found.code) == ("warning", "student_device")
    assert "student.device is cuda, and no driver of NVIDIA's is found here" in found.text
    monkeypatch.setattr(memory_finding, "read_memory", lambda: {"0": 24_576 * 2**20})
    assert find(plan, monkeypatch, 30, device="cuda", lora={"rank": 16}) == []


def test_the_driver_is_asked_for_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 0, 24576\necho 1, 8192\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(tool))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert measure_device("auto") == ("GPU", 24_576 * 2**20)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    assert measure_device("auto") == ("GPU", 8_192 * 2**20)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8d2f")  # which is not compared with the memory of the machine
    assert measure_device("auto") is None
    told = measure_device("cpu")
    assert told is not None
    assert told[0] == "CPU"
    tool.write_text("#!/bin/sh\necho no devices found\n", encoding="utf-8")
    told = measure_device("auto")
    assert told is not None
    assert told[0] == "CPU"


def test_bfloat16_is_counted_on_a_gpu_alone() -> None:
    settings = StudentSettings()
    assert estimate_bytes(LARGE, settings, is_gpu=True) != estimate_bytes(LARGE, settings, is_gpu=False)
