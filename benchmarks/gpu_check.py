"""Check on a machine with a CUDA device what the tests cannot check without one. Under four minutes.

python -m benchmarks.gpu_check
python -m benchmarks.gpu_check --base FOLDER      # a sentence encoder other than the packaged one

Trains on shipped texts and prints a line with figures per check. Exit code 0: all well, 1: a check failed, 2: no CUDA
device.
"""

import argparse
import asyncio
import gc
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

# As the student process has it: read once, when CUDA starts.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from transformers.utils import logging

import evokd.student.predict
from benchmarks.gpu_tools import Bench, Diverging, counted_halvings, expect, limit, measure
from evokd.student.memory import release
from evokd.student.predict import predict
from evokd.student.process.client import StudentClient
from evokd.student.protocol import Compute, PredictJob, StudentError, TrainResult
from evokd.student.training.train import train

MIB = 2**20
ENOUGH = {"classification": {"head": 0.5, "full": 0.9}, "ner": {"head": 0.2, "full": 0.8}}
"""What a student reaches on its own training texts: accuracy, or entity F1."""
BATCH = 512
"""Texts of a batch that needs far more than the weights."""


def check_training(bench: Bench, task: str, tune: str) -> str:
    """`auto` takes the GPU, and bfloat16 for a full training; the student learns."""
    rate, steps = (1e-4, 300) if task == "classification" else (3e-4, 200)
    job = bench.job(task, f"{task}-{tune}", tune=tune, steps=steps, min_epochs=0, rate=rate)
    result = train(job)
    expected = "bfloat16" if tune == "full" and torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    expect(result.device == "cuda", f"device {result.device}")
    expect(result.precision == expected, f"precision {result.precision}, not {expected}")
    expect(not result.faults, f"faults {result.faults}")
    score = bench.score(job)
    expect(score >= ENOUGH[task][tune], f"score {score:.3f} on its own texts, below {ENOUGH[task][tune]}")
    return (
        f"{result.precision}, {result.steps} steps in {result.seconds:.1f} s, loss {result.loss:.4f}, score {score:.3f}"
    )


def check_answers(bench: Bench, task: str) -> str:
    """A student trained on the GPU answers on the CPU as it does on the GPU."""
    folder = str(bench.place / f"{task}-full")
    texts = [row.text for row in bench.rows[task]]
    gpu, cpu = (
        predict(PredictJob(folder=folder, texts=texts, compute=Compute(device=device))) for device in ("cuda", "cpu")
    )
    same = sum(one.answer == two.answer for one, two in zip(gpu, cpu, strict=True)) / len(texts)
    gap = max(abs(one.confidence - two.confidence) for one, two in zip(gpu, cpu, strict=True))
    expect(same >= 0.99, f"only {same:.4f} of the answers are the same")
    expect(gap <= 2e-3, f"confidence differs by {gap:.5f}")
    return f"{len(texts)} texts, {same:.4f} of the answers the same, confidence differs by {gap:.1e} at most"


def check_repeat(bench: Bench) -> str:
    """The same job gives the same weights, also where texts are long."""
    jobs = [
        bench.job("classification", name, long=True, tune="full", steps=20, min_epochs=0) for name in ("one", "two")
    ]
    losses = [train(job).loss for job in jobs]
    one, two = (Path(job.out, "model.safetensors").read_bytes() for job in jobs)
    expect(one == two, f"weights are not the same bytes, losses {losses}")
    return f"weights are the same bytes, losses {losses[0]} and {losses[1]}"


def check_shortage(bench: Bench, task: str) -> str:
    """A batch that does not fit is computed in parts, with the same samples per step."""
    job = bench.job(task, "short", count=400, long=True, tune="full", steps=3, min_epochs=0, batch=BATCH)
    whole, weights, peak = measure(job)
    expect(not whole.faults, f"faults without a limit: {whole.faults}")
    with limit(weights + 0.3 * (peak - weights)) as allowed:
        short = train(job)
    expect(bool(short.faults) and "out of memory" in short.faults[0], f"faults {short.faults}")
    expect(short.at_once is not None and short.at_once < BATCH, f"{short.at_once} at once")
    expect(short.steps == whole.steps == 3, f"{short.steps} steps, not {whole.steps}")
    expect(abs(short.loss - whole.loss) < 0.15, f"loss {short.loss:.4f}, not near {whole.loss:.4f}")
    return (
        f"peak {peak / MIB:.0f} MiB with {BATCH} at once; with {allowed / MIB:.0f} MiB {short.at_once} at once after"
        f" {len(short.faults)} halvings, loss {short.loss:.4f} (whole {whole.loss:.4f})"
    )


def check_short_answers(bench: Bench) -> str:
    """Predictions halve their batches where memory runs short, and answer the same."""
    folder = str(bench.place / "classification-full")
    texts = [f"{row.text} " + "and so on " * 60 for row in bench.rows["classification"][:BATCH]]
    usual, evokd.student.predict._BATCH = evokd.student.predict._BATCH, BATCH
    release()
    torch.cuda.reset_peak_memory_stats()
    weights = torch.cuda.memory_reserved() + Path(folder, "model.safetensors").stat().st_size
    try:
        whole = predict(PredictJob(folder=folder, texts=texts))
        peak = torch.cuda.max_memory_reserved()
        with counted_halvings() as halvings, limit(weights + 0.3 * (peak - weights)) as allowed:
            parts = predict(PredictJob(folder=folder, texts=texts))
    finally:
        evokd.student.predict._BATCH = usual
    expect(len(halvings) > 0, f"no halving with {allowed / MIB:.0f} MiB, peak {peak / MIB:.0f} MiB")
    same = sum(one.answer == two.answer for one, two in zip(whole, parts, strict=True)) / len(texts)
    gap = max(abs(one.confidence - two.confidence) for one, two in zip(whole, parts, strict=True))
    expect(same >= 0.99, f"only {same:.4f} of the answers are the same")
    expect(gap <= 2e-3, f"confidence differs by {gap:.5f}")
    return (
        f"peak {peak / MIB:.0f} MiB with {BATCH} at once; with {allowed / MIB:.0f} MiB {len(halvings)} halvings,"
        f" {same:.4f} of the answers the same, confidence differs by {gap:.1e} at most"
    )


def check_hopeless(bench: Bench) -> str:
    """Where not even one text fits, the error says what was tried, and the next training works."""
    job = bench.job("classification", "hopeless", tune="full", steps=2, min_epochs=0, batch=4)
    said = ""
    with limit(torch.cuda.memory_reserved() + 8 * MIB):
        try:
            train(job)
        except StudentError as exc:
            said = str(exc)
    release()
    expect(said.startswith("training ran out of memory with 4, 2, 1 texts at once; set"), f"said {said!r}")
    expect(not train(job).faults, "the next training has faults")
    return f"said: {said}"


def check_divergence(bench: Bench) -> str:
    """A loss that is not a number brings the start's weights back and lowers the rate."""
    job = bench.job("classification", "wild", tune="full", steps=60, min_epochs=0, rate=1.6e-3)
    plain = bench.job("classification", "plain", tune="full", steps=60, min_epochs=0, rate=1e-4)
    kind = torch.optim.AdamW
    torch.optim.AdamW = Diverging  # type: ignore[misc]
    try:
        result = train(job)
    finally:
        torch.optim.AdamW = kind  # type: ignore[misc]
    calm = train(plain)
    expect(len(result.faults) == 2 and result.rate is not None, f"faults {result.faults}")
    expect(abs((result.rate or 0) - 1e-4) < 1e-9, f"rate {result.rate}")
    expect(abs(result.loss - calm.loss) < 0.02, f"loss {result.loss:.5f}, a training at that rate {calm.loss:.5f}")
    one, two = (Path(out, "model.safetensors").read_bytes() for out in (job.out, plain.out))
    equal = "the same bytes as" if one == two else "near those of"
    return f"{result.faults[0]!r}, then rate {result.rate:g}; weights {equal} a training at that rate"


def check_release(bench: Bench) -> str:
    """Trainings leave nothing behind on the GPU."""
    left: list[tuple[int, int]] = []
    for number in range(4):
        job = bench.job("ner", "left", tune="full", steps=5 + number, min_epochs=0)
        train(job)
        predict(PredictJob(folder=job.out, texts=[row.text for row in job.examples]))
        release()
        left.append((torch.cuda.memory_allocated(), torch.cuda.memory_reserved()))
    told = ", ".join(f"{allocated / MIB:.1f}/{reserved / MIB:.1f}" for allocated, reserved in left)
    # cuBLAS keeps its workspace.
    expect(left[-1][0] <= left[0][0] + MIB and left[-1][0] <= 128 * MIB, f"allocated/reserved MiB {told}")
    expect(left[-1][1] <= left[0][1] + 4 * MIB, f"allocated/reserved MiB {told}")
    return f"allocated/reserved MiB after each of four trainings: {told}"


def check_process(bench: Bench) -> str:
    """The student process gives its memory back after a call, and all of it when it ends."""
    release()
    free: dict[str, int] = {"before": torch.cuda.mem_get_info()[0]}

    async def ask() -> TrainResult:
        client = StudentClient(bench.place / "student.log")
        try:
            job = bench.job(
                "classification", "child", count=400, long=True, tune="full", steps=3, min_epochs=0, batch=BATCH
            )
            result = await client.train(job)
            free["after the training"] = torch.cuda.mem_get_info()[0]
            await client.predict(Path(job.out), [row.text for row in job.examples[:64]])
            free["after the answers"] = torch.cuda.mem_get_info()[0]
        finally:
            await client.close()
        return result

    result = asyncio.run(ask())
    time.sleep(1)
    free["after its end"] = torch.cuda.mem_get_info()[0]
    used = {when: (free["before"] - value) / MIB for when, value in free.items() if when != "before"}
    told = ", ".join(f"{value:.0f} MiB {when}" for when, value in used.items())
    expect(result.device == "cuda", f"device {result.device}")
    # A CUDA context alone takes about half a gigabyte.
    expect(used["after the training"] < 1536, told)
    expect(used["after its end"] < 64, told)
    return f"process holds {told}"


def main() -> int:
    """Run all checks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="embedded", help="folder of a BERT sentence encoder")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("no CUDA device here: nothing was checked")
        return 2
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    print(f"{torch.cuda.get_device_name(0)}, torch {torch.__version__}, Python {sys.version.split()[0]}", flush=True)
    tasks = ("classification", "ner")
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(options.base, Path(place))
        checks: list[tuple[str, Callable[..., str], Sequence[str]]] = [
            *((f"train {task} {tune}", check_training, (task, tune)) for task in tasks for tune in ("head", "full")),
            *((f"answers {task}", check_answers, (task,)) for task in tasks),
            ("repeat", check_repeat, ()),
            *((f"shortage {task}", check_shortage, (task,)) for task in tasks),
            ("shortage answers", check_short_answers, ()),
            ("shortage for good", check_hopeless, ()),
            ("divergence", check_divergence, ()),
            ("release", check_release, ()),
            ("process", check_process, ()),
        ]
        failed = sum(not run_check(name, check, bench, arguments) for name, check, arguments in checks)
    print(f"{len(checks) - failed} of {len(checks)} checks passed", flush=True)
    return 1 if failed else 0


def run_check(name: str, check: Callable[..., str], bench: Bench, arguments: Sequence[str]) -> bool:
    """Run one check and print its line; a check that fails does not keep the others from running."""
    began = time.monotonic()
    try:
        line, passed = check(bench, *arguments), True
    except Exception as exc:
        if not isinstance(exc, AssertionError):
            traceback.print_exc()
        line, passed = f"{type(exc).__name__}: {exc}", False
    print(f"{'ok  ' if passed else 'FAIL'} {name} ({time.monotonic() - began:.1f} s): {line}", flush=True)
    gc.collect()
    return passed


if __name__ == "__main__":
    sys.exit(main())
